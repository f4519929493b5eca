"""A deduction as it is stored, typed, and as it is shown. Amounts in fen, days are business days."""

from datetime import date
from enum import StrEnum
from typing import Final, Literal

from msgspec import Struct

from app.basics.ids import CLAIM, DEDUCTION, PART, SETTLEMENT, STATEMENT, shown_id
from app.basics.money import yuan

State = Literal["proposed", "accepted", "appealed", "decided", "lapsed"]
Outcome = Literal["upheld", "reduced", "dismissed"]


class DeductionState(StrEnum):
    """How far a deduction is. ``accepted`` and ``decided`` took effect, ``lapsed`` never will."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    APPEALED = "appealed"
    DECIDED = "decided"
    LAPSED = "lapsed"


UNDECIDED: Final = (DeductionState.PROPOSED, DeductionState.APPEALED)


class Deduction(Struct, frozen=True, kw_only=True):
    """A deduction's row, of a part of a statement or of a claim. ``upheld`` is what took effect, ``given_back`` what
    corrections made excessive of it since."""

    deduction_id: int
    statement_id: int | None
    part_id: int | None
    claim_id: int | None
    settlement_id: int
    line_no: int | None
    fund: str
    fiscal_year: int
    amount: int
    upheld: int | None
    given_back: int
    reason_code: str
    reason: str
    state: DeductionState
    proposed_on: date
    appeal_by: date
    appeal_reason: str | None
    appealed_by: str | None
    appealed_on: date | None
    decide_by: date | None
    outcome: Outcome | None
    decision_reason: str | None
    decided_by: str | None
    decided_on: date | None
    hospital_code: str
    hospital_area: str
    area_code: str
    subject: str

    @property
    def shown(self) -> str:
        """The id as it is shown."""
        return shown_id(DEDUCTION, self.deduction_id)

    @property
    def owner(self) -> dict[str, str]:
        """Whose it is: hospital, the hospital's area, the paying area, the fund."""
        return {name: getattr(self, name) for name in ("hospital_code", "hospital_area", "area_code", "fund")}

    def is_unanswered(self, day: date) -> bool:
        """Whether the appeal days passed without a word: no appeal in time is agreement."""
        return self.state is DeductionState.PROPOSED and self.appeal_by < day

    def is_undecided(self, day: date) -> bool:
        """Whether an appeal's days are over without a decision: it counts as dismissed, where the pack says so."""
        return self.state is DeductionState.APPEALED and self.decide_by is not None and self.decide_by < day


class DeductionAnswer(Struct):
    """A deduction, yuan: of a statement and its part, or of a person's claim. ``upheld`` is what is deducted in the
    end, null while that is open: at most what the fund owed when it took effect; ``given_back`` what corrections made
    excessive of it since. ``proposed`` with its appeal days over is shown as ``accepted``, ``appealed`` with its
    ``decide_by`` over as dismissed, as they will be booked; ``lapsed``: its settlement was reversed before a
    decision."""

    deduction_id: str
    statement_id: str | None
    part_id: str | None
    claim_id: str | None
    settlement_id: str
    line_no: int | None
    fund: str
    fiscal_year: int
    amount: str
    upheld: str | None
    given_back: str
    reason_code: str
    reason: str
    state: State
    proposed_on: date
    appeal_by: date
    appeal_reason: str | None
    appealed_by: str | None
    appealed_on: date | None
    decide_by: date | None
    outcome: Outcome | None
    decision_reason: str | None
    decided_by: str | None
    decided_on: date | None
    hospital_code: str
    area_code: str
    subject: str


def answer_of(row: Deduction, day: date) -> DeductionAnswer:
    """A deduction as it is shown on a business day."""
    state, upheld, outcome = row.state, row.upheld, row.outcome
    if row.is_unanswered(day):
        state, upheld = DeductionState.ACCEPTED, row.amount
    elif row.is_undecided(day):
        state, upheld, outcome = DeductionState.DECIDED, 0, "dismissed"
    return DeductionAnswer(
        deduction_id=row.shown,
        statement_id=None if row.statement_id is None else shown_id(STATEMENT, row.statement_id),
        part_id=None if row.part_id is None else shown_id(PART, row.part_id),
        claim_id=None if row.claim_id is None else shown_id(CLAIM, row.claim_id),
        settlement_id=shown_id(SETTLEMENT, row.settlement_id),
        line_no=row.line_no,
        fund=row.fund,
        fiscal_year=row.fiscal_year,
        amount=yuan(row.amount),
        upheld=None if upheld is None else yuan(upheld),
        given_back=yuan(row.given_back),
        reason_code=row.reason_code,
        reason=row.reason,
        state=state.value,
        proposed_on=row.proposed_on,
        appeal_by=row.appeal_by,
        appeal_reason=row.appeal_reason,
        appealed_by=row.appealed_by,
        appealed_on=row.appealed_on,
        decide_by=row.decide_by,
        outcome=outcome,
        decision_reason=row.decision_reason,
        decided_by=row.decided_by,
        decided_on=row.decided_on,
        hospital_code=row.hospital_code,
        area_code=row.area_code,
        subject=row.subject,
    )
