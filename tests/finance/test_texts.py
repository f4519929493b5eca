"""Each text of the pages stands once, in Chinese and in English."""

from collections import Counter

from app.finance.texts import GROUPS, TEXTS


def test_each_text_of_the_pages_is_written_once() -> None:
    """No key stands in two modules, and none lacks a language."""
    written = Counter(key for pages in GROUPS for key in pages.TEXTS)
    assert [key for key, times in written.items() if times > 1] == []
    assert [key for key, texts in TEXTS.items() if not all(text.strip() for text in texts)] == []
