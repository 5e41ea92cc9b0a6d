"""The loads, one file each; `table.py` lists them."""
