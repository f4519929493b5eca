"""The service's books, payout rates and objects beside the auditor's: every account, every figure, differences in
words."""

from collections.abc import Callable, Iterator
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from app.simulation.answers import (
    Answer,
    claim_expected,
    compared,
    deduction_expected,
    order_expected,
    prepayment_expected,
    release_expected,
    statement_expected,
)
from app.simulation.desks.statements import path_of, unfinished
from app.simulation.model.amounts import day_after, fen, ratio_down, yuan
from app.simulation.model.books import PROVEN
from app.simulation.model.proofs import findings
from app.simulation.model.rates import PayoutFigures, Whose, figures, projected
from app.simulation.model.state import ModelState
from app.simulation.stage import Stage

LOOKED_AT_AGAIN: Final = 0.1
LONG_AGO: Final = 150


class ObjectSeen(Struct):
    """What hospitals or persons have of a fund's figures."""

    incurred: str
    payable: str
    disbursed: str
    incurred_ratio: str | None


class RateSeen(Struct):
    """A row of payout rates."""

    incurred: str
    deductions: str
    payable: str
    due: str
    disbursed: str
    cash: str
    offset: str
    year_end_offset: str
    final_paid: str
    final_payable: str
    disbursed_of_due: str
    deposit: str
    incurred_ratio: str | None
    final_ratio: str | None
    matured_ratio: str | None
    required: str | UnsetType = UNSET
    scheduled: str | UnsetType = UNSET
    expected: str | UnsetType = UNSET
    projection: str | UnsetType = UNSET
    projected_ratio: str | UnsetType | None = UNSET
    late_declared: str | UnsetType = UNSET
    hospitals: ObjectSeen | UnsetType = UNSET
    persons: ObjectSeen | UnsetType = UNSET


class Comparison:
    """Everything that the service shows, compared on demand."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def everything(self, areas: tuple[str, ...], years: tuple[int, ...], as_of: str, *, all_objects: bool) -> None:
        """Compare accounts, payout rates as of a day, and the objects that may have changed, or all of them."""
        found = list(self._accounts())
        for area in areas:
            for year in years:
                found += self._rates(area, year, as_of, by_hospital=False)
                found += self._rates(area, year, as_of, by_hospital=True)
                found += self._rates(area, year, self._past(year), by_hospital=False)
        found += self._objects(all_objects=all_objects)
        found += findings(self.stage.state)
        for difference in found:
            self.stage.differs("compare", "", "", difference)

    def _past(self, year: int) -> str:
        """Some day of the last months, but not before the year."""
        day = day_after(self.stage.state.today, -self.stage.random.randrange(1, LONG_AGO))
        return max(day, f"{year}-01-02")

    def _accounts(self) -> Iterator[str]:
        book = self.stage.office.get("/ledger/trial-balance")
        self.stage.comparisons += 1 + len(book["accounts"])
        if book["difference"] != "0.00":
            yield f"the trial balance differs by {book['difference']}"
        shown = {row["account"]: fen(row["balance"]) for row in book["accounts"] if _proven(row["account"])}
        wanted = self.stage.state.books.balances()
        for account in sorted(shown.keys() | wanted.keys()):
            here, there = shown.get(account, 0), wanted.get(account, 0)
            if here != there:
                yield f"{account} expected {yuan(there)}, got {yuan(here)}"

    def _rates(self, area: str, year: int, as_of: str, *, by_hospital: bool) -> Iterator[str]:
        grouping = "fund,area_code,hospital_code" if by_hospital else "fund,area_code"
        query: dict[str, str | int] = {"year": year, "as_of": as_of, "area_code": area, "group_by": grouping}
        rows = self.stage.office.get("/payout-rates", **query)["data"]
        shown: dict[tuple[str, str | None], Answer] = {(row["fund"], row["hospital_code"]): row for row in rows}
        purses = self.stage.state.books.of(area=area)
        wanted = {(one.fund, one.hospital if by_hospital else None) for one in purses}
        wanted -= {(fund, hospital) for fund, hospital in wanted if by_hospital and hospital is None}
        for fund, hospital in sorted(shown.keys() | wanted, key=str):
            expected = rate_expected(self.stage.state, area, fund, year, as_of, hospital)
            row = shown.get((fund, hospital))
            where = f"rates {year} as of {as_of} {area} {fund} {hospital or ''}"
            self.stage.comparisons += 1
            if row is None:
                if expected.incurred != "0.00" or expected.cash != "0.00":
                    yield f"{where}: no row"
            else:
                yield from (f"{where} {difference}" for difference in compared(row, expected))

    def _objects(self, *, all_objects: bool) -> Iterator[str]:
        state = self.stage.state
        for statement in state.statements.values():
            if all_objects or unfinished(statement) or self.stage.chance(LOOKED_AT_AGAIN):
                yield from (
                    f"{path_of(statement)} {one}"
                    for one in self.stage.seen(path_of(statement), statement_expected(statement))
                )
        yield from self._list("/disbursements", "disbursement_id", lambda one: order_expected(state.orders[one]))
        yield from self._list("/prepayments", "prepayment_id", lambda one: prepayment_expected(state.prepayments[one]))
        yield from self._list("/deposit-releases", "release_id", lambda one: release_expected(state.releases[one]))
        yield from self._list(
            "/clearing/deductions", "deduction_id", lambda one: deduction_expected(state, state.deductions[one])
        )
        if state.claims:
            yield from self._list("/claims", "claim_id", lambda one: claim_expected(state.claims[one]))

    def _list(self, path: str, key: str, expected: Callable[[str], Struct]) -> Iterator[str]:
        for row in self.stage.office.every(path):
            self.stage.comparisons += 1
            try:
                wanted = expected(row[key])
            except KeyError:
                yield f"{path}/{row[key]}: unknown to the auditor"
                continue
            yield from (f"{path}/{row[key]} {one}" for one in compared(row, wanted))


def _proven(account: str) -> bool:
    return account.split("/")[2] in PROVEN


def rate_expected(state: ModelState, area: str, fund: str, year: int, as_of: str, hospital: str | None) -> RateSeen:
    """A row of payout rates as the auditor expects it; rows by hospital leave persons, and what is required, out."""
    got = figures(state, area, fund, year, as_of, hospital or Whose.ALL)
    row = _row(got)
    if hospital is None:
        row.required = yuan(got.required)
        ahead = projected(state, area, fund, year, as_of)
        row.scheduled, row.expected = yuan(ahead.scheduled), yuan(ahead.expected)
        row.projected_ratio = ratio_down(ahead.part, ahead.whole)
        row.projection = "known_only" if ahead.known_only else UNSET
        row.hospitals, row.persons = (
            _object(figures(state, area, fund, year, as_of, whose)) for whose in (Whose.HOSPITALS, Whose.PERSONS)
        )
    return row


def _object(got: PayoutFigures) -> ObjectSeen:
    ratio = ratio_down(got.disbursed, got.payable)
    return ObjectSeen(yuan(got.incurred), yuan(got.payable), yuan(got.disbursed), ratio)


def _row(got: PayoutFigures) -> RateSeen:
    return RateSeen(
        incurred=yuan(got.incurred),
        deductions=yuan(got.deductions),
        payable=yuan(got.payable),
        due=yuan(got.due),
        disbursed=yuan(got.disbursed),
        cash=yuan(got.cash),
        offset=yuan(got.offset),
        year_end_offset=yuan(got.year_end_offset),
        final_paid=yuan(got.final_paid),
        final_payable=yuan(got.final_payable),
        disbursed_of_due=yuan(got.disbursed_of_due),
        deposit=yuan(got.deposit),
        late_declared=yuan(got.late_declared),
        incurred_ratio=ratio_down(got.disbursed, got.payable),
        final_ratio=ratio_down(got.final_paid, got.final_payable),
        matured_ratio=ratio_down(got.disbursed_of_due, got.due),
    )
