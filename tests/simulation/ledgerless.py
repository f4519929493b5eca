"""A world for the auditor's model without any service: one hospital, one area, postings by hand."""

from app.simulation.model import statements
from app.simulation.model.books import ModelPosting, ModelPurse
from app.simulation.model.deductions import appeal_by, propose
from app.simulation.model.orders import order, predicted
from app.simulation.model.state import ModelDeduction, ModelPart, ModelPayment, ModelState, ModelStatement

AREA, HOSPITAL = "530100", "H1"
PURSE = ModelPurse(f"hospital:{HOSPITAL}", AREA, "390100")
MAKER, CHECKER = "li.hua", "wang.min"


def state(today: str = "2018-03-01") -> ModelState:
    """Nothing has happened yet."""
    return ModelState(today)


def owe(
    known: ModelState, amount: int, settlement: str = "set_1", *, purse: ModelPurse = PURSE, year: int = 2018
) -> None:
    """A fund owes an amount for a settlement, today."""
    known.books.post(ModelPosting(purse, known.today, year, "owed", amount, settlement))


def declare(known: ModelState, period: str, shown: str = "stm_1") -> ModelStatement:
    """A declared month."""
    statement = ModelStatement(shown, HOSPITAL, AREA, period, MAKER)
    statements.declare(known, statement)
    return statement


def propose_of(known: ModelState, statement: ModelStatement, amount: int, settlement: str = "set_1") -> ModelDeduction:
    """A proposed deduction from the statement's only part."""
    part = statement.parts[0]
    shown = f"ded_{len(known.deductions) + 1}"
    by = appeal_by(known.today)
    made = ModelDeduction(shown, statement.shown, settlement, part.purse, amount, MAKER, known.today, by)
    propose(known, part, made)
    return made


def order_of(known: ModelState, part: ModelPart, rate: int | None = 0) -> ModelPayment:
    """An order of an approved part."""
    (one,) = predicted(known, [part], rate)
    return order(known, part, f"dis_{len(known.orders) + 1}", MAKER, one)
