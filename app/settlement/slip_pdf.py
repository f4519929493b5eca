"""The slip as PDF: the contents of ``slip`` with a QR code, byte-identical for equal contents. It computes nothing."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import msgspec
import segno

from app.service.caller import Caller, Service
from app.settlement.glyphs import lacking, shown
from app.settlement.rows import EntryRow
from app.settlement.slip import WORDS, SlipLine, basis_text, slip_contents
from app.settlement.typesetting import covered, typeset

TEMPLATE: Final = Path(__file__).parent / "templates" / "slip.typ"
LINES_IN_THREAD: Final = 1000
PDF_TYPE: Final = "application/pdf"


async def slip_pdf(service: Service, caller: Caller, row: EntryRow) -> bytes:
    """The slip of a settlement's row as PDF/A-2u. A person or hospital out of the caller's reach is a dash."""
    contents = await slip_contents(service, caller, row)
    document = await asyncio.to_thread(document_of, contents)
    return await typeset(TEMPLATE, *document, small=len(contents["lines"]) <= LINES_IN_THREAD)


def document_of(contents: Mapping[str, Any]) -> tuple[str, datetime]:
    """What the template is given: ``slip.contents`` as JSON that the fonts can show, and the PDF's own date.

    ``lacking`` in it names the characters that no font has. The date is a whole second: PDF knows no parts of one.
    """
    plain = _plain(contents)
    plain["lacking"] = lacking(_encoded(plain), covered())
    dated = datetime.fromisoformat(contents["answer"].settled_at).replace(microsecond=0)
    return shown(_encoded(plain), covered()), dated


def _encoded(plain: Mapping[str, Any]) -> str:
    return msgspec.json.encode(plain).decode()


def code_text(settlement_id: str | None, digest: str, result_digest: str) -> str:
    """What the QR code says: which settlement, the digest of its inputs, and that of its results."""
    return f"{settlement_id} {digest} {result_digest}"


def _plain(contents: Mapping[str, Any]) -> dict[str, Any]:
    """The contents as plain values with the words around them, the lines as rows of cells, and the QR code."""
    answer = contents["answer"]
    plain: dict[str, Any] = msgspec.to_builtins({name: value for name, value in contents.items() if name != "lines"})
    plain["answer"].pop("lines", None)
    if plain["bill"] is not None:
        plain["bill"].pop("lines")
    for step in plain["answer"]["trace"]:
        for basis in step["basis"]:
            quoted = f"：“{basis['quote']}”" if "quote" in basis else ""
            basis["text"] = basis_text(basis["document"], basis["clause"]) + quoted
    more = {
        "words": WORDS,
        "rows": [_cells(line, charged=contents["bill"] is not None) for line in contents["lines"]],
        "qr": _qr_svg(code_text(answer.settlement_id, answer.digest, answer.result_digest)),
    }
    return plain | more


def _cells(line: SlipLine, *, charged: bool) -> list[str]:
    """A line's cells in the order of the columns."""
    return [*_charged(line, charged=charged), *_scope(line), line.note]


def _charged(line: SlipLine, *, charged: bool) -> Iterator[str]:
    yield str(line.line_no)
    if charged and line.charged is not None:
        yield from (line.charged_on[5:], line.charged.name or line.charged.item_code)
        yield from (line.charged.unit_price, line.charged.quantity, line.charged.amount)


def _scope(line: SlipLine) -> tuple[str, ...]:
    one = line.scope
    if one is None:  # a refund: what remains stands in the line that it reduces
        return ("",) * 5
    return (one.catalogue_class or "—", one.own_expense, one.over_limit, one.first_pay, one.in_scope)


def _qr_svg(text: str) -> str:
    file = BytesIO()
    segno.make_qr(text, error="m").save(file, kind="svg", border=2, xmldecl=False, nl=False)
    return file.getvalue().decode()
