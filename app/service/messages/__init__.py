"""What each code says to a reader, in Chinese and English: one module per domain. Pure.

The first sentence says what is wrong, names no figure, and is the title; what follows says what to do next. Figures in
``{braces}`` are ours and come from the values of the fault or error, never from the input. A code stands in one module.
"""

import re
from collections.abc import Mapping
from typing import Final

from app.basics.errors import Fault, Language
from app.service.messages import (
    access,
    audit,
    bill,
    clearing,
    files,
    form,
    imports,
    jobs,
    nhsa,
    policies,
    registry,
    request,
    settlement,
)

DOMAINS: Final = (
    form,
    bill,
    settlement,
    registry,
    policies,
    clearing,
    audit,
    request,
    access,
    files,
    imports,
    jobs,
    nhsa,
)
MESSAGES: Final[dict[str, tuple[str, str]]] = {
    code: texts for domain in DOMAINS for code, texts in domain.MESSAGES.items()
}
ROW: Final = "file_row"
HEADING: Final = "file_heading"  # values of a fault in a cell of a file
LANGUAGES: Final[tuple[Language, Language]] = ("zh", "en")

_MAX_RANGES: Final = 50
_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*"
)


class _Shown(dict[str, str]):
    """Our figures for a message; one that is absent becomes an ellipsis rather than an error."""

    def __missing__(self, key: str) -> str:
        return "…"


def text(code: str, values: Mapping[str, str], language: str) -> str:
    """The message of a code with our figures filled in. A code without a message is named instead; raises nothing."""
    return _template(code, language).format_map(_Shown(values))


def of_cell(said: str, language: str, *, row: str, heading: str) -> str:
    """What is said of a cell of a file, after its row and the heading of its column as they stand there."""
    return f"Row {row}, column “{heading}”: {said}" if language == "en" else f"第 {row} 行“{heading}”列：{said}"


def fault_text(fault: Fault, language: str) -> str:
    """What is said of a fault; of one in a file with its place there."""
    said, values = text(fault.code, fault.values, language), fault.values
    return of_cell(said, language, row=values[ROW], heading=values[HEADING]) if HEADING in values else said


def title(code: str, language: str) -> str:
    """The first sentence of the message, without its stop: the same for every occurrence of a code."""
    template = _template(code, language).format_map(_Shown())
    return template.partition(". " if language == "en" else "。")[0].rstrip("。.")


def summary(code: str, values: Mapping[str, str], faults: int, language: str) -> str:
    """The message of the first fault, and of how many it is the first."""
    first = text(code, values, language)
    if faults < 2:
        return first
    return f"{first} ({faults} faults, see errors.)" if language == "en" else f"{first}（共 {faults} 处，见 errors。）"


def _template(code: str, language: str) -> str:
    chinese, english = MESSAGES.get(code, (f"请求未被接受。代码：{code}。", f"The request was refused. Code: {code}."))
    return english if language == "en" else chinese


def language_of(accept_language: str | None) -> Language:
    """The language to answer in, by an ``Accept-Language`` header: of equals the first named, otherwise Chinese."""
    qualities: dict[str, float] = {}
    for part in (accept_language or "").split(",")[:_MAX_RANGES]:
        if match := _RANGE.fullmatch(part):
            primary, quality = match[1].lower(), float(match[2] or 1)
            qualities[primary] = max(quality, qualities.get(primary, 0.0))
    rest = qualities.get("*", 0.0)
    chinese, english = qualities.get("zh", rest), qualities.get("en", rest)
    if english == chinese:
        named = [primary for primary in qualities if primary in LANGUAGES]
        return "en" if english > 0 and named[:1] == ["en"] else "zh"
    return "en" if english > chinese else "zh"
