"""The lists that can be exported: every declared one that a person reads row by row, by its name."""

from collections.abc import Mapping
from typing import Final

from app.clearing import bank_lists
from app.clearing import lists as clearing
from app.clearing.claim_list import CLAIM_LIST
from app.ledger import book as ledger
from app.ledger.seal_finding_list import SEAL_FINDINGS
from app.readjudication import lists as readjudication
from app.registry import lists as registry
from app.service.audit_list import AUDIT_LOG
from app.service.lists import AnyList
from app.settlement import lists as settlement

LISTS: Final[Mapping[str, AnyList]] = {
    one.name: one
    for one in (
        clearing.STATEMENTS,
        clearing.ITEMS,
        clearing.ORDERS,
        clearing.PREPAYMENTS,
        clearing.RELEASES,
        bank_lists.PAYMENT_BATCHES,
        bank_lists.RECEIPT_ROWS,
        clearing.RECONCILIATIONS,
        clearing.DIFFERENCES,
        clearing.DEDUCTIONS,
        CLAIM_LIST,
        settlement.BALANCES,
        settlement.SETTLEMENTS,
        clearing.RATES,
        ledger.ENTRIES,
        registry.RECEIVED_LISTS,
        registry.UNINSURED_POOR,
        registry.CANDIDATES,
        registry.UNKNOWN_CODES,
        readjudication.RUNS,
        readjudication.YEARS,
        AUDIT_LOG,
        SEAL_FINDINGS,
    )
}
