"""Clearing as plain rows for tests of payout rates: written into the ledger by the owner, and kept as a list of events
from which an independent model works the figures out again. Money is fen."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

ACCOUNTS = {
    "settlement": ("expense", "payable"),
    "reversal": ("payable", "expense"),
    "deduction": ("payable", "expense"),
    "deduction_reversed": ("expense", "payable"),
    "family_doctor": ("expense", "payable"),
    "recovery": ("receivable", "payable"),
    "deposit_withheld": ("payable", "deposit"),
    "deposit_returned": ("deposit", "payable"),
    "deposit_released": ("deposit", "payable"),
    "deposit_forfeited": ("deposit", "expense"),
    "offset": ("payable", "prepaid"),
    "offset_undone": ("prepaid", "payable"),
    "payment": ("payable", "cash"),
    "payment_returned": ("cash", "payable"),
    "prepayment": ("prepaid", "cash"),
    "prepayment_returned": ("cash", "prepaid"),
    "order_sent": ("committed", "ordered"),
}
PARTIES = {"payable", "deposit", "prepaid", "ordered"}
DECLARED = {"settlement", "reversal", "family_doctor", "recovery", "deduction_reversed"}


def following(period: str, day: int) -> date:
    """A day of the month after."""
    year, month = int(period[:4]), int(period[5:])
    return date(year + month // 12, month % 12 + 1, day)


@dataclass
class Event:
    """A transfer. ``statement`` is the one it belongs to, by its items or by what it pays."""

    event: str
    fund: str
    hospital: str
    amount: int
    day: date
    year: int
    statement: int | None = None
    transfer_id: int = 0

    @property
    def period(self) -> str:
        return f"{self.day:%Y-%m}"


@dataclass
class Statement:
    """A declared month of one hospital."""

    period: str
    declared_on: date
    pay_by: date
    ordered: dict[tuple[str, int], tuple[date, int]] = field(default_factory=dict)  # (fund, year) -> created, deposit


@dataclass
class History:
    """Everything that happened in one paying area."""

    connection: Any
    area: str
    pay_by_day: int = 25
    events: list[Event] = field(default_factory=list)
    statements: dict[int, Statement] = field(default_factory=dict)

    async def post(self, event: str, fund: str, hospital: str, amount: int, day: date, **of: Any) -> Event:
        """Write a transfer."""
        made = Event(event, fund, hospital, amount, day, of.get("year", day.year), of.get("statement"))
        debit, credit = (self._path(kind, fund, hospital) for kind in ACCOUNTS[event])
        await self.connection.execute(
            "INSERT INTO account (path) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", [debit, credit]
        )
        async with self.connection.transaction():  # a plain row: neither an order nor the bank stands behind it
            await self.connection.execute("ALTER TABLE transfer DISABLE TRIGGER transfer_backed")
            made.transfer_id = await self.connection.fetchval(
                """INSERT INTO transfer (event, debit_account, credit_account, amount, area_code, fund, tier,
                     hospital_code, hospital_area, clr_type, business_date, period, benefit_year, fiscal_year,
                     statement_id, cause, subject, request_id)
                   SELECT $1, d.account_id, c.account_id, $4, $5, $6, 'basic', $7, '530127', '21', $8, $9, $10, $10,
                     $11, $12, 's', 'r'
                     FROM account d, account c WHERE d.path = $2 AND c.path = $3 RETURNING transfer_id""",
                event, debit, credit, amount, self.area, fund, hospital, day, made.period, made.year,
                None if event in DECLARED else made.statement, of.get("cause"),
            )  # fmt: skip
            await self.connection.execute("ALTER TABLE transfer ENABLE TRIGGER transfer_backed")
        self.events.append(made)
        return made

    def _path(self, kind: str, fund: str, hospital: str) -> str:
        base = f"area:{self.area}/fund:{fund}/{kind}"
        return f"{base}/hospital:{hospital}" if kind in PARTIES else base

    async def declare(self, hospital: str, period: str, declared_on: date) -> int:
        """Declare everything up to a month that no statement has."""
        pay_by = following(period, self.pay_by_day)
        number: int = await self.connection.fetchval(
            """INSERT INTO statement (hospital_code, hospital_area, area_code, period, declared_at, pay_by, subject,
              request_id)
               VALUES ($1, '530127', $2, $3, $4::date + interval '12 hours', $5, 's', 'r') RETURNING statement_id""",
            hospital, self.area, period, declared_on, pay_by,
        )  # fmt: skip
        self.statements[number] = Statement(period, declared_on, pay_by)
        for item in self.events:
            if (item.hospital, item.statement) == (hospital, None) and item.event in DECLARED and item.period <= period:
                item.statement = number
                await self.connection.execute(
                    "INSERT INTO statement_item (statement_id, transfer_id) VALUES ($1, $2)", number, item.transfer_id
                )
        await self.connection.execute("SELECT statement_summed($1)", number)
        return number

    async def roll(self) -> None:
        """Add what was posted so far to the sums."""
        await self.connection.execute("SELECT postings_roll()")

    async def order(
        self, number: int, hospital: str, fund: str, year: int, day: date, rate: Fraction, offset: int = 0
    ) -> int:
        """Order a statement's part and approve it at once; what is to be paid, or less than 0 when it is carried on."""
        gross = sum(
            worth(item) for item in self.events if (item.statement, item.fund, item.year) == (number, fund, year)
        )
        gross -= sum(
            held(item) for item in self.events if (item.statement, item.fund, item.year) == (number, fund, year)
        )
        deposit = int(gross * rate) if gross > 0 else 0
        offset = min(offset, max(0, gross - deposit))
        self.statements[number].ordered[fund, year] = (day, deposit)
        part = await self.part(number, hospital, fund, year, gross)
        await self.connection.execute(
            """INSERT INTO disbursement (statement_id, part_id, hospital_code, hospital_area, area_code, fund,
              fiscal_year, period, gross,
                 deposit_rate, deposit, offset_amount, carried, amount, state, due_on, created_on, approved_by,
                   subject, request_id)
               VALUES ($1, $14, $2, '530127', $3, $4, $5, $6, $7, 0, $8, $9, 0, $10, $11, $12, $13, 'checker', 's',
                 'r')""",
            number, hospital, self.area, fund, year, self.statements[number].period, gross, deposit, offset,
            gross - deposit - offset, "sent" if gross > 0 else "carried_forward", self.statements[number].pay_by, day,
            part,
        )  # fmt: skip
        of: dict[str, Any] = {"year": year, "statement": number}
        for event, amount in (("deposit_withheld", deposit), ("offset", offset)):
            if amount:
                await self.post(event, fund, hospital, amount, day, **of)
        return gross - deposit - offset

    async def part(self, number: int, hospital: str, fund: str, year: int, amount: int) -> int:
        """An approved part of a statement."""
        part_id: int = await self.connection.fetchval(
            """INSERT INTO statement_part (statement_id, fund, fiscal_year, amount, state, approved_by, approved_on,
              hospital_code,
                 hospital_area, area_code, subject, request_id)
               VALUES ($1, $2, $3, $4, 'approved', 'checker', $5, $6, '530127', $7, 's', 'r') RETURNING part_id""",
            number, fund, year, amount, self.statements[number].declared_on, hospital, self.area,
        )  # fmt: skip
        await self.connection.execute("UPDATE statement SET state = state WHERE statement_id = $1", number)
        return part_id


def worth(event: Event) -> int:
    """How much more the fund owes for good."""
    if event.event in ("settlement", "family_doctor", "recovery", "deduction_reversed"):
        return event.amount
    return -event.amount if event.event in ("reversal", "deduction", "deposit_forfeited") else 0


def paid(event: Event) -> int:
    """How much of it is paid."""
    if event.event in ("payment", "offset"):
        return event.amount
    return -event.amount if event.event in ("payment_returned", "offset_undone") else 0


def held(event: Event) -> int:
    """How much more deposit is held."""
    if event.event == "deposit_withheld":
        return event.amount
    return -event.amount if event.event in ("deposit_returned", "deposit_released", "deposit_forfeited") else 0


def prepaid(event: Event) -> int:
    """How much more of prepayments is outstanding."""
    if event.event in ("prepayment", "offset_undone"):
        return event.amount
    return -event.amount if event.event in ("prepayment_returned", "offset") else 0


class Model:
    """The figures of one fund and year as of a day, from events alone; the plan of the area is a constant deposit
    rate."""

    def __init__(self, history: History, fund: str, year: int, as_of: date, plan_rate: Fraction) -> None:
        self.history, self.fund, self.year, self.as_of, self.plan_rate = history, fund, year, as_of, plan_rate
        self.known = [item for item in history.events if item.fund == fund and item.day <= as_of]
        self.mine = [item for item in self.known if item.year == year]
        self.end = date(year, 12, 31)
        self.legal = [item for item in self.mine if item.day <= self.end]

    def figures(self) -> dict[str, Any]:
        """Every figure that the row of the fund must show, fen and fractions."""
        incurred = sum(worth(i) for i in self.legal if i.event in DECLARED - {"deduction_reversed"})
        payable = sum(map(worth, self.legal))
        offset = sum(paid(i) for i in self.legal if i.event.startswith("offset"))
        cash = sum(map(paid, self.legal)) - offset
        extra = self.year_end_offset() if self.as_of >= self.end else {}
        disbursed = cash + offset + sum(extra.values())
        legal = self if self.as_of <= self.end else Model(self.history, self.fund, self.year, self.end, self.plan_rate)
        scheduled, expected = legal.projected(extra)
        due = {hospital: self.due(hospital, self.as_of) for hospital in self.hospitals()}
        late = {hospital: self.due(hospital, self.as_of - timedelta(days=1)) for hospital in self.hospitals()}
        done = {hospital: sum(map(paid, self.fallen_due(hospital, self.as_of))) for hospital in self.hospitals()}
        before = {h: sum(map(paid, self.fallen_due(h, self.as_of - timedelta(days=1)))) for h in self.hospitals()}
        return {
            "incurred": incurred,
            "deductions": incurred - payable,
            "payable": payable,
            "cash": cash,
            "offset": offset,
            "year_end_offset": sum(extra.values()),
            "disbursed": disbursed,
            "final_payable": sum(map(worth, self.mine)),
            "final_paid": sum(map(paid, self.mine)),
            "deposit": sum(map(held, self.mine)),
            "due": sum(due.values()),
            "disbursed_of_due": sum(min(done[hospital], due[hospital]) for hospital in due),
            "overdue": sum(max(0, late[hospital] - before[hospital]) for hospital in late),
            "scheduled": scheduled,
            "expected": expected,
        }

    def hospitals(self) -> list[str]:
        return sorted({item.hospital for item in self.mine})

    def pay_by(self, item: Event) -> date:
        statement = self.history.statements.get(item.statement or 0)
        if statement is None or statement.declared_on > self.as_of:
            return following(item.period, self.history.pay_by_day)
        return statement.pay_by

    def fallen_due(self, hospital: str, day: date) -> list[Event]:
        return [item for item in self.mine if item.hospital == hospital and self.pay_by(item) <= day]

    def due(self, hospital: str, day: date) -> int:
        return sum(worth(item) - held(item) for item in self.fallen_due(hospital, day))

    def year_end_offset(self) -> dict[str, int]:
        found = {}
        for hospital in self.hospitals():
            own = [item for item in self.legal if item.hospital == hospital]
            unpaid = sum(worth(item) - paid(item) for item in own)
            found[hospital] = max(0, min(unpaid, sum(map(prepaid, own))))
        return found

    def projected(self, extra: dict[str, int]) -> tuple[int, int]:
        """What is still to be paid in the year, and what is still to be expected of it."""
        scheduled = 0
        for hospital in self.hospitals():
            own = list(self.fallen_due(hospital, self.end))
            parts: dict[Any, list[Event]] = defaultdict(list)
            for item in own:
                statement = self.history.statements.get(item.statement or 0)
                declared = statement is not None and statement.declared_on <= self.as_of
                parts[item.statement if declared else item.period].append(item)
            rest = 0
            for key, items in parts.items():
                owed = sum(map(worth, items))
                statement = self.history.statements.get(key) if isinstance(key, int) else None
                order = None if statement is None else statement.ordered.get((self.fund, self.year))
                if order is not None and order[0] <= self.as_of:
                    deposit = order[1]
                else:
                    deposit = sum(map(held, items)) + half_up(max(owed, 0) * self.plan_rate)
                rest += owed - deposit - sum(map(paid, items))
            scheduled += max(0, max(0, rest) - extra.get(hospital, 0))
        expected = 0
        declared_to = max(
            (s.period for s in self.history.statements.values() if s.declared_on <= self.as_of), default=""
        )
        for month in range(1, 13):
            period = f"{self.year}-{month:02d}"
            before = self.month(self.year - 1, f"{self.year - 1}-{month:02d}")
            if before is None or period <= declared_to:
                continue
            more = max(0, before - (self.month(self.year, period) or 0))
            expected += more
            if month < 12:
                scheduled += more - half_up(more * self.plan_rate)
        return scheduled, expected

    def month(self, year: int, period: str) -> int | None:
        """What was posted in a month, whichever statement swept it."""
        items = [item for item in self.known if item.year == year and item.period == period]
        return sum(map(worth, items)) if items else None


def half_up(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))


_AREAS = iter(range(11, 100))


def fresh_area() -> str:
    """A paying area under the shipped pack that no other test of this process uses."""
    return f"53{next(_AREAS):02d}00"
