"""What the elected process shows of clearing, by paying area and fund, from the database. Yuan and seconds; floats are
fine here: nothing that is shown flows back into a calculation."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Refused
from app.basics.money import RATE_ONE
from app.clearing.due import last_ended, undeclared
from app.clearing.moves import business_now, today
from app.clearing.payout_base import AREA, FUND, Wanted
from app.clearing.payout_query import Figures, payout_figures
from app.clearing.plan import plan_of
from app.clearing.report import due_reports
from app.clearing.to_money import ToMoney
from app.jobs.store import JobFigures
from app.ledger.overpaid import Overpaid
from app.ledger.proof import CHECKS
from app.ledger.seal import FINDINGS
from app.service.caller import Service

SECONDS_A_DAY: Final = 86_400
FEN: Final = 100
MOST_DAYS: Final = 36_500
_BY_FUND: Final = ("area_code", "fund")
_BY_YEAR: Final = (*_BY_FUND, "year")

_OPEN: Final = text("SELECT service_open(:timeout)")
_AREAS: Final = text("""
SELECT DISTINCT substr(split_part(path, '/', 1), 6) AS area_code FROM account WHERE kind = 'payable' ORDER BY 1""")
_CLOSED: Final = text("SELECT area_code, year FROM fiscal_year_closing WHERE year >= :year")
_OVERDUE: Final = text("""
SELECT area_code, fund, count(*) AS number FROM disbursement
 WHERE state NOT IN ('paid', 'cancelled', 'carried_forward') AND amount > paid AND due_on < :day GROUP BY 1, 2""")
_BREAKS: Final = text("""
SELECT area_code, fund, count(*) AS number, min(opened_on) AS since FROM difference WHERE state = 'open' GROUP BY 1,
  2""")
_DEDUCTIONS: Final = text("""
SELECT area_code, fund, count(*) AS number FROM deduction WHERE state IN ('proposed', 'appealed') GROUP BY 1, 2""")
_APPEALS: Final = text("""
SELECT area_code, fund, count(*) AS number, min(appealed_on) AS since FROM deduction WHERE state = 'appealed'
  GROUP BY 1, 2""")


class Figured:
    """The gauges of one look at the database."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

    def gauge(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Gauge:
        """A gauge of this look alone."""
        return Gauge(f"onestop_{name}", meaning, labels, registry=self.registry)

    def text(self) -> bytes:
        """The gauges as Prometheus reads them."""
        return generate_latest(self.registry)


async def clearing_figures(service: Service, connection: AsyncConnection, *, seconds: int) -> bytes:
    """Look once at everything. ``seconds`` bounds each query. Sees all areas and funds."""
    await connection.execute(_OPEN, {"timeout": f"{seconds}s"})
    day = today(await business_now(service, connection))
    figured = Figured()
    closed = {(row[0], row[1]) for row in await connection.execute(_CLOSED, {"year": day.year - 1})}
    payouts = {}
    for year in (day.year - 1, day.year):
        wanted = Wanted(year=year, as_of=day, group_by=(FUND, AREA))
        rows = await payout_figures(connection, service.book, wanted)
        payouts[year] = [row for row in rows if (row.area_code, year) not in closed]
    _payouts(figured, payouts, day.year)
    await _worklists(figured, connection, day)
    await _areas(figured, service, connection, day)
    _gaps(figured, service, day)
    return figured.text()


def _gaps(figured: Figured, service: Service, day: date) -> None:
    until = figured.gauge(
        "policy_days_until_gap",
        f"Business days from today to the first without a policy; {MOST_DAYS}: the last version has no end.",
        ("pack",),
    )
    for name, pack in service.book.packs.items():
        ends = pack.ruled_until(day)
        until.labels(name).set(MOST_DAYS if ends is None else (ends - day).days)


def _payouts(figured: Figured, payouts: dict[int, list[Figures]], this_year: int) -> None:
    amounts = {
        name: figured.gauge(f"{name}_yuan", meaning, _BY_YEAR)
        for name, meaning in (
            ("payable", "What a fund owes for a fiscal year that isn't closed."),
            ("disbursed", "What counts as paid of it."),
            ("required", "What must still be paid by 31 December so that the floor is kept."),
            ("overdue", "What is due for longer than its pay-by day."),
        )
    }
    ratios = figured.gauge(
        "payout_ratio",
        "The payout rates: incurred, final, matured, projected; legal, of a year that has ended.",
        (*_BY_YEAR, "kind"),
    )
    floors = figured.gauge("payout_floor", "The least share to be paid by the year's end.", _BY_YEAR)
    for year, rows in payouts.items():
        for row in rows:
            labels = (str(row.area_code), str(row.fund), str(year))
            for name, gauge in amounts.items():
                gauge.labels(*labels).set(getattr(row, name) / FEN)
            for kind, part, whole in (
                ("incurred", row.disbursed, row.payable),
                ("final", row.final_paid, row.final_payable),
                ("matured", row.disbursed_of_due, row.due),
                ("projected", row.disbursed + row.scheduled, row.payable + row.expected),
            ):
                if whole > 0:
                    ratios.labels(*labels, kind).set(part / whole)
            if year < this_year and row.payable > 0:  # the projection stands still then: nothing is to come any more
                ratios.labels(*labels, "legal").set(row.disbursed / row.payable)
            if row.floor is not None:
                floors.labels(*labels).set(row.floor / RATE_ONE)


async def _worklists(figured: Figured, connection: AsyncConnection, day: date) -> None:
    overdue = figured.gauge("overdue_orders", "Orders not paid whole after their pay-by day.", _BY_FUND)
    _count(overdue, (await connection.execute(_OVERDUE, {"day": day})).mappings().all())
    breaks = (await connection.execute(_BREAKS)).mappings().all()
    _count(figured.gauge("breaks", "Open differences of reconciliations.", _BY_FUND), breaks)
    oldest = figured.gauge("oldest_break_seconds", "Business time since the oldest open difference.", _BY_FUND)
    for row in breaks:
        oldest.labels(row["area_code"], row["fund"]).set((day - row["since"]).days * SECONDS_A_DAY)
    deductions = figured.gauge("open_deductions", "Deductions proposed or appealed, not decided.", _BY_FUND)
    _count(deductions, (await connection.execute(_DEDUCTIONS)).mappings().all())
    appeals = (await connection.execute(_APPEALS)).mappings().all()
    _count(figured.gauge("waiting_appeals", "Appeals that nobody has decided.", _BY_FUND), appeals)
    waiting = figured.gauge("oldest_appeal_seconds", "Business time since the oldest undecided appeal.", _BY_FUND)
    for row in appeals:
        waiting.labels(row["area_code"], row["fund"]).set((day - row["since"]).days * SECONDS_A_DAY)


def _count(gauge: Gauge, rows: Sequence[RowMapping]) -> None:
    for row in rows:
        gauge.labels(row["area_code"], row["fund"]).set(row["number"])


async def _areas(figured: Figured, service: Service, connection: AsyncConnection, day: date) -> None:
    late = figured.gauge("late_declarations", "Hospital months not declared by their day.", ("area_code",))
    reports = figured.gauge("overdue_reports", "Monthly reports not signed off by their day.", ("area_code",))
    due = figured.gauge(
        "report_due_seconds",
        "Business time until the earliest missing report is due; negative: overdue.",
        ("area_code",),
    )
    for area in (await connection.execute(_AREAS)).scalars().all():
        try:
            missing = await due_reports(service, connection, area, day)
            rows = await undeclared(connection, area, first="", last=last_ended(day))
            days = [plan_of(service, area, row["period"]).declare_by(row["period"]) for row in rows]
        except Refused:  # no pack speaks for the area any more: nothing is due there
            continue
        late.labels(area).set(sum(day > by for by in days))
        reports.labels(area).set(sum(report.overdue for report in missing))
        if missing:
            due.labels(area).set((min(report.due_on for report in missing) - day).days * SECONDS_A_DAY)


def ledger_figures(
    violations: dict[str, int], too_much: Sequence[Overpaid], unsealed_rows: int, sealed_block: int
) -> bytes:
    """What proof and seals found last."""
    figured = Figured()
    broken = figured.gauge("invariant_violations", "Places where an invariant of the ledger is broken.", ("check",))
    for check in CHECKS:
        broken.labels(check).set(violations.get(check, 0))
    for name, meaning in (
        ("overpaid", "What hospitals got above what a fund owes them."),
        ("explained", "What of it they are known to owe back."),
        ("unexplained", "What of it left the fund without a reason: money paid twice."),
    ):
        gauge = figured.gauge(f"{name}_yuan", meaning, _BY_YEAR)
        for row in too_much:
            gauge.labels(row.area_code, row.fund, str(row.fiscal_year)).set(getattr(row, name) / FEN)
    figured.gauge("unsealed_rows", "Rows that no block names though a completed pass met them.").set(unsealed_rows)
    figured.gauge("sealed_block", "The last block of the seals.").set(sealed_block)
    return figured.text()


def money_figures(passed: Sequence[ToMoney]) -> bytes:
    """How long it takes from settling to the money."""
    figured = Figured()
    days = figured.gauge(
        "settlement_to_money_days",
        "Days from settling to the last payment, by amount, of what was paid whole within 90 days.",
        (*_BY_FUND, "payee", "quantile"),
    )
    for row in passed:
        days.labels(row.area_code, row.fund, row.payee, row.quantile).set(row.days)
    return figured.text()


def seal_figures(stand: Mapping[str, tuple[int, int]], unseen_seconds: float) -> bytes:
    """How many findings stand by kind, which nobody or which two people acknowledged, and how long the longest unseen
    block has waited for its own look."""
    figured = Figured()
    broken = figured.gauge(
        "seal_findings", "Rows and blocks that aren't as they were sealed, and that nobody acknowledged.", ("kind",)
    )
    known = figured.gauge("seal_acknowledged", "Such rows and blocks that two people acknowledged.", ("kind",))
    for kind in FINDINGS:
        opened, acknowledged = stand.get(kind, (0, 0))
        broken.labels(kind).set(opened)
        known.labels(kind).set(acknowledged)
    oldest = figured.gauge("seal_oldest_verified_seconds", "Since the longest unseen block was compared with its rows.")
    oldest.set(unseen_seconds)
    return figured.text()


def service_figures(ends: int, backed_up: datetime | None, jobs: JobFigures) -> bytes:
    """What is known of tokens, of the last backup, None where none was taken, and of jobs."""
    figured = Figured()
    figured.gauge("tokens_ending", "Tokens in use that end within 30 days and were not replaced.").set(ends)
    last = figured.gauge("backup_timestamp_seconds", "Of when the last backup is, real time; 0: none was taken.")
    last.set(0 if backed_up is None else backed_up.timestamp())
    figured.gauge("jobs_failed", "Jobs that failed within 24 hours.").set(jobs.failed)
    figured.gauge("oldest_job_seconds", "Since when the oldest job that hasn't ended is there; 0: none.").set(
        jobs.oldest_seconds
    )
    return figured.text()


def liveness(instant: float) -> bytes:
    """When the elected process looked last, real time."""
    figured = Figured()
    figured.gauge("elected_timestamp_seconds", "When the elected process looked last, real time.").set(instant)
    return figured.text()
