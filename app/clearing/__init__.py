"""Clearing: what the funds owe hospitals is declared, compared, audited, approved, ordered and paid."""
