"""What an author most likely meant by a number, a day or a word that can't be read: advice in Chinese. Pure."""

import re
from typing import Final
from unicodedata import normalize

WIDE: Final = re.compile("[\uff01-\uff5e\u3000\u3001\u3002\u201c\u201d\u2018\u2019]")
"""Characters that a Chinese keyboard makes where a pack needs the plain ones."""
_PLAIN: Final = str.maketrans("、。“”‘’", ",.\"\"''")
_DAY: Final = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})日?")
_GROUPED: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_REST_OF_NUMBER: Final = re.compile(r"\d{3}")


def plain_of(text: str) -> str:
    """A text with the plain characters in the place of full-width ones."""
    return normalize("NFKC", text.translate(_PLAIN)).strip()


def wide_advice(text: str) -> str:
    """What to write instead of full-width punctuation and digits, "" where there are none."""
    return f"“{text}”里有全角的数字或标点，请改成半角的 {plain_of(text)}。" if WIDE.search(text) else ""


def number_advice(text: str) -> str:
    """What to write instead of a number with separators or full-width characters, "" for any other text."""
    plain = plain_of(text)
    if _GROUPED.fullmatch(plain):
        return f"数字里不写千位逗号，请写 {plain.replace(',', '')}。"
    return wide_advice(text)


def key_advice(key: str) -> str:
    """What went wrong with a key that was never meant to be one, "" for any other."""
    if _REST_OF_NUMBER.fullmatch(key):
        return "数字里的逗号把它分成了两段，金额不写千位逗号，如 80000。"
    return f"“{key}”里有全角标点，键后面写半角冒号加空格，各项之间写半角逗号。" if WIDE.search(key) else ""


def day_advice(text: str) -> str:
    """The day that a text means, as it is to be written; "" when it isn't one."""
    found = _DAY.fullmatch(plain_of(text))
    if found is None:
        return ""
    year, month, day = found.groups()
    return f"请写成 {year}-{int(month):02}-{int(day):02}，不加引号。"
