"""The pages in the menu, and who finds them there."""

from typing import Final

READERS: Final = ("hospital", "finance", "auditor")

ENTRIES: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("nav.overview", "/finance", READERS),
    ("nav.orders", "/finance/orders", READERS),
    ("nav.statements", "/finance/statements", READERS),
    ("nav.settlements", "/finance/settlements", READERS),
    ("nav.reconciliation", "/finance/reconciliation", READERS),
    ("nav.audit", "/finance/audit", READERS),
    ("nav.prepayments", "/finance/prepayments", READERS),
    ("nav.balances", "/finance/balances", READERS),
    ("nav.closings", "/finance/closings", ("finance", "auditor")),
    ("nav.reports", "/finance/reports", ("finance", "auditor")),
    ("nav.jobs", "/finance/jobs", ("registry", "finance", "auditor")),
    ("nav.lists", "/finance/lists", ("registry", "finance", "auditor")),
    ("nav.policies", "/finance/policies", ("policy", "finance", "auditor", "registry")),
)
