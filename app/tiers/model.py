"""Frozen facts and results of one settlement. Money in fen, rates in ten-thousandths (see ``app/basics/money.py``)."""

from collections.abc import Mapping
from datetime import date
from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType

from app.basics.classes import BASE_CLASSES
from app.tiers.inputs import Inputs

BenefitClass = str
"""One of ``CLASSES``, or one that a pack declares."""
Rank = Literal["village", "township", "county", "prefecture", "province"]
MedicalType = Literal["11", "14", "21", "52"]
Referral = Literal["not_required", "compliant", "emergency", "missing"]
WorkInjury = Literal["none", "undeterminable", "determined"]
DeliveryMode = Literal["vaginal", "caesarean"]
CatalogueClass = Literal["A", "B", "C"]
Approved = bool | Literal["refused"]

OUTPATIENT: Final = "11"
CHRONIC: Final = "14"
INPATIENT: Final = "21"
CHILDBIRTH: Final = "52"
OUTPATIENT_TYPES: Final = frozenset({OUTPATIENT, CHRONIC})

MEDICAL_TYPES: Final = (OUTPATIENT, CHRONIC, INPATIENT, CHILDBIRTH)
CLASSES: Final = tuple(BASE_CLASSES)
LEVELS: Final = ("1", "2", "3")
RANKS: Final[tuple[str, ...]] = Rank.__args__  # type: ignore[attr-defined]
REFERRALS: Final[tuple[str, ...]] = Referral.__args__  # type: ignore[attr-defined]

FUNDS: Final[Mapping[str, str]] = {
    "basic": "390100",
    "serious_illness": "390200",
    "supplement": "620101",
    "medical_assistance": "610100",
    "safety_net": "640100",
}
"""The residents' fund of each tier, in the order of the tiers; a pack may give another insurance type others."""
FUND_TIERS: Final = tuple(FUNDS)

ACCUMULATORS: Final = (
    "inpatient_count",
    "deductible_paid",
    "basic_paid",
    "outpatient_paid",
    "chronic_deductible_paid",
    "serious_base",
    "serious_paid",
    "assistance_deductible_paid",
    "assistance_paid",
    "tilt_base",
    "safety_net_paid",
    "compliant_own",
    "own_total",
)
RESIDENTS: Final = "390"  # the insurance type of whoever says none
SUPPLEMENT_PAID: Final = "supplement_paid"  # an accumulator of packs with supplementary insurance alone
KEPT_BY_ENGINE: Final = frozenset({"inpatient_count", "compliant_own", "own_total"})


def empty_year() -> dict[str, int]:
    """A person-year before its first bill: every accumulator 0."""
    return dict.fromkeys(ACCUMULATORS, 0)


class CatalogueEntry(Struct, frozen=True, array_like=True):
    """One dated version of a catalogue item. Ceilings per hospital level 1, 2, 3 in millionths of a yuan, None: no
    ceiling. ``kind``: what it is, "" where that wasn't written down."""

    item_code: str
    catalogue_class: CatalogueClass
    first_pay_ratio: int
    ceilings: tuple[int | None, int | None, int | None]
    restricted: bool
    valid_from: date
    valid_until: date | None
    kind: str = ""


class Line(Struct, frozen=True, array_like=True):
    """A bill line: quantity in ten-thousandths, unit price in millionths of a yuan, amount in fen (signed for
    refunds)."""

    line_no: int
    item_code: str
    quantity: int
    unit_price: int
    amount: int
    charged_on: date
    approved: Approved
    refund_of_line_no: int | None


class Bill(Struct, frozen=True):
    """What a hospital charges for a visit or a part of it. ``total`` in fen."""

    medical_type: MedicalType
    admitted_on: date
    discharged_on: date
    disease_code: str | None
    delivery_mode: DeliveryMode | None
    referral: Referral
    work_injury: WorkInjury
    total: int
    lines: tuple[Line, ...]
    paid_by_patient: bool = False
    """Whether the person paid the bill in cash and claims the funds' part 零星报销."""


class OwnFigure(Struct, frozen=True, array_like=True):
    """A figure of an area's own (fen) that stands in for its pack's on the policy day, and where it comes from."""

    parameter: str
    amount: int
    document: str
    clause: str
    status: str


class Facts(Struct, frozen=True, omit_defaults=True):
    """What is known of person and hospital on the days that count.

    ``benefit_class`` is the person's own on the admission day; a missing referral is applied by the rules, not here.
    ``own_figures`` are those of the person's area. ``retired``: on the admission day; None: not
    known, and the bill is refused where a rule asks.
    ``funds``: those that the person's insurance has in the place of residents', by tier.
    """

    person_id: str
    area_code: str
    benefit_class: BenefitClass
    hospital_code: str
    hospital_level: int
    hospital_rank: Rank
    hospital_area_code: str
    disease_registered: bool = False
    own_figures: tuple[OwnFigure, ...] = ()
    insurance_type: str = RESIDENTS
    retired: bool | None = False
    funds: dict[str, str] = {}

    def fund(self, tier: str) -> str:
        """The fund of a tier."""
        return self.funds.get(tier, FUNDS[tier])


class Episode(Struct, frozen=True):
    """What earlier live settlements mean for this bill; made by ``episode.py``.

    ``deductible_paid`` is what the episode's settlements paid before this one, fen; ``deductible_other_years`` the part
    of it that belongs to other benefit years. ``admission``: how many episodes of the benefit year have a live
    inpatient settlement, this bill's included; ``admission_at_hospital`` and ``admission_at_level`` those of them that
    have one at the bill's hospital, or at one of its level. ``counted``: what the episode's settlements counted before
    into each accumulator that a rule pays by once per stay, fen. Those three are set only where the law asks for them.
    """

    deductible_paid: int = 0
    deductible_other_years: int = 0
    admission: int = 1
    admission_at_hospital: int | UnsetType = UNSET
    admission_at_level: int | UnsetType = UNSET
    counted: dict[str, int] | UnsetType = UNSET

    def counted_into(self, accumulator: str | None) -> int:
        """What the episode's settlements counted before into an accumulator, fen."""
        return 0 if self.counted is UNSET or accumulator is None else self.counted.get(accumulator, 0)

    def numbered(self, at: str) -> int:
        """Which admission this is: of the year, or of those at its hospital or level."""
        number = {"hospital": self.admission_at_hospital, "level": self.admission_at_level}.get(at, self.admission)
        return 1 if number is UNSET else number


class Scope(Struct, frozen=True):
    """The bill's money by catalogue rules, fen: ``total = own_expense + over_limit + first_pay + in_scope``."""

    own_expense: int
    over_limit: int
    first_pay: int
    in_scope: int


class LineScope(Struct, frozen=True, array_like=True):
    """One line's (net) money by catalogue rules, fen. ``note`` is a code for why, explained by
    ``explain.LINE_NOTES``."""

    line_no: int
    catalogue_class: str | None
    own_expense: int
    over_limit: int
    first_pay: int
    in_scope: int
    note: str | None


class Portions(Struct, frozen=True, omit_defaults=True):
    """Who pays what of the bill, fen, each ≥ 0. ``supplement`` is 0 unless the pack has it, and then not written
    down."""

    basic: int
    serious_illness: int
    medical_assistance: int
    safety_net: int
    hospital: int
    patient: int
    supplement: int = 0


class Basis(Struct, frozen=True, array_like=True):
    """Where a figure comes from."""

    parameter: str
    document: str
    clause: str
    status: str


class Step(Struct, frozen=True, omit_defaults=True):
    """One step of the explanation, numbers only; ``explain.py`` makes the sentence when it is read.

    ``inputs`` hold fen, rates and counts by name; ``room`` what is left under each cap afterwards, fen; ``quotes`` the
    clauses' own wording by parameter, where the pack quotes it.
    """

    tier: str
    rule: str
    kind: str
    name: str
    amount: int
    inputs: Inputs
    basis: tuple[Basis, ...] = ()
    room: dict[str, int] = {}
    quotes: dict[str, str] = {}


class Payable(Struct, frozen=True):
    """What a fund owes for this bill, fen: its portion plus the adjustment of a package price."""

    fund: str
    tier: str
    amount: int


class PolicyRef(Struct, frozen=True):
    """Which rules computed a result. ``assumed`` counts the distinct assumed figures that were used."""

    pack: str
    version: str
    digest: str
    assumed: int


class SplitYear(Struct, frozen=True):
    """What of a bill split at the turn of the year belongs to one benefit year, amounts in fen: its lines' money, who
    pays it, what the funds owe, the year before and after it, the law of its last day."""

    benefit_year: int
    scope: Scope
    portions: Portions
    payables: tuple[Payable, ...]
    payable_adjustment: int
    deductible: int
    before: dict[str, int]
    after: dict[str, int]
    policy: PolicyRef


class Outcome(Struct, frozen=True):
    """Everything the engine returns for one bill; amounts in fen. ``years``: its parts by benefit year, oldest first,
    where the law splits it at the turn of the year; the year ``before`` and ``after`` are then the discharge's."""

    benefit_class: str
    benefit_year: int
    out_of_area: bool
    total: int
    scope: Scope
    portions: Portions
    payables: tuple[Payable, ...]
    payable_adjustment: int
    recoverable: bool
    deductible: int
    reduction: int
    before: dict[str, int]
    after: dict[str, int]
    policy: PolicyRef
    lines: tuple[LineScope, ...]
    trace: tuple[Step, ...]
    years: tuple[SplitYear, ...] = ()

    @property
    def fund_total(self) -> int:
        """The sum of the funds' portions (without the adjustment), fen."""
        return sum([getattr(self.portions, tier) for tier in FUND_TIERS])
