"""The service's books and payout rates beside the auditor's: every account and every figure, differences in words."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from app.simulation.office import Office
from app.simulation.world import cents, yuan

RATIOS: Final = {
    "incurred_ratio": ("disbursed", "payable"),
    "final_ratio": ("final_paid", "final_payable"),
    "matured_ratio": ("disbursed_of_due", "due"),
}
RATE_ONE: Final = 10_000


def compared(office: Office, areas: tuple[str, ...], years: tuple[int, ...], as_of: date) -> list[str]:
    """Every difference, as of a day, between what the service shows and what the auditor predicts."""
    found = list(_accounts(office))
    for year in years:
        for area in areas:
            found += _figures(office, area, year, as_of, by_hospital=False)
            found += _figures(office, area, year, as_of, by_hospital=True)
    return found


def _accounts(office: Office) -> Iterator[str]:
    book = office.get("/ledger/trial-balance")
    shown = {row["account"]: (cents(row["debit"]), cents(row["credit"])) for row in book["accounts"]}
    wanted = office.auditor.books.balances()
    if book["difference"] != "0.00":
        yield f"{office.day} the trial balance differs by {book['difference']}"
    for account in sorted(shown.keys() | wanted.keys()):
        here, there = shown.get(account, (0, 0)), wanted.get(account, (0, 0))
        if here != there:
            yield f"{office.day} {account}: debit, credit {here} fen, must be {there}"


def _figures(office: Office, area: str, year: int, as_of: date, *, by_hospital: bool) -> Iterator[str]:
    grouping = "fund,area_code,hospital_code" if by_hospital else "fund,area_code"
    rows = office.get("/payout-rates", year=year, as_of=str(as_of), area_code=area, group_by=grouping)["data"]
    shown = {(row["fund"], row["hospital_code"]): row for row in rows}
    purses = {(purse[2], purse[0] if by_hospital else None) for purse in office.auditor.books if purse[1] == area}
    for fund, hospital in sorted(shown.keys() | purses, key=str):
        wanted = office.auditor.books.figures(area, fund, year, str(as_of), hospital)
        row = shown.get((fund, hospital))
        if row is None and any(wanted.values()):
            yield f"{office.day} {year} {area} {fund} {hospital}: no payout rates shown"
        elif row is not None:
            where = f"{office.day} {year} as of {as_of} {area} {fund} {hospital or ''}"
            yield from (f"{where} {fault}" for fault in _faults(row, wanted, by_hospital=by_hospital))


def _faults(row: dict[str, Any], wanted: dict[str, int], *, by_hospital: bool) -> Iterator[str]:
    for name, amount in wanted.items():
        if name == "required" and by_hospital:
            continue
        if cents(row[name]) != amount:
            yield f"{name} is {row[name]}, must be {'-' * (amount < 0)}{yuan(abs(amount))}"
    for name, (part, whole) in RATIOS.items():
        expected = None if wanted[whole] == 0 else wanted[part] * RATE_ONE // wanted[whole]
        if (None if row[name] is None else cents(row[name])) != expected:
            yield f"{name} is {row[name]}, must be {expected}"
