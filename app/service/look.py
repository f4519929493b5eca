"""One look at a request without faults: the columns of a long list are checked with one expression.

The typed decoder checks each text by itself, which is most of its work. A type whose list may be long has a twin: the
same members, the texts of the list's rows without their patterns. What the twin's decoder and the expression accept is
what the type's own decoder would have made of the bytes; anything else is a doubt, and the thorough way decides.
"""

import re
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import Struct

SIMPLE_CODE: Final = r"\A[0-9A-Za-z_.-]{1,64}\Z"
"""Codes as nearly all of them are; the pattern of codes accepts each. A null, written None, is one too."""


_START: Final = r"\A"
_END: Final = r"\Z"


class Look:
    """The look at one type: its twin, the member that is the long list, the texts of a row with their patterns."""

    def __init__(self, twin: type[Struct], member: str, texts: Mapping[str, str]) -> None:
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(twin)
        self._rows = attrgetter(member)
        self._texts = attrgetter(*texts)
        self._line = " ".join(["%s"] * len(texts)) + "\n"
        inner = " ".join(f"(?>{pattern.removeprefix(_START).removesuffix(_END)})" for pattern in texts.values())
        self._matches = re.compile(f"(?>{inner}\n)*+").fullmatch

    def at(self, data: bytes) -> Any | None:
        """The value that the bytes hold, None where there is any doubt.

        Whatever a text contains, the texts of all rows match as they stand one behind the other only when each
        matches: no pattern lets a blank or a line's end through, so one within a text makes too many of them.
        """
        try:
            value = self._decoder.decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        rows = self._rows(value)
        together = "".join([self._line % self._texts(row) for row in rows])
        faultless = self._matches(together) is not None and together.count("\n") == len(rows)
        return value if faultless else None
