"""Settling: quote, settle, read, reverse. The shell around the pure core."""
