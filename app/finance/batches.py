"""Batches on the pages of orders, claims, prepayments and statements: what is ticked, or all that the filters find, is
shown once with count and sums, confirmed once, and answered row by row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import as_period, first_day, period_of
from app.basics.errors import NotFound, Refused
from app.basics.ids import CLAIM, DISBURSEMENT, JOB, PREPAYMENT, STATEMENT, number_of, read_id, shown_id
from app.clearing.batch import DONE, MOST_ROWS, REFUSED, BatchJobAnswer, BatchRow, PaidRow, carried_out
from app.clearing.due import undeclared
from app.clearing.moves import business_now, today
from app.clearing.payment import PaymentKind
from app.clearing.statement import StatementRequest
from app.clearing.statement_row import BEFORE_APPROVAL
from app.clearing.tables import claim, disbursement, prepayment, statement
from app.finance import claims, orders, prepayments, statements
from app.finance.list_page import ListPage, narrowed_by
from app.finance.page import (
    PageRoute,
    Refusal,
    Visitor,
    check_proven,
    form_keyed,
    gone_to,
    own_form,
    reading,
    sentences_of,
    shown,
    visit,
)
from app.finance.payment_steps import steps_for
from app.finance.registered import hospital_names, paying_areas
from app.finance.typing_in import understood
from app.jobs import store
from app.jobs.asker import check_mine
from app.jobs.kinds import BATCH
from app.jobs.outcome import RowAnswer, shown_row
from app.service.http import check_context
from app.service.messages import text
from app.service.wire import decode

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
ORDERS: Final = "orders"
CLAIMS: Final = "claims"
PREPAYMENTS: Final = "prepayments"
PAGES: Final[Mapping[str, ListPage]] = {
    ORDERS: orders.PAGE,
    CLAIMS: claims.PAGE,
    PREPAYMENTS: prepayments.PAGE,
    "statements": statements.PAGE,
}
KEYS: Final = {
    ORDERS: (DISBURSEMENT, disbursement.c.disbursement_id),
    CLAIMS: (CLAIM, claim.c.claim_id),
    PREPAYMENTS: (PREPAYMENT, prepayment.c.prepayment_id),
    "statements": (STATEMENT, statement.c.statement_id),
}
STEPS: Final = {
    (ORDERS, "approve"): "order_approval",
    (ORDERS, "send"): "order_sending",
    (ORDERS, "pay"): "order_payments",
    (CLAIMS, "approve"): "claim_approval",
    (CLAIMS, "send"): "claim_sending",
    (CLAIMS, "pay"): "claim_payments",
    (PREPAYMENTS, "approve"): "prepayment_approval",
    (PREPAYMENTS, "send"): "prepayment_sending",
    (PREPAYMENTS, "pay"): "prepayment_payments",
    ("statements", "approve"): "statement_approval",
    ("statements", "declare"): "statement_declaration",
}
KINDS: Final = {ORDERS: PaymentKind.ORDER, CLAIMS: PaymentKind.CLAIM, PREPAYMENTS: PaymentKind.PREPAYMENT}
RUNNING: Final = ("queued", "running")


class Chosen(Struct, frozen=True, kw_only=True):
    """A row that somebody chose: what it is, its money (fen) where it has any, and why the step can't be taken of it;
    the service decides in the end."""

    id: str
    hospital_code: str
    area_code: str
    period: str
    fund: str | None
    amount: int | None
    state: str
    why: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """The rows that somebody chose, and the names of their hospitals; ``too_many`` when they are cut off."""

    rows: Sequence[Chosen]
    names: Mapping[str | None, str]
    day: date
    too_many: bool = False


# ---------------------------------------------------------------- what is chosen


async def _chosen(visitor: Visitor, connection: AsyncConnection, noun: str, word: str) -> Choice:
    day = today(await business_now(visitor.service, connection))
    if word == "declare":
        rows = await _to_declare(visitor, connection, day)
    else:
        found = await _rows(visitor, connection, noun, day)
        rows = [_row(visitor, noun, word, row) for row in found]
    names = await hospital_names(connection, [row.hospital_code for row in rows])
    return Choice(rows[:MOST_ROWS], names, day, too_many=len(rows) > MOST_ROWS)


async def _rows(visitor: Visitor, connection: AsyncConnection, noun: str, day: date) -> Sequence[RowMapping]:
    """The ticked rows, or all that the filters of the address find: at most one more than a batch may have."""
    declared, query = PAGES[noun].declared, visitor.request.query_params
    prefix, key = KEYS[noun]
    assert declared.selected is not None
    filters = (await narrowed_by(visitor, connection, declared)).filters if query.get("all") else declared.filters()
    wanted = await declared.selected.rows(connection, visitor.caller, filters, day)
    if not query.get("all"):
        numbers = [number for one in query.getlist("id")[:MOST_ROWS] if (number := read_id(prefix, one)) is not None]
        wanted = wanted.where(key.in_(numbers))
    return (await connection.execute(wanted.order_by(key).limit(MOST_ROWS + 1))).mappings().all()


def _row(visitor: Visitor, noun: str, word: str, row: RowMapping) -> Chosen:
    prefix, key = KEYS[noun]
    if noun in KINDS:
        steps = steps_for(visitor, KINDS[noun], row["state"], row["subject"])
        why = None if word in steps else "maker" if word == "approve" and "second" in steps else "state"
    else:
        own = row["subject"] == visitor.principal.subject
        why = "state" if row["state"] not in BEFORE_APPROVAL else "maker" if own else None
    amount = row["amount"] - row["paid"] if word == "pay" else row["amount"]
    return Chosen(
        id=shown_id(prefix, row[key.name]),
        hospital_code=row["hospital_code"],
        area_code=row["area_code"],
        period=row["created_on"].isoformat()[:7] if noun in (CLAIMS, PREPAYMENTS) else row["period"],
        fund=row["fund"] if noun in KINDS else None,
        amount=amount,
        state=row["state"],
        why=why,
    )


async def _to_declare(visitor: Visitor, connection: AsyncConnection, day: date) -> list[Chosen]:
    """The hospitals that have something to declare of the address's month and haven't."""
    period = _period(visitor, day)
    found = []
    for area in await paying_areas(connection):
        if not area.startswith(visitor.caller.reach[2]):
            continue
        for row in await undeclared(connection, area, first=period, last=period):
            found.append(
                Chosen(
                    id=f"{row['hospital_code']}:{area}:{period}",
                    hospital_code=row["hospital_code"],
                    area_code=area,
                    period=period,
                    fund=None,
                    amount=None,
                    state="",
                    why=None,
                )
            )
    return found


def _period(visitor: Visitor, day: date) -> str:
    wanted = visitor.request.query_params.get("period", "")
    try:
        return as_period(wanted, "/period")
    except Refused:
        return period_of(first_day(period_of(day)) - timedelta(days=1))


# ---------------------------------------------------------------- pages


def _check_known(noun: str, word: str) -> None:
    if (noun, word) not in STEPS:
        raise NotFound("not_found")


@router.get("/{noun}/batch/{word}")
async def get_batch(request: Request, noun: str, word: str) -> Response:
    """What a batch would do, to be confirmed. The second factor is asked here, before anything was typed."""
    _check_known(noun, word)
    visitor = await visit(request, "finance")
    check_proven(visitor, _here(request))
    return await _page(visitor, noun, word)


def _here(request: Request) -> str:
    query = str(request.url.query)
    return str(request.url.path) + (f"?{query}" if query else "")


async def _page(visitor: Visitor, noun: str, word: str, refusal: Refusal | None = None) -> Response:
    choice = await reading(visitor, lambda connection: _chosen(visitor, connection, noun, word))
    possible = [row for row in choice.rows if row.why is None]
    by_fund: Counter[str] = Counter()
    for row in possible:
        if row.fund is not None and row.amount is not None:
            by_fund[row.fund] += row.amount
    return shown(
        visitor,
        "batch.html",
        {
            "word": word,
            "address": PAGES[noun].address,
            "title": PAGES[noun].declared.title[visitor.caller.language],
            "possible": possible,
            "impossible": [row for row in choice.rows if row.why is not None],
            "too_many": choice.too_many,
            "sum": sum(row.amount or 0 for row in possible),
            "by_fund": sorted(by_fund.items()),
            "names": choice.names,
            "today": choice.day,
            "period": _period(visitor, choice.day),
            "here": lambda: _here(visitor.request),
        },
        refusal=refusal,
    )


@router.post("/{noun}/batch/{word}")
async def post_batch(request: Request, noun: str, word: str) -> Response:
    """Do a confirmed batch, once per form, and show what became of each row; a long one goes on as a job."""
    _check_known(noun, word)
    visitor = await visit(request, "finance")
    form = await own_form(visitor)
    check_proven(visitor, _here(request))
    keyed = form_keyed(visitor, form)
    try:
        rows = _wanted(word, understood(form))
    except Refused as error:
        sentences = sentences_of(error, visitor.caller.language)
        return await _page(visitor, noun, word, Refusal(sentences, error.status, form))

    async def rows_of(_: AsyncConnection) -> list[BatchRow]:
        return rows

    _, answered, _ = await carried_out(visitor.service, visitor.caller, keyed, STEPS[noun, word], rows_of)
    if isinstance(answered, BatchJobAnswer):
        return gone_to(f"/finance/batches/{answered.job_id}")
    return _result(visitor, noun, answered.data)


def _wanted(word: str, form: Mapping[str, str]) -> list[BatchRow]:
    """The rows that a form confirms. Refused with every fault of what was typed."""
    ids = form.get("ids", "").split()[:MOST_ROWS]
    match word:
        case "declare":
            parts = [one.split(":") for one in ids if one.count(":") == 2]
            declared = [{"hospital_code": code, "area_code": area, "period": period} for code, area, period in parts]
            wanted = decode(msgspec.json.encode(declared), list[StatementRequest])
            return [BatchRow(row.hospital_code, msgspec.to_builtins(row)) for row in wanted]
        case "pay":
            paid = [_paid(one, form) for one in ids if form.get(f"reference_{one}")]
            return [
                BatchRow(row.id, msgspec.to_builtins(row)) for row in decode(msgspec.json.encode(paid), list[PaidRow])
            ]
        case _:
            return [BatchRow(one) for one in ids]


def _paid(order: str, form: Mapping[str, str]) -> dict[str, str]:
    values = {
        "id": order,
        "paid_on": form.get("paid_on", ""),
        "bank_reference": form[f"reference_{order}"],
        "amount": form.get(f"amount_{order}", ""),
    }
    return {name: value for name, value in values.items() if value}


def _result(visitor: Visitor, noun: str, rows: Sequence[RowAnswer], **further: object) -> Response:
    contents = {
        "address": PAGES[noun].address,
        "title": PAGES[noun].declared.title[visitor.caller.language],
        "rows": rows,
        "done": sum(row.outcome == DONE for row in rows),
        "refused": sum(row.outcome == REFUSED for row in rows),
        "running": False,
        "job": None,
        "faults": (),
    }
    return shown(visitor, "batch_result.html", {**contents, **further})


@router.get("/batches/{job_id}")
async def get_job(request: Request, job_id: str) -> Response:
    """How far the job of a long batch is, and what became of the rows so far."""
    visitor = await visit(request, "finance")
    async with visitor.service.database.hot() as connection:
        await check_context(visitor.service, connection, visitor.caller)
        job = await store.read(connection, number_of(JOB, job_id))
        if job.kind != BATCH:
            raise NotFound("not_found")
        check_mine(visitor.caller, job)
        found = await store.read_rows(connection, job.job_id, outcome=None, after=0, limit=MOST_ROWS)
    language = visitor.caller.language
    noun = next((one for one in KINDS if job.options["step"].startswith(one[:-1])), "statements")
    return _result(
        visitor,
        noun,
        [shown_row(row, language) for row in found],
        job=job,
        running=job.state in RUNNING,
        faults=[text(fault.code, fault.values, language) for fault in job.faults],
    )
