"""The 结算单 that the patient signs: its contents, and a page of them. It shows what is stored and computes nothing.

``slip_pdf`` sets the same contents as PDF.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import RowMapping, select

from app.basics.classes import BASE_CLASSES, class_name
from app.basics.days import SHANGHAI, shanghai_day
from app.basics.names import ACCUMULATOR_NAMES, MEDICAL_TYPE_NAMES, TIER_NAMES
from app.registry.tables import hospital, person
from app.service.caller import Caller, Service
from app.service.http import open_request
from app.service.security import Keys, decrypt, mask_id_number
from app.settlement.answer import LineAnswer, SettlementAnswer, YearToDateAnswer
from app.settlement.bill import BillLine, BillRequest
from app.settlement.capitals import capital_yuan
from app.settlement.document import decode_document, decode_inputs
from app.settlement.reading import answer_of_row
from app.settlement.rows import EntryRow
from app.tiers.model import FUND_TIERS
from app.tiers.pack import Pack
from app.tiers.vocabulary import ALSO

NOT_KNOWN: Final = "—"
_CLAUSE_NUMBER: Final = re.compile(r"\A[0-9]+(?=\Z|（)")

KIND_TITLES: Final[Mapping[str, str]] = {
    "quote": "试算单",
    "settlement": "结算单",
    "reversal": "结算单（撤销单）",
    "adjustment": "结算单（调整单）",
}
STATUS_NAMES: Final[Mapping[str, str]] = {
    "quoted": "试算，未结算",
    "settled": "已结算",
    "adjusted": "已调整",
    "reversed": "已撤销",
}
REFERRALS: Final[Mapping[str, str]] = {
    "not_required": "无需转诊",
    "compliant": "按规定转诊",
    "emergency": "急诊",
    "missing": "未按规定转诊",
}
PORTION_TIERS: Final = (*FUND_TIERS, "hospital", "patient")
SCOPE_NAMES: Final[Mapping[str, str]] = {
    "own_expense": "全自费",
    "over_limit": "超限价",
    "first_pay": "先行自付",
    "in_scope": "政策范围内",
}
BASIS_STATUS: Final[Mapping[str, str]] = {"enacted": "已颁布", "assumed": "暂定（待核实）"}
ROOM_NAMES: Final[Mapping[str, str]] = {
    "cap_year": "年度限额尚余",
    **{cap: f"{name}尚余" for cap, name in ALSO.values()},
    "cap_stay": "单次限额尚余",
    "ceiling": "合计支付上限尚余",
    "own_cap": "距个人自付封顶尚余",
}
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "medical_types": MEDICAL_TYPE_NAMES["zh"],
    "kind_titles": KIND_TITLES,
    "status_names": STATUS_NAMES,
    "referrals": REFERRALS,
    "tier_names": TIER_NAMES["zh"],
    "basis_status": BASIS_STATUS,
    "room_names": ROOM_NAMES,
}


@dataclass(frozen=True, slots=True)
class Names:
    """What the registry adds to a slip, ready to be shown; the id number is masked."""

    hospital: str
    person: str
    id_number: str


@dataclass(frozen=True, slots=True)
class SlipLine:
    """One row of the lines' table: what was charged (absent on a correction) and its scope (absent on a refund)."""

    line_no: int
    charged: BillLine | None
    charged_on: str
    scope: LineAnswer | None
    note: str


async def slip_html(service: Service, caller: Caller, row: EntryRow) -> str:
    """The slip of a settlement's row as a whole HTML page. A person or hospital out of the caller's reach is a dash."""
    return _slip.render(**await slip_contents(service, caller, row))


async def slip_contents(service: Service, caller: Caller, row: EntryRow) -> dict[str, Any]:
    """What stands on the slip of an entry, as ``contents`` gives it, with the names within the caller's reach."""
    names = await _names(service, caller, row.hospital_code, row.person_id)
    return contents(row, names, service.book.packs.get(row.policy_pack))


async def _names(service: Service, caller: Caller, hospital_code: str, person_id: str) -> Names:
    hospitals = select(hospital.c.name).where(hospital.c.code == hospital_code)
    persons = select(person.c.name, person.c.id_number).where(person.c.person_id == person_id)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        hospital_name = await connection.scalar(hospitals)
        found = (await connection.execute(persons)).mappings().first()
    name, id_number = (NOT_KNOWN, NOT_KNOWN) if found is None else _person(service.keys, found, person_id)
    return Names(hospital_name or NOT_KNOWN, name, id_number)


def _person(keys: Keys, row: RowMapping, person_id: str) -> tuple[str, str]:
    """Name and masked id number; each text was encrypted for its own place."""
    name = decrypt(keys, row["name"], associated=f"person.name {person_id}".encode())
    id_number = decrypt(keys, row["id_number"], associated=f"person.id_number {person_id}".encode())
    return name, mask_id_number(id_number)


def rendered(row: EntryRow, names: Names, pack: Pack | None) -> str:
    """The HTML page of a row. Pure."""
    return _slip.render(**contents(row, names, pack))


def contents(row: EntryRow, names: Names, pack: Pack | None) -> dict[str, Any]:
    """What stands on the slip of a row, for either template: amounts as texts of yuan, the labels of
    ``WORDS`` not put in yet. Titles of figures and documents come from the pack as it is now. Pure."""
    answer = answer_of_row(row, detail=True, funds=None)
    bill = bill_of(row)
    return {
        "answer": answer,
        "names": names,
        "class_name": class_name(
            answer.benefit_class, classes={**BASE_CLASSES, **({} if pack is None else pack.classes)}
        ),
        "bill": bill,
        "lines": lines_of(answer, bill),
        "settled_at": _minute(answer.settled_at),
        "total_capital": capital_yuan(row.total),
        "patient_capital": capital_yuan(row.patient),
        "portions": [(tier, amount) for tier, amount in _portions(answer) if tier != "supplement" or amount != "0.00"],
        "scope": [(name, getattr(answer.scope, key)) for key, name in SCOPE_NAMES.items()],
        "parts": _parts(answer),
        "years": [
            (year, rows)
            for year, to_date in _years(answer)
            if (rows := _year(to_date, {} if pack is None else own_accumulators(pack)))
        ],
        "documents": _cited(answer, {} if pack is None else pack.documents),
        "titles": {} if pack is None else {name: one.title for name, one in pack.parameters.items()},
    }


def _portions(answer: SettlementAnswer) -> list[tuple[str, str]]:
    return [(tier, getattr(answer.portions, tier)) for tier in PORTION_TIERS]


def bill_of(row: EntryRow) -> BillRequest | None:
    """The bill of a settlement; corrections are stored without one."""
    if row.kind != "settlement":
        return None
    return decode_inputs(decode_document(row.document)).bill


def _minute(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def lines_of(answer: SettlementAnswer, bill: BillRequest | None) -> list[SlipLine]:
    """Every line that was charged, refunds too, beside the scope of what remains of it."""
    scopes = {line.line_no: line for line in answer.lines or ()}
    if bill is None:
        return [SlipLine(number, None, "", scope, scope.note or "") for number, scope in scopes.items()]
    rows = []
    for line in bill.lines:
        scope = scopes.get(line.line_no)
        note = f"冲减第 {line.refund_of_line_no} 行" if scope is None else scope.note or ""
        rows.append(SlipLine(line.line_no, line, shanghai_day(line.charged_at).isoformat(), scope, note))
    return rows


def _parts(answer: SettlementAnswer) -> list[tuple[int, list[str]]]:
    """Of what is split at the turn of the year: each benefit year with its portions, in the order of the slip's."""
    tiers = [tier for tier in PORTION_TIERS if tier != "supplement" or answer.portions.supplement != "0.00"]
    return [(part.benefit_year, [getattr(part.portions, tier) for tier in tiers]) for part in answer.years or ()]


def _years(answer: SettlementAnswer) -> list[tuple[int, YearToDateAnswer]]:
    """The benefit years of an entry, the older one first."""
    return [(part.benefit_year, part.year_to_date) for part in answer.years or (answer,)]


def _year(to_date: YearToDateAnswer, own: dict[str, str]) -> list[tuple[str, str | int, str | int]]:
    """Label, before and after of each accumulator, the pack's own too, that isn't empty both times."""
    before, after = to_date.before, to_date.after
    return [
        (f"{name}（{group}）" if group else name, before.get(key, "0.00"), after[key])
        for own_name, name in (ACCUMULATOR_NAMES | own).items()
        for key, (counted, _, group) in ((key, key.rpartition(":")[2].partition("/")) for key in after)
        if counted == own_name and {before.get(key, 0), after[key]} - {0, "0.00"}
    ]


def own_accumulators(pack: Pack) -> dict[str, str]:
    """The titles of the accumulators that a pack has of its own."""
    return {name: one.title for version in pack.versions for name, one in version.accumulators.items()}


def _cited(answer: SettlementAnswer, documents: Mapping[str, Mapping[str, str]]) -> list[tuple[str, Mapping[str, str]]]:
    """The documents that the explanation cites, in that order. One that the pack no longer lists has no title."""
    cited = dict.fromkeys(basis.document for step in answer.trace or () for basis in step.basis)
    return [(name, documents.get(name, {})) for name in cited]


# ---------------------------------------------------------------- the page


def basis_text(document: str, clause: str) -> str:
    """A source in short: ``yn-2017-ss 第5条``; an assumed figure's clause says what was assumed."""
    place = _CLAUSE_NUMBER.sub(r"第\g<0>条", clause)
    return place if document == "assumption" else f"{document} {place}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(WORDS, basis_text=basis_text)
    return environment


_environment_of_slips: Final = _environment()
_slip: Final = _environment_of_slips.get_template("slip.html")
