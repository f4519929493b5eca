"""Every text of the pages, Chinese and English: one module for each group of pages. What codes of errors say is in
``app/service/messages/``. A key stands in one module."""

from typing import Final

from app.finance.texts import frame, office, overview, payments, settlements

TEXTS: Final[dict[str, tuple[str, str]]] = {
    key: texts for pages in (frame, overview, payments, office, settlements) for key, texts in pages.TEXTS.items()
}
