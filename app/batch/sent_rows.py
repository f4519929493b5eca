"""Rows of a file as bills: what the columns say in the core's words, and which of them say nothing usable.

Codes are those of the wire: ``missing``, ``not_in_list``, ``number_out_of_range`` and the bounds of lines.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final, cast

import pyarrow as pa

from app.batch.columns import LINE, LINES, SCOPE
from app.batch.sent import Sent, named_visit
from app.settlement.bill import MAX_LINES
from app.tiers.episode import visit_name
from app.tiers.model import (
    MEDICAL_TYPES,
    RANKS,
    REFERRALS,
    RESIDENTS,
    Approved,
    Bill,
    CatalogueEntry,
    Facts,
    Line,
    Scope,
)

NEEDED: Final = (
    *("area_code", "benefit_class", "hospital_code", "hospital_area", "hospital_rank", "hospital_level"),
    *("medical_type", "referral", "work_injury", "visit_id", "settle_seq", "admitted_on", "discharged_on", "total"),
)
ALLOWED: Final[Mapping[str, tuple[object, ...]]] = {
    "hospital_rank": RANKS,
    "hospital_level": (1, 2, 3),
    "medical_type": MEDICAL_TYPES,
    "referral": REFERRALS,
    "work_injury": ("none", "undeterminable", "determined"),
    "delivery_mode": ("vaginal", "caesarean", None),
    "person_type": ("active", "retired", None),
}
APPROVED: Final[Mapping[str | None, Approved]] = {"true": True, "false": False, None: False, "refused": "refused"}
CLASSES: Final = ("A", "B", "C", None)
LINE_NEEDED: Final = ("line_no", "quantity", "unit_price", "amount")
_EVER: Final = date.min
_NONE: Final = Bill("21", _EVER, _EVER, None, None, "compliant", "none", 0, ())
_NOBODY: Final = Facts("", "", "ordinary", "", 1, "county", "")

Row = dict[str, Any]
Spot = dict[str, Any]


def sent_bills(batch: pa.RecordBatch) -> Iterator[Sent]:
    """The bills of a batch in its order."""
    names = [name for name in batch.schema.names if name != LINES]
    columns = [batch.column(name).to_pylist() for name in names]
    lines = _lines(batch.column(LINES))
    for values in zip(*columns, strict=True):
        yield _sent(dict(zip(names, values, strict=True)), next(lines))


def _lines(column: pa.ListArray) -> Iterator[list[Spot] | None]:
    """The lines of each bill; None of one that has none to say."""
    counts = column.value_lengths().to_pylist()
    flat = column.flatten()
    fields = [flat.field(name).to_pylist() if len(flat) else [] for name in LINE]
    rows = (dict(zip(LINE, values, strict=True)) for values in zip(*fields, strict=True))
    for count in counts:
        yield None if count is None else [next(rows) for _ in range(count)]


def _sent(row: Row, lines: list[Spot] | None) -> Sent:
    codes = set(_codes(row, lines))
    if codes:
        return Sent(_NONE, _NOBODY, "", 0, None, None, {}, tuple(codes))
    catalogue: dict[str, list[CatalogueEntry]] = {}
    bill = Bill(
        medical_type=row["medical_type"],
        admitted_on=row["admitted_on"],
        discharged_on=row["discharged_on"],
        disease_code=row["disease_code"],
        delivery_mode=row["delivery_mode"],
        referral=row["referral"],
        work_injury=row["work_injury"],
        total=row["total"],
        lines=tuple(_core_lines(lines or (), row["admitted_on"], catalogue)),
    )
    scope = Scope(*(row[name] for name in SCOPE)) if lines is None else None
    source = row["transfer_from"]
    return Sent(
        bill,
        _facts(row),
        visit_name(row["hospital_code"], row["visit_id"]),
        row["settle_seq"],
        None if source is None else visit_name(*named_visit(source)),
        scope,
        catalogue,
        dated=lines is not None and all(line["charged_on"] for line in lines if line["refund_of_line_no"] is None),
    )


def _facts(row: Row) -> Facts:
    retired = row["person_type"]
    return Facts(
        person_id=row["person_id"],
        area_code=row["area_code"],
        benefit_class=row["benefit_class"],
        hospital_code=row["hospital_code"],
        hospital_level=row["hospital_level"],
        hospital_rank=row["hospital_rank"],
        hospital_area_code=row["hospital_area"],
        disease_registered=row["disease_registered"] is not False,
        insurance_type=row["insurance_type"] or RESIDENTS,
        retired=None if retired is None else retired == "retired",
    )


def _codes(row: Row, lines: list[Spot] | None) -> Iterator[str]:
    """What of a row can't be read."""
    if any(row[name] is None for name in NEEDED):
        yield "missing"
    if any(row[name] not in allowed and (row[name] is not None) for name, allowed in ALLOWED.items()):
        yield "not_in_list"
    names = [row[name] for name in ("hospital_code", "visit_id") if row[name] is not None]
    if any(" " in name for name in names):
        yield "character_refused"
    if "" in names:
        yield "text_too_short"
    if row["settle_seq"] is not None and row["settle_seq"] < 1:
        yield "number_out_of_range"
    if lines is None:
        if any(row[name] is None for name in SCOPE):
            yield "missing"
        return
    if not lines:
        yield "too_few_items"
    if len(lines) > MAX_LINES:
        yield "too_many_lines"
    for line in lines:
        yield from _line_codes(line)


def _line_codes(line: Spot) -> Iterator[str]:
    ratio_missing = line["class"] == "B" and line["first_pay_ratio"] is None
    if ratio_missing or any(line[name] is None for name in LINE_NEEDED):
        yield "missing"
    if line["class"] not in CLASSES or line["approved"] not in APPROVED:
        yield "not_in_list"
    if any(line[name] is not None and line[name] < 1 for name in ("line_no", "refund_of_line_no")):
        yield "number_out_of_range"


def _core_lines(lines: Sequence[Spot], day: date, catalogue: dict[str, list[CatalogueEntry]]) -> Iterator[Line]:
    """The lines as the core has them. A line brings its own catalogue entry; a refund has that of its line."""
    entries: dict[int, str] = {}
    for line in lines:
        if line["refund_of_line_no"] is None:
            entries.setdefault(line["line_no"], _code(line, catalogue))
    for line in lines:
        target = line["refund_of_line_no"]
        code = _code(line, catalogue) if target is None else entries.get(target, "")
        yield Line(
            line["line_no"],
            code,
            line["quantity"],
            line["unit_price"],
            line["amount"],
            line["charged_on"] or day,
            APPROVED[line["approved"]],
            target,
        )


def _code(line: Spot, catalogue: dict[str, list[CatalogueEntry]]) -> str:
    """The name of a line's entry, which is now in the catalogue unless the class is unknown."""
    if line["class"] is None:
        return ""
    entry = _entry(
        line["class"], line["first_pay_ratio"] or 0, line["ceiling"], line["restricted"] is True, line["kind"] or ""
    )
    catalogue[entry.item_code] = [entry]
    return entry.item_code


@lru_cache(maxsize=65_536)
def _entry(class_: str, ratio: int, ceiling: int | None, restricted: bool, kind: str) -> CatalogueEntry:
    code = f"{class_} {ratio} {ceiling} {restricted} {kind}"
    return CatalogueEntry(code, cast(Any, class_), ratio, (ceiling, ceiling, ceiling), restricted, _EVER, None, kind)
