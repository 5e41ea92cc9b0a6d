"""What development servers do when code changes: cases, and the table of them."""
