"""uncork: from `python hello.py` to production with one tool.

Importing this package loads nothing else: no Flask, no native module.
"""
