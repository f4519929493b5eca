"""The pages in the menu, and who finds them there."""

from typing import Final

READERS: Final = ("hospital", "finance", "auditor")

ENTRIES: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("nav.overview", "/finance", READERS),
    ("nav.orders", "/finance/orders", READERS),
    ("nav.statements", "/finance/statements", READERS),
    ("nav.settlements", "/finance/settlements", READERS),
)
