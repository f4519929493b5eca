"""The lists that can be taken as files, by name."""

from collections.abc import Mapping
from typing import Final

from app.finance.audit import DEDUCTIONS_FILE
from app.finance.balances import BALANCES_FILE
from app.finance.export import ListFile
from app.finance.orders import ORDERS_FILE
from app.finance.prepayments import PREPAYMENTS_FILE
from app.finance.reconciliation import DIFFERENCES_FILE
from app.finance.settlements import SETTLEMENTS_FILE
from app.finance.statement import ITEMS_FILE
from app.finance.statements import STATEMENTS_FILE

FILES: Final = (
    ORDERS_FILE,
    STATEMENTS_FILE,
    ITEMS_FILE,
    SETTLEMENTS_FILE,
    DIFFERENCES_FILE,
    DEDUCTIONS_FILE,
    PREPAYMENTS_FILE,
    BALANCES_FILE,
)
LISTS: Final[Mapping[str, ListFile]] = {one.name: one for one in FILES}
