"""The one form in which texts are compared: ids, codes and bank references, and names of persons. Pure.

Two texts that look alike are either made one, or one of them is refused: blanks and widths at the ends and in the
characters are folded, what can't be seen or looks like a hyphen isn't accepted in an id.
"""

import re
import unicodedata
from typing import Final

from app.basics.errors import Fault

WIDE: Final = {0xFEE0 + code: code for code in range(0x21, 0x7F)}  # U+FF01–FF5E are ASCII in full width
DASHES: Final = ((0x2010, 0x2015), (0x2212, 0x2212))
# Blanks, controls and format characters of every script, and what is drawn as nothing: fillers, selectors of variants.
UNSEEN: Final = (
    *((0x00, 0x1F), (0x7F, 0xA0), (0xAD, 0xAD), (0x34F, 0x34F), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD)),
    *((0x70F, 0x70F), (0x890, 0x891), (0x8E2, 0x8E2), (0x115F, 0x1160), (0x1680, 0x1680), (0x17B4, 0x17B5)),
    *((0x180B, 0x180F), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x2064), (0x2066, 0x206F), (0x2800, 0x2800)),
    *((0x3000, 0x3000), (0x3164, 0x3164), (0xD800, 0xDFFF), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0)),
    *((0xFFF9, 0xFFFB), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3)),
    *((0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)


def _class(*ranges: tuple[int, int]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


_REFUSED: Final = _class(*UNSEEN, *DASHES, (min(WIDE), max(WIDE)))
_SOLID: Final = f"[^ {_REFUSED}]"
CODE_PATTERN: Final = rf"\A{_SOLID}+\Z"
REFERENCE_PATTERN: Final = rf"\A{_SOLID}+( {_SOLID}+)*\Z"
_NO_CODE: Final = re.compile(f"[ {_REFUSED}]")
_NO_REFERENCE: Final = re.compile(f"  |[{_REFUSED}]")

# Private-use characters that old national sets had for what Unicode has now: the row FE50–FEA0 of GBK, of which
# GB 18030 moved some later.
_GBK_ROW: Final = (*range(0x50, 0x7F), *range(0x80, 0xA1))
_PRIVATE: Final = {
    **{0xE815 + place: bytes((0xFE, low)).decode("gb18030") for place, low in enumerate(_GBK_ROW)},
    **{0xE816: "\U00020087", 0xE817: "\U00020089", 0xE818: "\U000200cc", 0xE831: "\U000215d7", 0xE83B: "\U0002298f"},
    **{0xE855: "\U000241fe", 0xE81E: "\u9fb4", 0xE826: "\u9fb5", 0xE82B: "\u9fb6", 0xE82C: "\u9fb7"},
    **{0xE832: "\u9fb8", 0xE843: "\u9fb9", 0xE854: "\u9fba", 0xE864: "\u9fbb", 0xE7C7: "\u1e3f"},
}
_BRACKETS: Final = str.maketrans(dict.fromkeys("([{【", "〔") | dict.fromkeys(")]}】", "〕"))
_MIDDLE_DOTS: Final = str.maketrans(dict.fromkeys("•．.・‧･∙⋅", "·"))


def folded(text: str) -> str:
    """A text as ids are compared: blanks and tabs at its ends cut, full-width forms as ASCII. ``Ａ1 `` is ``A1``."""
    text = text.strip(" \t")
    return text if text.isascii() else text.translate(WIDE).strip(" \t")


def refused_character(text: str, *, inner_blanks: bool = False) -> str | None:
    """The first character of a folded text that no id has, as ``U+200B``; None when there is none.

    ``inner_blanks``: single blanks within are let through, as in bank references.
    """
    found = (_NO_REFERENCE if inner_blanks else _NO_CODE).search(text)
    return None if found is None else f"U+{ord(found[0][-1]):04X}"


def text_fault(text: str, pointer: str, *, inner_blanks: bool = False) -> Fault | None:
    """The fault of a folded text that has a character which no id has; that character is named unless it is a control
    or half of one."""
    character = refused_character(text, inner_blanks=inner_blanks)
    if character is None:
        return None
    code = int(character[2:], 16)
    if code < 0x20 or code == 0x7F or 0xD800 <= code <= 0xDFFF:
        return Fault(pointer, "text_format")
    return Fault(pointer, "character_refused", {"character": character})


def document_form(text: str) -> str:
    """An office's document number in the one form: no blanks, ASCII for full width, brackets as documents have them.
    ``昆医保拨 [2018]４ 号`` is ``昆医保拨〔2018〕4号``."""
    return "".join(folded(text).split()).translate(_BRACKETS)


def folded_reference(text: str) -> str:
    """A bank reference as it is compared: folded, and without case."""
    return folded(text).upper()


def subject_form(subject: str) -> str:
    """The one form of a subject: compatible characters as one (NFKC), without case and format characters."""
    if subject.isascii():
        return subject.strip().lower()
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", subject).casefold())
    return "".join(sign for sign in plain if unicodedata.category(sign) != "Cf").strip()


def folded_name(name: str) -> str:
    """A person's name as it is compared: one middle dot, no full-width forms, blanks or format characters, no case,
    private-use characters of old national sets as the characters that they stood for."""
    plain = unicodedata.normalize("NFKC", name.translate(_PRIVATE)).translate(_MIDDLE_DOTS)
    return "".join(sign for sign in plain if not sign.isspace() and unicodedata.category(sign) != "Cf").upper()
