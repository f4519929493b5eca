"""What the policy of an area says about clearing: when to declare and pay, what to hold back, which fund has a
floor."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from app.basics.days import following, last_day
from app.basics.errors import Fault, Refused
from app.basics.funds import NATIONAL_FUNDS
from app.basics.money import RATE_ONE
from app.service.caller import Service
from app.tiers.model import FUNDS, RESIDENTS
from app.tiers.payout_findings import HOLIDAYS, ON_HOLIDAY, REQUIRED_RATE, WORKDAYS
from app.tiers.policy import Policy, PolicyBook

SATURDAY: Final = 5
CLAIM_DAYS: Final = "disbursement.claim_days"
DEFAULT_CLAIM_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """An area's figures of clearing on a day. Rates are ten-thousandths, days are days of the following month."""

    area_code: str
    floors: Mapping[str, int]
    """The least share to be paid by the year's end, of the funds bound by one (statutory)."""
    deposit_rate: int
    prepayment: int
    declare_by_day: int
    pay_by_day: int
    appeal_days: int
    claim_days: int = DEFAULT_CLAIM_DAYS
    """Days after settling by which a person's claim is to be paid."""
    decide_days: int | None = None
    """Working days in which an appeal is decided; None: no limit."""
    next_working_day: bool = False
    """Whether a pay-by day that isn't worked moves to the next day that is."""
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    """Days of a weekend that are worked 调休."""

    @property
    def highest_deposit(self) -> int:
        """No deposit of any fund above 1 − floor."""
        return RATE_ONE - max(self.floors.values(), default=0)

    def pay_by(self, period: str) -> date:
        """The day by which a month is to be paid."""
        day = following(period, self.pay_by_day)
        while self.next_working_day and not self.works(day):
            day += timedelta(days=1)
        return day

    def works(self, day: date) -> bool:
        """Whether a day is worked, as far as the pack's calendar knows the year."""
        return day in self.workdays or (day.weekday() < SATURDAY and day not in self.holidays)

    def decide_by(self, day: date) -> date | None:
        """The last day on which an appeal of a day is decided; None where the pack sets no limit."""
        if self.decide_days is None:
            return None
        left = self.decide_days
        while left > 0:
            day += timedelta(days=1)
            left -= self.works(day)
        return day

    def declare_by(self, period: str) -> date:
        """The day by which a month is to be declared."""
        return following(period, self.declare_by_day)


NEEDED: Final = (
    *("disbursement.quality_deposit", "disbursement.declare_by_day", "disbursement.pay_by_day"),
    "audit.appeal_days",
)
"""What a plan can't do without; a pack of a scheme alone has none of it."""


def plan_on(book: PolicyBook, area_code: str, day: date) -> Plan:
    """The plan of a pooling area: that of its residents' pack, for all its funds; a fund of another insurance type has
    the floor that the pack of that type names, else the one that this pack names. Refused ``policy_gap`` where no pack
    speaks, or not of paying hospitals."""
    policy, *others = _laws(book, area_code, day)
    for name in NEEDED:
        if not policy.has(name):
            raise Refused([Fault("", "policy_gap", {"parameter": name, "day": str(day)})])
    return Plan(
        area_code=area_code,
        floors=_floors(policy, others, book.funds),
        deposit_rate=policy.figure("disbursement.quality_deposit", {}).value or 0,
        prepayment=(policy.figure("disbursement.prepayment", {}).value or 0)
        if policy.has("disbursement.prepayment")
        else 0,
        declare_by_day=policy.figure("disbursement.declare_by_day", {}).known,
        pay_by_day=policy.figure("disbursement.pay_by_day", {}).known,
        appeal_days=policy.figure("audit.appeal_days", {}).known,
        claim_days=_optional(policy, CLAIM_DAYS) or DEFAULT_CLAIM_DAYS,
        decide_days=_optional(policy, "deduction.decide_by"),
        next_working_day=_optional(policy, ON_HOLIDAY) == "next_working_day",
        holidays=_optional(policy, HOLIDAYS) or frozenset(),
        workdays=_optional(policy, WORKDAYS) or frozenset(),
    )


def _laws(book: PolicyBook, area_code: str, day: date) -> list[Policy]:
    """An area's policies of a day, of the residents' insurance first; those of other types only where it has some."""
    laws, refusals = [], []
    for kind in (RESIDENTS, *sorted(book.insurance_types - {RESIDENTS})):
        try:
            laws.append(book.on(day, area_code, kind))
        except Refused as refused:
            refusals.append(refused)
    if not laws:
        raise refusals[0]
    return laws


def _floors(policy: Policy, others: Sequence[Policy], funds: Sequence[str]) -> dict[str, int]:
    """The least share that is to be paid, of each fund that a pack binds by one; of a fund that pays residents their
    own pack says it, whoever shares the fund."""
    floors = {}
    for fund in funds:
        sharing = [] if fund in FUNDS.values() else others
        own = [other for other in sharing if any(fund in chosen.values() for chosen in other.pack.funds.values())]
        law = next((one for one in (*own, policy) if _covers(one, fund)), None)
        if law is not None:
            floors[fund] = law.figure(REQUIRED_RATE, {"fund": fund}).value or 0
    return floors


def _optional(policy: Policy, name: str) -> Any:
    return policy.figure(name, {}).value if policy.has(name) else None


def _covers(policy: Policy, fund: str) -> bool:
    return policy.has(REQUIRED_RATE) and policy.covers(REQUIRED_RATE, {"fund": fund})


def fund_faults(book: PolicyBook, fund: str, pointer: str) -> Iterator[Fault]:
    """What is wrong with a fund that somebody names: the country has none of this code. One that no pack names any
    more may still be owed money; those that pay now are told."""
    if fund not in NATIONAL_FUNDS:
        yield Fault(pointer, "not_in_list", {"allowed": ", ".join(book.funds)})


def plan_of(service: Service, area_code: str, period: str) -> Plan:
    """The plan for a month, as of its last day."""
    return plan_on(service.book, area_code, last_day(period))


def plan_or_default_days(book: PolicyBook, area_code: str, period: str) -> int:
    """In how many days after settling a claim of a month is to be paid; the usual number where no pack speaks."""
    try:
        return plan_on(book, area_code, last_day(period)).claim_days
    except Refused:
        return DEFAULT_CLAIM_DAYS
