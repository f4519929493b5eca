"""Placeholder until the helper's module lands."""

from typing import Any


async def floor_check(*args: Any, **kwargs: Any) -> None:
    """Nothing yet."""
