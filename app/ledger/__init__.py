"""The ledger: append-only double entry of what the funds owe."""
