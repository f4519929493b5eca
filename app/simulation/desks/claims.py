"""What only claims of persons have: an account that two people change, and money that a person gives back."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from app.simulation.answers import Answer, claim_expected, compared
from app.simulation.desks.payments import look
from app.simulation.model import claims
from app.simulation.model.amounts import yuan
from app.simulation.model.reasons import INVALID_MOVE, MAKER_IS_CHECKER, NOT_YOURS, because
from app.simulation.model.state import ModelPayment
from app.simulation.office import CHECKER, MAKER, READER
from app.simulation.stage import Stage, StagedAct

TOO_MUCH, IN_PARTS, OTHER_DAY, SELF, USED, STRANGER, NO_ACCOUNT = 0.15, 0.4, 0.3, 0.15, 0.1, 0.05, 0.2
ACCOUNT: Final[Mapping[str, object]] = {"bank_name": "模拟银行", "account_name": "模拟"}


class ClaimDesk:
    """Accounts of persons, and repayments."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def repay(self, claim: ModelPayment) -> bool:
        """The person gives back what they got too much, by another officer than who settled."""
        random, state = self.stage.random, self.stage.state
        left = claims.owed_back(claim)
        amount = random.randrange(1, left + 1) if left and self.stage.chance(IN_PARTS) else left
        if self.stage.chance(TOO_MUCH):
            amount = random.choice((0, left + 1))
        day = self.stage.office.day
        if self.stage.chance(OTHER_DAY):
            day += timedelta(days=random.choice((-400, -30, -3, 1)))
        used = sorted(state.references.get(claim.shown, ()))
        reference = random.choice(used) if used and self.stage.chance(USED) else self.stage.reference()
        who = claim.maker if self.stage.chance(SELF) else _other(claim.maker)
        reasons = claims.may_repay(state, claim, amount, str(day), reference, who)
        if self.stage.chance(STRANGER):
            who, reasons = READER, [*reasons, *NOT_YOURS]

        def done(answer: Answer) -> Iterator[str]:
            states = claims.repay(state, claim, amount, str(day), reference)
            claim.state = next((one for one in states if one == answer["state"]), states[0])
            return compared(answer, claim_expected(claim))

        body = {"amount": yuan(amount), "paid_on": str(day), "bank_reference": reference}
        path = f"/claims/{claim.shown}/repayments"
        return self.stage.perform(StagedAct("repay claim", who, path, body, reasons, done, look(claim)))

    def change_account(self, claim: ModelPayment) -> None:
        """Ask for another account of the claim's person; its maker can't approve it, nor is it approved twice."""
        maker = self.stage.random.choice((MAKER, CHECKER))
        number = "" if self.stage.chance(NO_ACCOUNT) else f"6222{self.stage.references:012d}{self.stage.office.calls}"
        wanted = {**ACCOUNT, "account_number": number} if number else None
        path = f"/v1/persons/{claim.person}/bank-account"
        answer = self.stage.office.do(maker, "PUT", path, {"bank_account": wanted})
        change = answer["bank_account_change"]
        self.stage.comparisons += 1
        if change is None:
            if number or self.stage.state.accounts.get(claim.person):
                self.stage.differs("change account", claim.person, "a change that waits", "none")
            return
        path, other = f"/bank-account-changes/{change['change_id']}/approval", _other(maker)
        by_maker, again = (
            because((True, reason, why))
            for reason, why in ((MAKER_IS_CHECKER, "by the maker"), (INVALID_MOVE, "approved already"))
        )

        def done(_: Answer) -> Iterator[str]:
            self.stage.state.accounts[claim.person] = number
            return iter(())

        for who, reasons in ((maker, by_maker), (other, []), (other, again)):
            self.stage.perform(StagedAct("approve account", who, path, {}, reasons, done))


def _other(officer: str) -> str:
    return CHECKER if officer == MAKER else MAKER
