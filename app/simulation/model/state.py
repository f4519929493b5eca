"""The objects of clearing as the contract knows them. They are changed by the moves beside them, never by
themselves."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.simulation.model.books import DECLARED, Books, ModelPosting, ModelPurse

FLOORS: Final = {"390100": 8500}
PLAN_DEPOSIT: Final = 500
APPEAL_DAYS: Final = 15
CLAIM_DAYS: Final = 30


class ModelStep(StrEnum):
    """How far a part or a statement is."""

    DECLARED = "declared"
    RECONCILED = "reconciled"
    AUDITED = "audited"
    APPROVED = "approved"
    ORDERED = "ordered"
    SETTLED = "settled"
    CARRIED = "carried_forward"
    WITHDRAWN = "withdrawn"


class Way(StrEnum):
    """How far a payment is."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENT = "sent"
    PART_PAID = "part_paid"
    PAID = "paid"
    RETURNED = "returned"
    OFFSET = "offset"
    CANCELLED = "cancelled"
    CARRIED = "carried_forward"
    REVERSED = "reversed"
    RECOVERABLE = "recoverable_from_person"


class Audit(StrEnum):
    """How far a deduction is."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    APPEALED = "appealed"
    DECIDED = "decided"
    LAPSED = "lapsed"


OPEN: Final = (Audit.PROPOSED, Audit.APPEALED)


@dataclass
class ModelDeduction:
    """A cut of a fund's payable of a settlement. ``given_back`` is what later corrections made excessive."""

    shown: str
    statement: str
    settlement: str
    purse: ModelPurse
    amount: int
    maker: str
    proposed_on: str
    appeal_by: str
    state: Audit = Audit.PROPOSED
    appealed_by: str = ""
    upheld: int = 0
    given_back: int = 0
    year: int = 0  # the fiscal year that it was booked in

    @property
    def taken(self) -> int:
        """What it takes from the hospital in the end."""
        return self.upheld - self.given_back


@dataclass
class ModelPart:
    """A statement's money of one fund and fiscal year."""

    statement: str
    purse: ModelPurse
    year: int
    items: list[ModelPosting] = field(default_factory=list)
    deductions: list[ModelDeduction] = field(default_factory=list)
    approved_by: str = ""
    orders: list["ModelPayment"] = field(default_factory=list)

    @property
    def amount(self) -> int:
        """What was declared."""
        return sum(one.into(DECLARED) for one in self.items)

    @property
    def deducted(self) -> int:
        """What its audit took off."""
        return sum(one.upheld for one in self.deductions)

    @property
    def order(self) -> "ModelPayment | None":
        """Its order, unless that was cancelled."""
        return next((one for one in self.orders if one.state != Way.CANCELLED), None)


@dataclass
class ModelStatement:
    """A hospital's declared month towards an area."""

    shown: str
    hospital: str
    area: str
    period: str
    maker: str
    parts: list[ModelPart] = field(default_factory=list)
    reconciled: bool = False
    audited: bool = False
    approved: bool = False
    withdrawn: bool = False
    declared_on: str = ""
    withdrawn_on: str = "9999"
    differences: list[str] = field(default_factory=list)


@dataclass
class Movement:
    """Money that went out, or came back (negative), on a day."""

    day: str
    amount: int
    reference: str


@dataclass
class ModelPayment:
    """An order, a prepayment, a release's order or a claim: what has a maker, a checker and money.

    Of an order ``offset`` is what prepayments pay of it; of a prepayment what orders took, ``reserved`` what drafts
    did. ``at_bank`` is what was sent, from ``at_bank_since`` on, and neither paid nor called back. Of a claim
    ``person`` is whose it is, ``pinned`` the account that its approval was for ("" none),
    ``approved_amount`` what it asked for then, ``raised_by`` whoever made it ask for more.
    """

    shown: str
    kind: str
    purse: ModelPurse
    year: int
    maker: str
    amount: int
    part: ModelPart | None = None
    gross: int = 0
    deposit: int = 0
    offset: int = 0
    reserved: int = 0
    carried: int = 0
    state: Way = Way.DRAFT
    sent_on: str = ""
    at_bank: int = 0
    at_bank_since: str = ""
    movements: list[Movement] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    takes: list["Carry"] = field(default_factory=list)
    pay_by: str = ""
    settlement: str = ""
    person: str = ""
    pinned: str = ""
    approved_amount: int = 0
    deposit_released: bool = False
    raised_by: set[str] = field(default_factory=set)
    deductions: list[ModelDeduction] = field(default_factory=list)
    made_on: str = ""
    due_on: str = ""
    ended_on: str = "9999"

    @property
    def exists(self) -> bool:
        """Whether the service has it: a release that carried amounts take whole makes no order."""
        return " " not in self.shown

    @property
    def paid(self) -> int:
        """Money out less money back."""
        return self.paid_until("9999")

    def paid_until(self, day: str) -> int:
        """Money out less money back, until a day."""
        return sum(one.amount for one in self.movements if one.day <= day)


@dataclass
class Carry:
    """What a net below 0 left for the next order: a positive amount that the hospital owes."""

    order: ModelPayment
    amount: int
    repaid: int = 0
    taken_by: ModelPayment | None = None

    @property
    def rest(self) -> int:
        """What is still to be taken."""
        return self.amount - self.repaid


@dataclass
class ModelRelease:
    """A decision on a year's deposits of a hospital and fund."""

    shown: str
    purse: ModelPurse
    year: int
    maker: str
    deposit: int
    rate: int
    state: str = "draft"
    order: ModelPayment | None = None


@dataclass
class ModelState:
    """Everything that the auditor knows."""

    today: str
    books: Books = field(default_factory=Books)
    statements: dict[str, ModelStatement] = field(default_factory=dict)
    deductions: dict[str, ModelDeduction] = field(default_factory=dict)
    orders: dict[str, ModelPayment] = field(default_factory=dict)
    prepayments: dict[str, ModelPayment] = field(default_factory=dict)
    releases: dict[str, ModelRelease] = field(default_factory=dict)
    claims: dict[str, ModelPayment] = field(default_factory=dict)
    carries: list[Carry] = field(default_factory=list)
    months: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)  # (area, period): mode, who
    closed_years: dict[tuple[str, int], str] = field(default_factory=dict)  # (area, year): the day
    exceptions: dict[str, tuple[str, int, str, bool]] = field(default_factory=dict)  # area, year, maker, approved
    accounts: dict[str, str] = field(default_factory=dict)  # person: the account that holds
    references: dict[str, set[str]] = field(default_factory=dict)  # payment: bank references

    def fiscal_year(self, area: str, benefit_year: int) -> int:
        """The benefit year while it is open, else the year of posting."""
        return int(self.today[:4]) if (area, benefit_year) in self.closed_years else benefit_year

    def month_closed(self, area: str, day: str) -> bool:
        """Whether no money may be dated to a day any more."""
        return (area, day[:7]) in self.months

    def owed(self, purse: ModelPurse, settlement: str) -> int:
        """What a fund owes for a settlement and its corrections, before deductions."""
        signs = {"owed": 1, "recovered": 1}
        return sum(one.into(signs) for one in self.books[purse] if one.settlement == settlement)

    def taken(self, purse: ModelPurse, settlement: str) -> int:
        """What deductions took of it."""
        return sum(one.taken for one in self.of_settlement(purse, settlement))

    def of_settlement(self, purse: ModelPurse, settlement: str) -> list[ModelDeduction]:
        """The deductions of a fund's payable of a settlement."""
        return [one for one in self.deductions.values() if one.settlement == settlement and one.purse == purse]
