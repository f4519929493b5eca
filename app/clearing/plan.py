"""What the policy of an area says about clearing: when to declare and pay, what to hold back, which fund has a
floor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from app.basics.days import following, last_day
from app.basics.errors import Fault, Refused
from app.basics.money import RATE_ONE
from app.service.caller import Service
from app.tiers.model import FUNDS as FUND_OF_TIER
from app.tiers.payout_findings import HOLIDAYS, ON_HOLIDAY, REQUIRED_RATE, WORKDAYS
from app.tiers.policy import Policy, PolicyBook

SATURDAY: Final = 5
CLAIM_DAYS: Final = "disbursement.claim_days"
DEFAULT_CLAIM_DAYS: Final = 30
FUNDS: Final = tuple(FUND_OF_TIER.values())


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
    """The plan of a pooling area. Refused ``policy_gap`` where no pack speaks, or not of paying hospitals."""
    policy = book.on(day, area_code)
    for name in NEEDED:
        if not policy.has(name):
            raise Refused([Fault("", "policy_gap", {"parameter": name, "day": str(day)})])
    return Plan(
        area_code=area_code,
        floors={
            fund: policy.figure(REQUIRED_RATE, {"fund": fund}).value or 0 for fund in FUNDS if _covers(policy, fund)
        },
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


def _optional(policy: Policy, name: str) -> Any:
    return policy.figure(name, {}).value if policy.has(name) else None


def _covers(policy: Policy, fund: str) -> bool:
    return policy.has(REQUIRED_RATE) and policy.covers(REQUIRED_RATE, {"fund": fund})


def plan_of(service: Service, area_code: str, period: str) -> Plan:
    """The plan for a month, as of its last day."""
    return plan_on(service.book, area_code, last_day(period))


def plan_or_default_days(book: PolicyBook, area_code: str, period: str) -> int:
    """In how many days after settling a claim of a month is to be paid; the usual number where no pack speaks."""
    try:
        return plan_on(book, area_code, last_day(period)).claim_days
    except Refused:
        return DEFAULT_CLAIM_DAYS
