"""Whether a pack's own disbursement plan can reach its payout floor (docs/specification/clearing.md, section 7). Pure.

Deposit, prepayment and pay-by day are one plan; it is refused when it is configured, not when the year is over.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from app.basics.money import RATE_ONE, percent_text, rate_text
from app.tiers.pack import Pack, Version
from app.tiers.payout_plan import largest_deposit, reachable
from app.tiers.policy import Policy, funds_of

REQUIRED_RATE: Final = "disbursement.min_payout_ratio"
DEPOSIT: Final = "disbursement.quality_deposit"
PREPAYMENT: Final = "disbursement.prepayment"
ON_HOLIDAY: Final = "disbursement.on_holiday"
HOLIDAYS: Final = "calendar.holidays"
WORKDAYS: Final = "calendar.workdays"
HOLIDAY_WORDS: Final = ("keep", "next_working_day")
UNITS: Final[Mapping[str, str]] = {
    REQUIRED_RATE: "rate",
    DEPOSIT: "rate",
    PREPAYMENT: "rate",
    "disbursement.declare_by_day": "days",
    "disbursement.pay_by_day": "days",
    ON_HOLIDAY: "text",
    HOLIDAYS: "dates",
    WORKDAYS: "dates",
}
LAST_DAY: Final = 31


def payout_findings(pack: Pack) -> Iterator[str]:
    """Plans that miss a floor on some day, deposits above 1 − floor, days that no month has, figures of another
    unit."""
    wrong = [name for name, unit in UNITS.items() if name in pack.parameters and pack.parameters[name].unit != unit]
    for name in wrong:
        yield f"{pack.parameters[name].at}: 参数 {name}：单位应是 {UNITS[name]}。请改 unit。"
    if wrong:
        return
    for name in (name for name, unit in UNITS.items() if unit == "days" and name in pack.parameters):
        for row in pack.parameters[name].rows:
            if not isinstance(row.value, int) or not 1 <= row.value <= LAST_DAY:
                yield f"{row.file}:{row.line}: 参数 {name}：应是次月的日，1 到 {LAST_DAY}。请改正。"
    for row in pack.parameters[ON_HOLIDAY].rows if ON_HOLIDAY in pack.parameters else ():
        if row.value not in HOLIDAY_WORDS:
            yield f"{row.file}:{row.line}: 参数 {ON_HOLIDAY}：应是 {' 或 '.join(HOLIDAY_WORDS)}。请改正。"
    for version in pack.versions:
        seen: set[str] = set()
        for day in pack.boundaries(version):
            for finding in _plan_findings(pack, version, day):
                where, _, what = finding.partition("|")
                if what not in seen:
                    seen.add(what)
                    yield f"{where}（{day} 起）：{what}"


def _plan_findings(pack: Pack, version: Version, day: date) -> Iterator[str]:
    """What is wrong with the plan of a day: where it stands, ``|``, and what."""
    policy = Policy(pack, version, day)
    floor = max((_figure(policy, REQUIRED_RATE, fund) for fund in funds_of([pack])), default=0)
    if floor == 0 or not policy.has(DEPOSIT):
        return
    deposit, prepayment = _figure(policy, DEPOSIT), _figure(policy, PREPAYMENT)
    for name in (DEPOSIT, PREPAYMENT):
        if policy.has(name) and not policy.covers(name, {}):
            at = policy.rows(name)[0]
            yield (
                f"{at.file}:{at.line}: 参数 {name}|同一天有两条数字（policy_overlap），或只写了部分情形。"
                "请只留一条，不写 fund 等条件。"
            )
            return
    row = policy.rows(DEPOSIT)[0]
    where = f"{row.file}:{row.line}: 参数 {DEPOSIT}"
    if deposit > RATE_ONE - floor:
        yield f"{where}|保证金 {rate_text(deposit)} 高于 1 − 最低拨付比例，最高 {rate_text(RATE_ONE - floor)}。请改低。"
    best = reachable(deposit_rate=deposit, prepayment=prepayment)
    if best * RATE_ONE < floor:
        shown = percent_text(int(best * RATE_ONE))
        yield (
            f"{where}|次月拨付、保证金 {rate_text(deposit)}、预付 {rate_text(prepayment)} 个月，"
            f"年底前最多能拨付 {shown}，"
            f"达不到最低拨付比例 {percent_text(floor)}（payout_floor）。{_remedy(floor, prepayment)}"
        )


def _remedy(floor: int, prepayment: int) -> str:
    without = reachable(deposit_rate=0, prepayment=prepayment)
    if without * RATE_ONE < floor:
        return f"不留保证金也只能拨付 {percent_text(int(without * RATE_ONE))}。请把保证金改为 0 并提高 {PREPAYMENT}。"
    largest = rate_text(largest_deposit(floor=floor, prepayment=prepayment))
    return f"请把保证金改为 {largest} 或更低，或提高 {PREPAYMENT}。"


def _figure(policy: Policy, name: str, fund: str | None = None) -> int:
    """A rate of the day, 0 where the pack has none."""
    facts = {} if fund is None else {"fund": fund}
    if not policy.has(name) or not policy.covers(name, facts):
        return 0
    value: int | None = policy.figure(name, facts).value
    return value or 0
