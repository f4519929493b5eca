"""A year of clearing driven through the real service, and an auditor who says what must have come of it."""
