"""The one form of texts that are compared, over the whole of Unicode."""

import re
import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from app.basics.text import (
    CODE_PATTERN,
    DASHES,
    REFERENCE_PATTERN,
    folded,
    folded_name,
    folded_reference,
    refused_character,
)

UNSEEN_CATEGORIES = {"Zs", "Zl", "Zp", "Cc", "Cf", "Cs"}
# Letters and marks by their category, but drawn as nothing.
UNSEEN_LETTERS = {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810)}
UNSEEN_LETTERS |= {*range(0x13439, 0x13440)}  # format characters of later versions of Unicode
UNSEEN_LETTERS |= {*range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000)}
DASHED = {code for first, last in DASHES for code in range(first, last + 1)}
CODE, REFERENCE = re.compile(CODE_PATTERN), re.compile(REFERENCE_PATTERN)


def test_every_character_of_unicode_is_seen_folded_or_refused() -> None:
    """Within an id a character is refused, and named, exactly when it is a blank, unseen or looks like a hyphen; full
    width becomes ASCII; everything else stays."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        text = folded(f"A{character}B")
        unseen = unicodedata.category(character) in UNSEEN_CATEGORIES or code in UNSEEN_LETTERS
        refused = refused_character(text)
        if code == 0x20 or unseen or code in DASHED:
            assert refused == f"U+{code:04X}", hex(code)
        else:
            assert refused is None, hex(code)
            assert text == (f"A{chr(code - 0xFEE0)}B" if 0xFF01 <= code <= 0xFF5E else f"A{character}B")
        assert (CODE.search(text) is not None) == (refused is None), hex(code)


@given(st.text(min_size=1, max_size=20), st.sampled_from(["", " ", "\t", "  \t"]))
def test_padding_and_width_make_no_other_id(text: str, padding: str) -> None:
    """Folding is done once and for all, cuts plain blanks at the ends, and makes any ASCII text of its wide form."""
    assert folded(folded(text)) == folded(text)
    assert folded(padding + text + padding) == folded(text)
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)
    assert folded(wide) == folded(text)


@given(st.text(min_size=1, max_size=20))
def test_pattern_and_named_character_agree(text: str) -> None:
    """What the patterns refuse has a character to name, and nothing else has: for codes and for references."""
    text = folded(text)
    if text:
        assert (CODE.search(text) is None) == (refused_character(text) is not None)
        assert (REFERENCE.search(text) is None) == (refused_character(text, inner_blanks=True) is not None)


def test_a_reference_has_single_blanks_within_and_no_case() -> None:
    """Bank references may have one blank between words; upper and lower case are one reference."""
    assert refused_character("FT2018 000123", inner_blanks=True) is None
    assert refused_character("FT2018  000123", inner_blanks=True) == "U+0020"
    assert folded_reference(" ft2018／a1\t") == folded_reference("FT2018/A1") == "FT2018/A1"


def test_a_name_is_one_whatever_wrote_it() -> None:
    """Middle dots, widths, blanks, format characters and private-use characters of old systems make no other name."""
    names = [
        "买买提·依明",
        "买买提•依明",
        "买买提．依明",
        "买买提.依明",
        "买买提・依明",
        "买买提‧依明",
        "买买提 · 依明\u200b",
    ]
    assert len({folded_name(name) for name in names}) == 1
    assert folded_name("ＬＩ　Ｍｉｎｇ") == folded_name("li ming")
    assert folded_name("\ue863某") == "䶮某"
    assert folded_name("\ue854某") == "\u9fba某"
    assert folded_name("李某") != folded_name("李其")
