"""The lists that can be taken as files, by name."""

from collections.abc import Mapping
from typing import Final

from app.finance.export import ListFile
from app.finance.orders import ORDERS_FILE
from app.finance.statement import ITEMS_FILE
from app.finance.statements import STATEMENTS_FILE

LISTS: Final[Mapping[str, ListFile]] = {one.name: one for one in (ORDERS_FILE, STATEMENTS_FILE, ITEMS_FILE)}
