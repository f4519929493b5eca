"""Backups of the whole database, and what is done when one is restored (decision 0028)."""
