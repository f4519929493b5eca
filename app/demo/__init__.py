"""A small invented world, one bill in it, and how to show what became of the bill."""
