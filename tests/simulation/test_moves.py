"""What the auditor's model allows and refuses, on hand-made statements, deductions and payments."""

from app.simulation.model import claims, closings, deductions, orders, payments, releases, statements
from app.simulation.model.books import BALANCE, ModelPosting, ModelPurse
from app.simulation.model.rates import figures
from app.simulation.model.reasons import Reason, allowed
from app.simulation.model.state import Audit, Carry, ModelPayment, ModelRelease, ModelState, ModelStep, Way
from tests.simulation.ledgerless import (
    AREA,
    CHECKER,
    HOSPITAL,
    MAKER,
    PURSE,
    declare,
    order_of,
    owe,
    propose_of,
    state,
)

IN_PROGRESS = Reason(409, "parts_in_progress")


def owed_now(known: ModelState) -> int:
    """What the hospital's payable account owes."""
    return known.books.total([PURSE], BALANCE)


def test_a_statement_is_withdrawn_only_while_every_part_is_untouched() -> None:
    """Approval, an open or upheld deduction and an order each hold it; a dismissed deduction doesn't."""
    known = state("2018-02-10")
    owe(known, 100_000)
    known.today = "2018-03-01"
    statement = declare(known, "2018-02")
    deduction = propose_of(known, statement, 1_000)
    assert IN_PROGRESS in statements.may_withdraw(known, statement)
    deductions.take_effect(known, deduction, 0, Audit.DECIDED)
    assert allowed(statements.may_withdraw(known, statement))
    statements.approve(statement, CHECKER, None)
    assert IN_PROGRESS in statements.may_withdraw(known, statement)


def test_what_was_withdrawn_is_declared_again_once() -> None:
    """The next statement takes the postings of the withdrawn one, and a third finds none."""
    known = state("2018-02-10")
    owe(known, 100_000)
    known.today = "2018-03-01"
    first = declare(known, "2018-02", "stm_1")
    statements.withdraw(known, first)
    second = declare(known, "2018-02", "stm_2")
    assert second.parts[0].amount == 100_000
    assert declare(known, "2018-03", "stm_3").parts == []


def test_a_bill_deducted_and_then_refunded_comes_to_nothing() -> None:
    """Wholly deducted, then wholly refunded: what the correction made excessive is given back, the hospital owes
    nothing."""
    known = state("2018-02-10")
    owe(known, 110_500)
    known.today = "2018-03-01"
    deduction = propose_of(known, declare(known, "2018-02"), 110_500)
    deductions.take_effect(known, deduction, 110_500, Audit.ACCEPTED)
    owe(known, -110_500)
    deductions.corrected(known, "set_1", reversed_=False)
    assert (deduction.upheld, deduction.taken, owed_now(known)) == (110_500, 0, 0)


def test_a_bill_refunded_and_then_deducted_comes_to_nothing() -> None:
    """A deduction proposed before the refund takes only what is owed when it takes effect."""
    known = state("2018-02-10")
    owe(known, 110_500)
    known.today = "2018-03-01"
    deduction = propose_of(known, declare(known, "2018-02"), 110_500)
    owe(known, -80_000)
    deductions.corrected(known, "set_1", reversed_=False)
    deductions.take_effect(known, deduction, 110_500, Audit.ACCEPTED)
    assert (deduction.amount, deduction.upheld, owed_now(known)) == (110_500, 30_500, 0)


def test_two_deductions_take_no_more_than_is_owed() -> None:
    """The second one finds what the first left."""
    known = state("2018-02-10")
    owe(known, 1_000)
    known.today = "2018-03-01"
    statement = declare(known, "2018-02")
    first, second = propose_of(known, statement, 800), propose_of(known, statement, 700)
    for one in (first, second):
        deductions.take_effect(known, one, one.amount, Audit.ACCEPTED)
    assert (first.upheld, second.upheld, owed_now(known)) == (800, 200, 0)
    assert deductions.may_propose(known, statement, "set_1", "390100", 1) != []


def test_a_reversal_ends_open_deductions_and_gives_upheld_ones_back() -> None:
    """Open ones lapse; the hospital neither gains nor loses."""
    known = state("2018-02-10")
    owe(known, 1_000)
    known.today = "2018-03-01"
    statement = declare(known, "2018-02")
    upheld, proposed = propose_of(known, statement, 800), propose_of(known, statement, 100)
    deductions.take_effect(known, upheld, 800, Audit.ACCEPTED)
    owe(known, -1_000)
    deductions.corrected(known, "set_1", reversed_=True)
    assert (upheld.taken, proposed.state, owed_now(known)) == (0, Audit.LAPSED, 0)


def test_an_order_is_approved_by_another_and_paid_in_its_order() -> None:
    """Wrong person, too early, too much, before sending, tomorrow, a used reference: each has its reason."""
    known = state("2018-02-10")
    owe(known, 100_000)
    known.today = "2018-03-05"
    statement = declare(known, "2018-02")
    statements.approve(statement, CHECKER, None)
    made = order_of(known, statement.parts[0], 500)
    assert payments.may_approve(known, made, MAKER) == [Reason(403, "maker_is_checker")]
    assert Reason(409) in payments.may_send(known, made)
    orders.approve(known, made)
    payments.send(known, made)
    assert made.amount == 95_000
    assert Reason(422, "payment_exceeds_order") in payments.may_pay(known, made, 95_001, "2018-03-05", "B1")
    assert payments.may_pay(known, made, 1, "2018-03-04", "B1") == [Reason(422)]
    assert payments.may_pay(known, made, 1, "2018-03-06", "B1") == [Reason(422)]
    payments.pay(known, made, 40_000, "2018-03-05", "B1")
    assert Reason(409, "bank_reference_used") in payments.may_pay(known, made, 1, "2018-03-05", "B1")
    assert statements.part_step(statement, statement.parts[0]) == ModelStep.ORDERED
    payments.pay(known, made, 55_000, "2018-03-05", "B2")
    assert (made.state, statements.step_of(statement)) == (Way.PAID, ModelStep.SETTLED)


def test_money_does_not_come_back_before_it_went_out() -> None:
    """A return is at most what had been paid by its day, and by every later day."""
    known = state("2018-04-30")
    made = ModelPayment("dis_1", "order", PURSE, 2018, MAKER, 1_000, state=Way.SENT, sent_on="2018-03-01")
    payments.pay(known, made, 600, "2018-03-10", "B1")
    payments.pay(known, made, 400, "2018-03-20", "B2")
    assert Reason(422) in payments.may_return(known, made, 1, "2018-03-09", "B3")
    assert Reason(422) in payments.may_return(known, made, 601, "2018-03-19", "B3")
    assert allowed(payments.may_return(known, made, 600, "2018-03-19", "B3"))
    payments.give_back(known, made, 700, "2018-03-25", "B3")
    assert Reason(422) in payments.may_return(known, made, 400, "2018-03-15", "B4")
    assert allowed(payments.may_return(known, made, 300, "2018-03-15", "B4"))


def test_a_cancelled_offset_leaves_the_prepayment_paid_again() -> None:
    """Taken whole it is `offset`, with the order cancelled it is `paid`."""
    known = state("2018-02-10")
    owe(known, 100_000)
    prepaid = ModelPayment("pre_1", "prepayment", PURSE, 2018, MAKER, 30_000, state=Way.SENT, sent_on="2018-02-01")
    known.prepayments["pre_1"] = prepaid
    payments.pay(known, prepaid, 30_000, "2018-02-01", "B1")
    known.today = "2018-03-05"
    statement = declare(known, "2018-02")
    statements.approve(statement, CHECKER, None)
    made = order_of(known, statement.parts[0])
    orders.approve(known, made)
    assert (made.offset, made.amount, prepaid.state) == (30_000, 70_000, Way.OFFSET)
    assert Reason(422) in payments.may_return(known, prepaid, 1, "2018-03-05", "B2")
    orders.cancel(known, made)
    assert (prepaid.state, payments.outstanding(prepaid), owed_now(known)) == (Way.PAID, 30_000, 100_000)


def test_a_negative_month_is_carried_and_taken_off_the_next_order() -> None:
    """It is carried when its order is asked for, can be repaid in part, and the next order takes the rest."""
    known = state("2018-02-10")
    owe(known, -40_000)
    known.today = "2018-03-05"
    owe(known, 100_000, "set_2")
    february = declare(known, "2018-02", "stm_1")
    statements.approve(february, CHECKER, None)
    carried = order_of(known, february.parts[0])
    assert (carried.state, statements.step_of(february)) == (Way.CARRIED, ModelStep.SETTLED)
    (carry,) = known.carries
    assert Reason(403, "maker_is_checker") in orders.may_repay(known, carry, 1, known.today, MAKER)
    orders.repay(known, carry, 15_000, known.today)
    known.today = "2018-04-02"
    march = declare(known, "2018-03", "stm_2")
    statements.approve(march, CHECKER, None)
    made = order_of(known, march.parts[0])
    assert (made.carried, made.amount) == (25_000, 75_000)
    assert orders.may_repay(known, carry, 1, known.today, CHECKER) != []


def test_what_is_withheld_after_a_release_can_be_released_again() -> None:
    """A release settles what is held at its moment; a later deposit is released by a further one."""
    known = state("2019-02-01")
    known.books.post(ModelPosting(PURSE, "2018-12-01", 2018, "withheld", 5_000))
    release = ModelRelease("rel_1", PURSE, 2018, MAKER, releases.held(known, PURSE, 2018), 8_000)
    known.releases["rel_1"] = release
    assert releases.may_approve(known, release, MAKER) == [Reason(403, "maker_is_checker")]
    releases.approve(known, release, "dis_9", MAKER)
    assert (known.orders["dis_9"].amount, releases.held(known, PURSE, 2018)) == (4_000, 0)
    known.books.post(ModelPosting(PURSE, "2019-02-02", 2018, "withheld", 700))
    assert Reason(409) not in releases.may_release(known, PURSE, 2018)


def test_an_order_whose_deposit_was_released_is_not_cancelled() -> None:
    """Its deposit has left already."""
    known = state("2019-02-01")
    made = ModelPayment("dis_1", "order", PURSE, 2018, MAKER, 9_500, deposit=500, state=Way.APPROVED)
    known.orders["dis_1"] = made
    releases.approve(known, ModelRelease("rel_1", PURSE, 2018, MAKER, 500, 10_000), None, MAKER)
    assert Reason(409) in payments.may_cancel(known, made)


def test_closed_months_and_years_bind() -> None:
    """No money is dated into a closed month; a correction of a closed year falls into the year of its posting."""
    known = state("2019-03-10")
    known.months[(AREA, "2019-02")] = ("soft", MAKER)
    made = ModelPayment("dis_1", "order", PURSE, 2018, MAKER, 100, state=Way.SENT, sent_on="2019-01-01")
    assert Reason(409) in payments.may_pay(known, made, 1, "2019-02-28", "B1")
    assert closings.may_reopen_month(known, AREA, "2019-02", MAKER) == [Reason(403, "maker_is_checker")]
    assert closings.may_close_month(known, AREA, "2019-02", "hard") == []
    known.closed_years[(AREA, 2018)] = "2019-03-05"
    assert (known.fiscal_year(AREA, 2018), known.fiscal_year("532600", 2018)) == (2019, 2018)


def test_a_year_below_its_floor_is_closed_only_with_an_exception_of_two() -> None:
    """850 of 1,000 is enough, 849 isn't, and an exception that one person drafted isn't either."""
    known = state("2018-06-10")
    owe(known, 100_000)
    known.books.post(ModelPosting(PURSE, "2018-12-31", 2018, "paid", 84_999))
    known.today = "2019-03-05"
    below = Reason(409, "payout_below_floor")
    assert figures(known, AREA, "390100", 2018, "2018-12-31").required == 1
    assert closings.may_close_year(known, AREA, 2018) == [below]
    known.exceptions["exc_1"] = (AREA, 2018, MAKER, False)
    assert closings.may_close_year(known, AREA, 2018) == [below]
    known.exceptions["exc_1"] = (AREA, 2018, MAKER, True)
    assert closings.may_close_year(known, AREA, 2018) == []
    known.exceptions.clear()
    known.books.post(ModelPosting(PURSE, "2018-12-31", 2018, "paid", 1))
    assert closings.may_close_year(known, AREA, 2018) == []


def test_the_year_end_counts_what_is_prepaid_up_to_what_is_unpaid() -> None:
    """Hospital by hospital: one hospital's spare prepayment doesn't pay another's bills."""
    known = state("2018-06-10")
    other = ModelPurse("hospital:H2", AREA, "390100")
    owe(known, 10_000)
    owe(known, 50_000, "set_2", purse=other)
    known.books.post(ModelPosting(PURSE, "2018-06-11", 2018, "prepaid", 30_000))
    known.books.post(ModelPosting(other, "2018-06-11", 2018, "prepaid", 20_000))
    before, after = (figures(known, AREA, "390100", 2018, day) for day in ("2018-12-30", "2018-12-31"))
    assert (before.year_end_offset, after.year_end_offset, after.disbursed) == (0, 30_000, 30_000)


def test_late_money_counts_in_the_final_ratio_only() -> None:
    """What is paid in January leaves the legal figure of 31 December where it was."""
    known = state("2018-12-10")
    owe(known, 100_000)
    known.books.post(ModelPosting(PURSE, "2018-12-31", 2018, "paid", 60_000))
    known.books.post(ModelPosting(PURSE, "2019-01-10", 2018, "paid", 40_000))
    got = figures(known, AREA, "390100", 2018, "2019-02-01")
    assert (got.disbursed, got.final_paid, got.required) == (60_000, 100_000, 25_000)


def test_a_claim_that_was_paid_is_to_be_recovered_when_its_settlement_is_reversed() -> None:
    """Before any payment the claim is over; afterwards the person owes."""
    known = state("2018-03-01")
    for shown in ("clm_1", "clm_2"):
        new = claims.OpenedClaim(shown, AREA, "390100", 2018, f"set_of_{shown}", 500)
        claims.opened(known, new, MAKER, "P1")
    unpaid, paid = known.claims["clm_1"], known.claims["clm_2"]
    paid.state, paid.sent_on = Way.SENT, "2018-03-01"
    payments.pay(known, paid, 500, "2018-03-01", "B1")
    for claim in (unpaid, paid):
        claims.reversed_(known, claim)
    assert claims.follow(known, unpaid)[0] == Way.REVERSED
    assert claims.follow(known, paid) == (Way.RECOVERABLE,)
    assert (claims.owed_back(unpaid), claims.owed_back(paid)) == (0, 500)
    assert figures(known, AREA, "390100", 2018, "2018-03-01").incurred == 0
    assert figures(known, AREA, "390100", 2018, "2018-03-01", HOSPITAL).cash == 0


def test_a_release_of_nothing_takes_nothing_off() -> None:
    """A deposit that is forfeited whole leaves what another year carried where it is."""
    known = state("2019-02-01")
    known.books.post(ModelPosting(PURSE, "2018-12-01", 2018, "withheld", 500))
    carried = ModelPayment("dis_1", "order", PURSE, 2019, MAKER, 0, state=Way.CARRIED)
    known.carries.append(Carry(carried, 300))
    releases.approve(known, ModelRelease("rel_1", PURSE, 2018, MAKER, 500, 0), None, MAKER)
    assert (known.carries[0].taken_by, known.orders) == (None, {})
