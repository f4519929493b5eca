"""The command ``onestop``."""
