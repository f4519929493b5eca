"""What a reform would have cost, computed over what is stored: nothing of it is written."""
