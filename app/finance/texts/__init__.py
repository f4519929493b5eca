"""Every text of the pages, Chinese and English: one module for each group of pages. What codes of errors say is in
``app/service/messages/``, what values of rows are called in ``app/service/words.py``. A key stands in one module."""

from typing import Final

from app.finance.texts import (
    corrections,
    frame,
    help,
    help_settlements,
    imports,
    office,
    overview,
    payments,
    settlements,
    simulations,
    users,
)
from app.service.words import VALUES

GROUPS: Final = (
    *(frame, overview, payments, office, imports, settlements, corrections, simulations, users),
    *(help, help_settlements),
)
TEXTS: Final[dict[str, tuple[str, str]]] = {
    **{f"{group}.{value}": words for group, values in VALUES.items() for value, words in values.items()},
    **{key: texts for pages in GROUPS for key, texts in pages.TEXTS.items()},
}
