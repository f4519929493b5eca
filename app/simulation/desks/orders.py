"""Orders of approved parts with any deposit rate, and what hospitals pay back of carried amounts."""

from collections.abc import Iterator
from typing import Final

from msgspec import convert

from app.simulation.answers import Answer, OrderSeen, compared, order_expected
from app.simulation.model import orders
from app.simulation.model.amounts import yuan
from app.simulation.model.projection import deposit_reasons
from app.simulation.model.reasons import NOT_YOURS
from app.simulation.model.state import Carry, ModelStatement
from app.simulation.office import CHECKER, MAKER, READER
from app.simulation.stage import Stage, StagedAct

RATES: Final = ((None, 0, 500, 700, 1000, 1500, 1600, 5000), (60, 12, 5, 5, 8, 4, 3, 3))
STRANGER, TOO_MUCH, SELF = 0.04, 0.15, 0.2


class OrderDesk:
    """Make orders; take repayments."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def order(self, statement: ModelStatement, fund: str, *, plainly: bool = False) -> bool:
        """Order a fund's parts of a statement; ``plainly``: without deposit."""
        rate = 0 if plainly else self.stage.random.choices(*RATES)[0]
        state = self.stage.state
        reasons = orders.may_order(statement, fund, rate)
        left = orders.unordered(statement, fund)
        formulas = orders.predicted(state, left, rate) if left else []
        reasons = [*reasons, *deposit_reasons(state, left, formulas, rate)]
        who = MAKER
        if self.stage.chance(STRANGER):
            who, reasons = self.stage.random.choice((READER, statement.hospital)), [*reasons, *NOT_YOURS]

        def done(answer: Answer) -> Iterator[str]:
            seen = convert(answer, OrderSeen)
            made = {one.fiscal_year: one for one in [seen, *seen.others]}
            yield from _years(sorted(made), [part.year for part in left])
            for part, one in zip(left, formulas, strict=True):
                if part.year in made:
                    booked = orders.order(state, part, made[part.year].disbursement_id, who, one)
                    shown = answer if part.year == seen.fiscal_year else _other(answer, part.year)
                    yield from compared(shown, order_expected(booked))

        body: dict[str, object] = {"statement_id": statement.shown, "fund": fund}
        body |= {} if rate is None else {"deposit_rate": f"0.{rate:04d}"}
        return self.stage.perform(StagedAct("order", who, "/disbursements", body, reasons, done))

    def repay(self, carry: Carry) -> bool:
        """The hospital pays back what is carried, by a second person; now and then too much, or by the first."""
        who = carry.order.maker if self.stage.chance(SELF) else CHECKER if carry.order.maker != CHECKER else MAKER
        rest = carry.rest
        amount = rest + 1 if self.stage.chance(TOO_MUCH) else self.stage.random.randrange(1, rest + 1) if rest else 1
        today, reference = self.stage.state.today, self.stage.reference()
        reasons = orders.may_repay(self.stage.state, carry, amount, today, who)

        def done(_: Answer) -> Iterator[str]:
            orders.repay(self.stage.state, carry, amount, today)
            return iter(())

        body = {"amount": yuan(amount), "paid_on": today, "bank_reference": reference}
        path = f"/carries/{carry.order.shown}/repayments"
        return self.stage.perform(StagedAct("repay carry", who, path, body, reasons, done))


def _years(got: list[int], expected: list[int]) -> Iterator[str]:
    if got != expected:
        yield f"orders of the years expected {expected}, got {got}"


def _other(answer: Answer, year: int) -> Answer:
    found: Answer = next(one for one in answer["others"] if one["fiscal_year"] == year)
    return found
