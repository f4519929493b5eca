"""Nothing is paid twice: what went out, beside what is owed, and what explains the rest."""

from app.simulation.model.books import CASH, HELD, PAYABLE, ModelPurse
from app.simulation.model.state import ModelState, Way


def overpaid(state: ModelState, purse: ModelPurse, year: int) -> int:
    """Cash, offsets and deposits above what is owed for a year; 0 where they are not."""
    books = state.books
    out = books.total([purse], CASH | {"offset": 1}, year=year) + books.total([purse], HELD, year=year)
    return max(0, out - books.total([purse], PAYABLE, year=year))


def explanation(state: ModelState, purse: ModelPurse, year: int) -> int:
    """Carried nets that no order has taken, and negative postings that no order has asked for."""
    carried = sum(
        one.rest
        for one in state.carries
        if (one.order.purse, one.order.year) == (purse, year) and not _approved_taker(one.taken_by)
    )
    return carried + sum(-one for one in _unordered(state, purse, year) if one < 0)


def _approved_taker(order: object) -> bool:
    return getattr(order, "state", Way.DRAFT) != Way.DRAFT


def _unordered(state: ModelState, purse: ModelPurse, year: int) -> list[int]:
    """Postings of the year that are in no ordered part, and deductions of parts that are."""
    found = []
    for one in state.books[purse]:
        if one.year == year and one.into(PAYABLE):
            of = one.declared_on("9998")
            parts = [part for part in state.statements[of.statement].parts if part.purse == purse] if of else []
            if not any(part.order is not None and one in part.items for part in parts):
                found.append(one.into(PAYABLE))
    return found


def findings(state: ModelState) -> list[str]:
    """Hospitals, funds and areas in which more went out than is owed and explained, whatever the year."""
    found = []
    for purse in state.books:
        if purse.hospital is None:
            continue
        years = sorted({one.year for one in state.books[purse]})
        much = sum(overpaid(state, purse, year) for year in years)
        unexplained = much - sum(explanation(state, purse, year) for year in years)
        if unexplained > 0:
            found.append(f"{purse} is overpaid by {unexplained} fen without an explanation")
    return found
