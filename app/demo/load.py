"""A synthetic year sent to a running service: its hospitals, items and persons into the registry, its bills settled one
after the other. Sent again, it changes nothing."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.basics.money import trimmed, yuan
from app.batch.columns import LINES
from app.batch.source import Rejected, parts_of
from app.batch.synthetic.figures import several
from app.batch.synthetic.items import Catalogue, catalogue
from app.demo.follow import SETTLED_BEFORE, checked
from app.tiers.model import RESIDENTS

MOST_BILLS: Final = 100_000
ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECK_DIGITS: Final = "10X98765432"
BIRTH_DAYS: Final = 20_000
FIRST_BIRTH: Final = date(1940, 1, 1)
HOSPITAL: Final = ("hospital_code", "hospital_area", "hospital_rank", "hospital_level")
Row = dict[str, Any]


def load_year(client: httpx.Client, source: Path, out: Console) -> int:
    """Send what a file of ``onestop batch synthetic --lines`` says; how many bills the service has settled, now or
    before. Rejected when the file is another, ImportRefused when the service refuses."""
    rows = _rows(source)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True) as progress:
        for title, path, bodies in (
            ("医院", "/v1/hospitals", _hospitals(rows)),
            ("目录", "/v1/catalogue", _items(rows, catalogue())),
            ("人员", "/v1/persons", _persons(rows)),
        ):
            for code, body in progress.track(bodies.items(), description=title):
                checked(client.put(f"{path}/{code}", json=body))
        for row, interim in progress.track(list(_with_interim(rows)), description="结算"):
            key = {"Idempotency-Key": row["bill_id"]}
            answer = client.post("/v1/settlements", json=bill_body(row, interim=interim), headers=key)
            if not (answer.status_code == httpx.codes.CONFLICT and answer.json()["code"] in SETTLED_BEFORE):
                checked(answer)
    return len(rows)


def _rows(source: Path) -> list[Row]:
    """All bills, those of a person in the order of settling."""
    rows: list[Row] = []
    for part in parts_of(source):
        with pq.ParquetFile(part) as file:
            type_ = file.schema_arrow.field(LINES).type if LINES in file.schema_arrow.names else None
            if type_ is None or "item_code" not in [field.name for field in type_.value_type]:
                raise Rejected(f"{part.name}：没有项目编码，不是 onestop batch synthetic --lines 写的文件。")
            if len(rows) + file.metadata.num_rows > MOST_BILLS:
                raise Rejected(f"{source.name}：最多载入 {MOST_BILLS} 张账单。")
            rows += file.read().to_pylist()
    return sorted(rows, key=lambda row: (row["person_id"], row["settle_order"]))


def _hospitals(rows: Iterable[Row]) -> dict[str, Row]:
    found = sorted({tuple(row[name] for name in HOSPITAL) for row in rows})
    return {
        code: {"name": f"虚构医院{code}", "level": level, "rank": rank, "area_code": area}
        for code, area, rank, level in found
    }


def _items(rows: Iterable[Row], items: Catalogue) -> dict[str, Row]:
    """The entries of the catalogue that the bills need."""
    used = {line["item_code"] for row in rows for line in row[LINES]}
    return {items.code(item): _item(items, item) for item in range(len(items)) if items.code(item) in used}


def _item(items: Catalogue, item: int) -> Row:
    ceilings = {str(level): yuan(int(fen)) for level, fen in enumerate(items.ceiling[item], 1)}
    return {
        "name": f"虚构项目{items.code(item)}",
        "kind": list(several("items.kinds"))[items.kind[item]],
        "class": list(several("items.classes"))[items.class_[item]],
        "first_pay_ratio": trimmed(int(items.ratio[item]), 4),
        "ceilings": None if items.ceiling[item, 0] < 0 else ceilings,
        "restricted": bool(items.restricted[item]),
        "valid_from": "2000-01-01",
    }


def _persons(rows: Iterable[Row]) -> dict[str, Row]:
    """Each person with the class that all their bills have, for ever."""
    bodies = {}
    for row in {row["person_id"]: row for row in rows}.values():
        class_ = row["benefit_class"]
        bodies[row["person_id"]] = {
            "name": f"虚构{row['person_id'][-9:]}",
            "id_number": _id_number(row["person_id"], row["area_code"]),
            "area_code": row["area_code"],
            "insurance_type": RESIDENTS,
            "identities": [] if class_ == "ordinary" else [{"class": class_, "from": "2000-01-01"}],
        }
    return bodies


def _id_number(person_id: str, area: str) -> str:
    """An invented id number with a right check digit, another for each person of a year: two million at most."""
    seed, _, number = person_id.rpartition("-")
    turn, day = divmod(int(number) + 7919 * int(seed.rpartition("S")[2]), BIRTH_DAYS)
    body = f"{area}{FIRST_BIRTH + timedelta(day):%Y%m%d}{turn % 1000:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(ID_WEIGHTS, body, strict=True))
    return body + ID_CHECK_DIGITS[total % 11]


def _with_interim(rows: list[Row]) -> Iterator[tuple[Row, bool]]:
    """The bills, each with whether another one of its visit comes after it."""
    last = {(row["hospital_code"], row["visit_id"]): row["settle_seq"] for row in rows}
    for row in rows:
        yield row, row["settle_seq"] < last[row["hospital_code"], row["visit_id"]]


def bill_body(row: Row, *, interim: bool) -> Row:
    """A row as the body of ``POST /v1/settlements``."""
    source = row["transfer_from"]
    came_from = None if source is None else dict(zip(("hospital_code", "visit_id"), source.split("/"), strict=True))
    same = ("hospital_code", "visit_id", "settle_seq", "person_id", "medical_type", "referral", "work_injury")
    return {name: row[name] for name in (*same, "disease_code", "delivery_mode")} | {
        "insurance_type": RESIDENTS,
        "interim": interim,
        "admitted_on": row["admitted_on"].isoformat(),
        "discharged_on": row["discharged_on"].isoformat(),
        "diagnoses": [{"code": "R69.x00", "name": "未特指的疾病", "main": True}],
        "transfer_from": came_from,
        "lines": [_line(line) for line in row[LINES]],
        "total": yuan(row["total"]),
    }


def _line(line: Row) -> Row:
    return {
        "line_no": line["line_no"],
        "item_code": line["item_code"],
        "quantity": trimmed(line["quantity"], 4),
        "unit_price": trimmed(line["unit_price"], 6),
        "amount": yuan(line["amount"]),
        "charged_at": f"{line['charged_on'].isoformat()}T10:00:00+08:00",
        "approved": line["approved"] == "true",
        "refund_of_line_no": line["refund_of_line_no"],
    }
