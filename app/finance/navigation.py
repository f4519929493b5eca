"""The pages in the menu, and who finds them there."""

from typing import Final

from app.service.security import ADMIN, MONEY_READERS, OFFICE_READERS, PERSON_READERS, REGISTRY_READERS

ENTRIES: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("nav.overview", "/finance", MONEY_READERS),
    ("nav.months", "/finance/months", MONEY_READERS),
    ("nav.waiting", "/finance/waiting", ("finance", "auditor", "registry")),
    ("nav.orders", "/finance/orders", MONEY_READERS),
    ("nav.payment_batches", "/finance/payment-batches", OFFICE_READERS),
    ("nav.bank_receipts", "/finance/bank-receipts", OFFICE_READERS),
    ("nav.bank_checks", "/finance/bank-checks", OFFICE_READERS),
    ("nav.statements", "/finance/statements", MONEY_READERS),
    ("nav.settlements", "/finance/settlements", MONEY_READERS),
    ("nav.reconciliation", "/finance/reconciliation", MONEY_READERS),
    ("nav.claims", "/finance/claims", REGISTRY_READERS),
    ("nav.audit", "/finance/audit", PERSON_READERS),
    ("nav.prepayments", "/finance/prepayments", MONEY_READERS),
    ("nav.deposits", "/finance/deposits", MONEY_READERS),
    ("nav.balances", "/finance/balances", MONEY_READERS),
    ("nav.readjudications", "/finance/readjudications", OFFICE_READERS),
    ("nav.simulations", "/finance/simulations", ("finance",)),
    ("nav.closings", "/finance/closings", OFFICE_READERS),
    ("nav.reports", "/finance/reports", OFFICE_READERS),
    ("nav.imports", "/finance/imports", ("registry", "finance", "hospital")),
    ("nav.jobs", "/finance/jobs", ("registry", "finance", "auditor")),
    ("nav.lists", "/finance/lists", ("registry", "finance", "auditor")),
    ("nav.policies", "/finance/policies", ("policy", "finance", "auditor", "registry")),
    ("nav.audit_log", "/finance/audit-log", ("auditor",)),
    ("nav.seal_findings", "/finance/seal-findings", ("auditor", ADMIN)),
    ("nav.users", "/finance/users", (ADMIN,)),
)

FURTHER: Final = frozenset(
    {
        *(
            "nav.bank_checks",
            "nav.prepayments",
            "nav.deposits",
            "nav.balances",
            "nav.readjudications",
            "nav.simulations",
            "nav.imports",
            "nav.jobs",
        ),
        *("nav.lists", "nav.policies", "nav.audit_log", "nav.seal_findings", "nav.users"),
    }
)
"""What isn't every day's work, folded behind one word of the menu."""
