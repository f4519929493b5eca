"""Illegal moves on purpose: every kind that the model knows a reason for, tried on whatever is there.

Each module proposes moves; ``trespasser`` makes those that the model refuses for one reason only and whose kind has not
been met yet.
"""
