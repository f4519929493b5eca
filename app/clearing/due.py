"""What is to be done by which day: declared, approved, ordered, paid, reported; and what of a month is still open."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, Literal

from msgspec import Struct
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.ids import DISBURSEMENT, STATEMENT, shown_id
from app.basics.money import yuan
from app.clearing.moves import business_now, today
from app.clearing.plan import plan_of
from app.clearing.report import due_reports
from app.service.caller import Service

Act = Literal["declare", "approve", "order", "pay", "report"]
MOST_SHOWN: Final = 1000
MOST_NAMED: Final = 100

# Months with postings are found by leaps through the index, not by looking at every posting.
_UNDECLARED: Final = text("""
WITH RECURSIVE place AS (
  SELECT substr(a.party, 10) AS hospital_code, array_agg(a.account_id) AS accounts FROM account a
   WHERE a.kind = 'payable' AND a.party LIKE 'hospital:%' AND starts_with(a.path, 'area:' || CAST(:area AS text) || '/')
   GROUP BY 1),
month AS (
  SELECT p.*, (SELECT min(t.period) FROM transfer t
                WHERE t.hospital_code = p.hospital_code AND t.area_code = :area) AS period FROM place p
  UNION ALL
  SELECT m.hospital_code, m.accounts, (SELECT min(t.period) FROM transfer t
                            WHERE t.hospital_code = m.hospital_code AND t.area_code = :area AND t.period > m.period)
    FROM month m WHERE m.period < :last)
SELECT m.hospital_code, m.period
  FROM month m
 CROSS JOIN LATERAL (
       SELECT FROM transfer t
        WHERE t.hospital_code = m.hospital_code AND t.area_code = :area AND t.period = m.period
          AND t.event IN ('settlement', 'reversal', 'adjustment', 'recovery', 'deduction_reversed', 'family_doctor')
          AND (t.credit_account = ANY (m.accounts) OR t.debit_account = ANY (m.accounts))
          AND NOT EXISTS (SELECT FROM statement_item i WHERE i.transfer_id = t.transfer_id
            AND NOT i.withdrawn) LIMIT 1) one
 WHERE m.period BETWEEN :first AND :last
   AND NOT EXISTS (SELECT FROM statement s WHERE s.hospital_code = m.hospital_code AND s.area_code = :area
                      AND s.period = m.period AND s.state <> 'withdrawn')
 ORDER BY m.period, m.hospital_code LIMIT :most""")
# One posting of a month is enough; a bitmap would gather them all first.
_BITMAPS: Final = text("SELECT set_config('enable_bitmapscan', :state, true)")
_UNAPPROVED: Final = text("""
SELECT s.statement_id, s.hospital_code, s.period, s.state, s.pay_by,
       (SELECT coalesce(sum(t.amount), 0) FROM statement_total t
         WHERE t.statement_id = s.statement_id)::bigint AS amount
  FROM statement s
 WHERE s.area_code = :area AND s.state IN ('declared', 'reconciled', 'audited') AND (CAST(:period AS text) IS NULL
   OR s.period = :period)
 ORDER BY s.pay_by, s.statement_id LIMIT :most""")
_UNORDERED: Final = text("""
SELECT s.statement_id, s.hospital_code, s.period, p.fund, s.pay_by, sum(p.amount)::bigint AS amount
  FROM statement_part p JOIN statement s USING (statement_id)
 WHERE p.area_code = :area AND p.state = 'approved' AND s.withdrawn_on IS NULL
 GROUP BY 1, 2, 3, 4, 5 ORDER BY s.pay_by, s.statement_id, p.fund LIMIT :most""")
_UNPAID: Final = text("""
SELECT o.disbursement_id, o.statement_id, o.hospital_code, o.period, o.fund, o.state, o.due_on,
  o.amount - o.paid AS amount
  FROM disbursement o
 WHERE o.area_code = :area AND o.state NOT IN ('paid', 'cancelled', 'carried_forward') AND o.amount > o.paid
   AND (CAST(:period AS text) IS NULL OR (o.period = :period AND o.due_on < :day))
 ORDER BY o.due_on, o.disbursement_id LIMIT :most""")
_DIFFERENCES: Final = text("""
SELECT f.statement_id, s.hospital_code, count(*) AS differences, min(f.opened_on) AS since
  FROM difference f JOIN statement s USING (statement_id)
 WHERE s.area_code = :area AND s.period = :period AND f.state = 'open' GROUP BY 1, 2 ORDER BY 1 LIMIT :most""")


class DueAnswer(Struct):
    """One thing to do, by whom is plain from ``act``: a hospital declares, the fund's owners approve, order and pay,
    the area reports. ``amount`` yuan where it is known; ``overdue``: its day is over."""

    act: Act
    due_on: date
    overdue: bool
    period: str
    hospital_code: str | None = None
    fund: str | None = None
    statement_id: str | None = None
    disbursement_id: str | None = None
    report_id: str | None = None
    state: str | None = None
    amount: str | None = None


class DueListAnswer(Struct):
    """What an area and its hospitals have to do, the earliest first; at most 1,000 of each kind."""

    area_code: str
    as_of: date
    data: list[DueAnswer]


class OpenItem(Struct, omit_defaults=True):
    """Something of a month that isn't done: a hospital without a statement, a statement, or an order."""

    hospital_code: str
    statement_id: str | None = None
    disbursement_id: str | None = None
    fund: str | None = None
    state: str | None = None
    differences: int | None = None
    amount: str | None = None


class Open(Struct):
    """What of a month was open on a day: at most 1,000 of each kind are counted and 100 named."""

    undeclared: int
    differences: int
    unapproved: int
    overdue_orders: int
    named: dict[str, list[OpenItem]]


async def due_of(service: Service, connection: AsyncConnection, area: str) -> DueListAnswer:
    """Everything that an area, its hospitals and funds have to do, as far as the caller sees it."""
    day = today(await business_now(service, connection))
    found = [
        *await _to_declare(service, connection, area, day),
        *await _to_approve(connection, area, day),
        *await _to_order(connection, area, day),
        *await _to_pay(connection, area, day),
        *await _to_report(service, connection, area, day),
    ]
    return DueListAnswer(area, day, sorted(found, key=lambda item: (item.due_on, item.period)))


async def undeclared(connection: AsyncConnection, area: str, *, first: str, last: str) -> Sequence[RowMapping]:
    """Hospitals and months between two, both included, with postings to declare and no statement."""
    wanted = {"area": area, "first": first, "last": last, "most": MOST_SHOWN}
    await connection.execute(_BITMAPS, {"state": "off"})
    rows = (await connection.execute(_UNDECLARED, wanted)).mappings().all()
    await connection.execute(_BITMAPS, {"state": "on"})
    return rows


def last_ended(day: date) -> str:
    """The month before a day's own."""
    year, month = (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)
    return f"{year:04d}-{month:02d}"


async def _rows(connection: AsyncConnection, statement: Any, **wanted: object) -> Sequence[RowMapping]:
    return (await connection.execute(statement, {"most": MOST_SHOWN, **wanted})).mappings().all()


async def _to_declare(service: Service, connection: AsyncConnection, area: str, day: date) -> list[DueAnswer]:
    rows = await undeclared(connection, area, first="", last=last_ended(day))
    days = {period: plan_of(service, area, period).declare_by(period) for period in {row["period"] for row in rows}}
    return [
        DueAnswer("declare", days[period], day > days[period], period, row["hospital_code"])
        for row in rows
        for period in [row["period"]]
    ]


async def _to_approve(connection: AsyncConnection, area: str, day: date) -> list[DueAnswer]:
    rows = await _rows(connection, _UNAPPROVED, area=area, period=None)
    return [_of_statement("approve", row, day, state=row["state"]) for row in rows]


async def _to_order(connection: AsyncConnection, area: str, day: date) -> list[DueAnswer]:
    return [
        _of_statement("order", row, day, fund=row["fund"]) for row in await _rows(connection, _UNORDERED, area=area)
    ]


def _of_statement(act: Act, row: RowMapping, day: date, **more: str) -> DueAnswer:
    return DueAnswer(
        act,
        row["pay_by"],
        day > row["pay_by"],
        row["period"],
        row["hospital_code"],
        statement_id=shown_id(STATEMENT, row["statement_id"]),
        amount=yuan(row["amount"]),
        **more,
    )


async def _to_pay(connection: AsyncConnection, area: str, day: date) -> list[DueAnswer]:
    return [
        DueAnswer(
            "pay",
            row["due_on"],
            day > row["due_on"],
            row["period"],
            row["hospital_code"],
            row["fund"],
            None if row["statement_id"] is None else shown_id(STATEMENT, row["statement_id"]),
            shown_id(DISBURSEMENT, row["disbursement_id"]),
            state=row["state"],
            amount=yuan(row["amount"]),
        )
        for row in await _rows(connection, _UNPAID, area=area, period=None, day=day)
    ]


async def _to_report(service: Service, connection: AsyncConnection, area: str, day: date) -> list[DueAnswer]:
    reports = await due_reports(service, connection, area, day)
    return [
        DueAnswer("report", one.due_on, one.overdue, one.period, report_id=one.report_id, state=one.state)
        for one in reports
    ]


async def open_of(service: Service, connection: AsyncConnection, area: str, period: str, day: date) -> Open:
    """What of a month isn't done on a day."""
    wanted = {"area": area, "period": period}
    waiting = [OpenItem(row["hospital_code"]) for row in await undeclared(connection, area, first=period, last=period)]
    differences = await _rows(connection, _DIFFERENCES, **wanted)
    unapproved = await _rows(connection, _UNAPPROVED, **wanted)
    unpaid = await _rows(connection, _UNPAID, **wanted, day=day)
    named = {
        "undeclared": waiting,
        "differences": [_item(row, differences=row["differences"]) for row in differences],
        "unapproved": [_item(row, state=row["state"], amount=yuan(row["amount"])) for row in unapproved],
        "overdue_orders": [
            _item(
                row,
                disbursement_id=shown_id(DISBURSEMENT, row["disbursement_id"]),
                fund=row["fund"],
                state=row["state"],
                amount=yuan(row["amount"]),
            )
            for row in unpaid
        ],
    }
    counts = {kind: len(items) for kind, items in named.items()}
    return Open(**counts, named={kind: items[:MOST_NAMED] for kind, items in named.items()})


def _item(row: RowMapping, **more: Any) -> OpenItem:
    number = row["statement_id"]
    return OpenItem(row["hospital_code"], None if number is None else shown_id(STATEMENT, number), **more)
