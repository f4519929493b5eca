"""Prepayments and the release of deposits."""

from collections.abc import Iterator
from typing import Final

from msgspec import convert

from app.simulation.answers import (
    Answer,
    PrepaymentSeen,
    ReleaseSeen,
    compared,
    prepayment_expected,
    release_expected,
)
from app.simulation.model import releases
from app.simulation.model.amounts import yuan
from app.simulation.model.books import ModelPurse
from app.simulation.model.reasons import NOT_YOURS, UNACCEPTABLE, Reasons, because
from app.simulation.model.state import ModelPayment, ModelRelease
from app.simulation.office import CHECKER, MAKER
from app.simulation.stage import Stage, StagedAct

WHY: Final = {"reason": "模拟"}
PREPAID_FUNDS: Final = ("390100", "390100", "610100")
ASSESSED: Final = (10_000, 9_500, 8_000, 0)
SELF, NOTHING, STRANGER = 0.1, 0.05, 0.05


class AdvanceDesk:
    """What is paid before, and what is held back until after."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def prepay(self) -> bool:
        """Draft a prepayment of some hospital."""
        random, state = self.stage.random, self.stage.state
        hospital, area = random.choice(list(self.stage.world.hospitals.items()))
        amount = 0 if self.stage.chance(NOTHING) else random.randrange(10_000, 1_000_000)
        fund, year = random.choice(PREPAID_FUNDS), int(state.today[:4])
        who, reasons = MAKER, because((amount == 0, UNACCEPTABLE, "nothing"))
        if self.stage.chance(STRANGER):
            who, reasons = hospital, [*reasons, *NOT_YOURS]

        def done(answer: Answer) -> Iterator[str]:
            shown = convert(answer, PrepaymentSeen).prepayment_id
            made = ModelPayment(shown, "prepayment", ModelPurse(f"hospital:{hospital}", area, fund), year, who, amount)
            state.prepayments[shown] = made
            return compared(answer, prepayment_expected(made))

        body = {"hospital_code": hospital, "area_code": area, "fund": fund, "amount": yuan(amount), "year": year}
        return self.stage.perform(StagedAct("prepay", who, "/prepayments", body, reasons, done))

    def release(self, purse: ModelPurse, year: int) -> bool:
        """Draft the release of a year's deposits."""
        state = self.stage.state
        reasons: Reasons = releases.may_release(state, purse, year)
        deposit, rate = releases.held(state, purse, year), self.stage.random.choice(ASSESSED)

        def done(answer: Answer) -> Iterator[str]:
            shown = convert(answer, ReleaseSeen).release_id
            state.releases[shown] = ModelRelease(shown, purse, year, MAKER, deposit, rate)
            return compared(answer, release_expected(state.releases[shown]))

        body = WHY | {"hospital_code": purse.hospital, "area_code": purse.area, "fund": purse.fund, "year": year}
        body |= {"assessed_ratio": f"{rate // 10_000}.{rate % 10_000:04d}"}
        return self.stage.perform(StagedAct("release deposits", MAKER, "/deposit-releases", body, reasons, done))

    def approve_release(self, release: ModelRelease) -> bool:
        """Approve a release, now and then by its maker."""
        who = release.maker if self.stage.chance(SELF) else CHECKER
        reasons = releases.may_approve(self.stage.state, release, who)

        def done(answer: Answer) -> Iterator[str]:
            seen = convert(answer, ReleaseSeen)
            order = seen.disbursement_id if isinstance(seen.disbursement_id, str) else None
            releases.approve(self.stage.state, release, order, release.maker)
            return compared(answer, release_expected(release))

        path = f"/deposit-releases/{release.shown}/approval"
        return self.stage.perform(StagedAct("approve release", who, path, {}, reasons, done))

    def cancel_release(self, release: ModelRelease) -> bool:
        """Give a drafted release up."""

        def done(answer: Answer) -> Iterator[str]:
            release.state = "cancelled"
            return compared(answer, release_expected(release))

        path = f"/deposit-releases/{release.shown}/cancellation"
        reasons = releases.may_cancel(release)
        return self.stage.perform(StagedAct("cancel release", MAKER, path, WHY, reasons, done))
