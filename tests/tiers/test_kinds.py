"""Rule kinds: a new one is one object, and every kind's arithmetic is plain integers."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.policies.cases import failures, outcomes, parse_cases
from app.policies.words import rule_words
from app.tiers.explain import input_names, redone, sentence, shown_inputs
from app.tiers.kinds import KINDS, bands, guarantee, limits, share
from app.tiers.kinds.kind import Explained, Kind
from app.tiers.kinds.limits import Payout, limits_of, pay
from app.tiers.kinds.reading import YUAN, Unexplained
from app.tiers.load import load_book
from app.tiers.model import CLASSES, Step
from app.tiers.pack import Rule
from app.tiers.roles import CAPS, Role
from app.tiers.state import State
from app.tiers.units import YUAN as YUAN_UNIT
from app.tiers.units import Sum

FEE = Role[Sum]("daily_fee", YUAN_UNIT)


def _apply(rule: Rule, state: State) -> None:
    fee = state.figure(rule, FEE)
    assert fee is not None
    days, amount, room = 3, state.amount(fee), limits_of(rule, state)
    wanted = limits.within(days * amount, room.room)
    paid = min(wanted, room.unpaid)
    pay(rule, state, room, Payout("total", paid, wanted, {"fee": amount}, (fee,)))


TOY = Kind(
    name="bed_days",
    apply=_apply,
    needs=(FEE,),
    may=CAPS,
    options=("ceiling_base",),
    words="三天床位费，每天 {daily_fee}",
    explained=Explained(
        sentence=lambda i, amount: f"三天 × {amount // 3 // 100}.00{limits.rooms_text(i)}，支付 {amount // 100}.00",
        inputs=limits.INPUTS | {"fee": "每天"},
        pattern=rf"三天 × (?P<fee>{YUAN})，支付 {YUAN}",
        redo=lambda reading: 3 * reading["fee"],
    ),
    told=lambda i, amount, chinese: "床位费三天" if chinese else "pays three days of bed",
)
PACK = """pack: toy
title: 玩具
areas: ["99"]
documents:
  d: {title: 文件}
versions:
  all:
    title: 一
    from: 2018-01-01
    precedence: [CLASSES]
    groups:
      everyone: [CLASSES]
    rules:
      - {rule: bed, title: 床位费, tier: basic, kind: bed_days, daily_fee: bed.fee}
parameters:
  bed.fee:
    title: 每天
    unit: yuan
    rows:
      - {from: 2018-01-01, value: 20, status: enacted, source: {document: d, clause: "1"}}
""".replace("CLASSES", ", ".join(CLASSES))
CASES = """cases:
  - title: 三天
    day: 2018-06-01
    person: {area: "990101"}
    hospital: {level: 1, rank: township}
    amounts: {in_scope: 100}
    expect: {basic: 60, patient: 40}
"""


def test_a_new_kind_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that is only registered passes the check, is computed, explained, redone, told and put into words."""
    monkeypatch.setitem(KINDS, TOY.name, TOY)
    book = load_book({"toy": PACK})
    (case,) = parse_cases("toy.cases.yaml", CASES)
    assert failures(case, book) == []
    ((_, outcome, _),) = outcomes(case, book)
    assert outcome is not None
    step = outcome.trace[1]
    assert sentence(step) == "三天 × 20.00，支付 60.00"
    assert redone(step) == "bed_days"
    assert shown_inputs(step.inputs) == {"fee": "20.00"}
    assert input_names()["fee"] == "每天"
    assert rule_words(book.policy("toy", date(2018, 6, 1)).rules[0], {}) == "三天床位费，每天 bed.fee"


def test_a_kind_that_is_not_registered_is_a_finding() -> None:
    """An unknown kind is answered with those that there are."""
    with pytest.raises(Exception, match="bed_days"):
        load_book({"toy": PACK})


def test_a_sentence_that_leads_to_another_amount_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader's arithmetic is compared with the step's amount."""
    monkeypatch.setitem(KINDS, TOY.name, TOY)
    with pytest.raises(Unexplained):
        redone(Step("basic", "bed", "bed_days", "床位费", 61_00, {"fee": 20_00}))


FEN = st.integers(0, 10**11)
RATES = st.integers(0, 10_000)


def rounded(amount: Fraction) -> int:
    """Half up, by fractions."""
    return (amount + Fraction(1, 2)).__floor__()


@given(FEN, RATES, RATES, FEN, FEN)
def test_a_share_never_exceeds_its_rooms(above: int, rate: int, cut: int, room: int, unpaid: int) -> None:
    """Integers in, integers out: the rounded share within room and what is unpaid; a cut never pays more."""
    whole, less = (rounded(Fraction(above * one, 10_000)) for one in (rate, min(rate, cut)))
    wanted, full, paid = share.paid_of(whole, less, above, room, unpaid)
    assert wanted == min(room, whole)
    assert full == min(wanted, unpaid)
    assert paid == min(full, less)


@given(FEN, FEN, FEN, FEN)
def test_floor_and_own_cap_stay_within_what_is_unpaid(one: int, two: int, room: int, unpaid: int) -> None:
    """A top-up is what is missing, a yearly cap pays what lies above it; neither passes its rooms."""
    assert guarantee.top_up_of(one, two, room, unpaid)[1] == min(max(0, one - two), room, unpaid)
    assert guarantee.above_cap_of(one, 0, two, room, unpaid)[1] == min(max(0, one - two), room, unpaid)
    assert bands.paid_of(one, two, room, unpaid) == (min(one, two, room), min(one, two, room, unpaid))
