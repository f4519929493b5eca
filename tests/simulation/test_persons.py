"""What the auditor's model says of claims, of persons' accounts and of what is declared late, by hand."""

from app.simulation.model import claims, deductions, payments, statements
from app.simulation.model.rates import figures
from app.simulation.model.reasons import Reason, allowed
from app.simulation.model.state import Audit, ModelDeduction, ModelPayment, ModelState, Way
from tests.simulation.ledgerless import AREA, CHECKER, MAKER, declare, owe, propose_of, state

FUND = "390100"


def claim_of(known: ModelState, amount: int, shown: str = "clm_1") -> ModelPayment:
    """A draft for a person."""
    return claims.opened(known, claims.OpenedClaim(shown, AREA, FUND, 2018, f"set_of_{shown}", amount), MAKER, "P1")


def paid_claim(known: ModelState, amount: int) -> ModelPayment:
    """A claim that was approved, sent and paid today."""
    claim = claim_of(known, amount)
    (claim.state,) = claims.approve(known, claim)
    payments.send(known, claim)
    payments.pay(known, claim, amount, known.today, "B1")
    return claim


def test_a_claim_is_due_thirty_days_after_it_was_settled() -> None:
    """It counts among persons, in no statement, and is never declared late."""
    known = state("2018-03-01")
    claim = claim_of(known, 500)
    assert claim.pay_by == "2018-03-31"
    before, after = (figures(known, AREA, FUND, 2018, day) for day in ("2018-03-30", "2018-05-31"))
    assert (before.due, after.due, after.late_declared) == (0, 500, 0)


def test_another_account_stops_a_claim_until_it_is_approved_again() -> None:
    """By a second person; what it asks for stays."""
    known = state("2018-03-01")
    claim = claim_of(known, 500)
    (claim.state,) = claims.approve(known, claim)
    assert allowed(payments.may_send(known, claim))
    known.accounts["P1"] = "6222"
    assert payments.may_send(known, claim) == [Reason(409)]
    assert Reason(403, "maker_is_checker") in payments.may_approve(known, claim, MAKER)
    assert allowed(payments.may_approve(known, claim, CHECKER))
    assert (claims.approve(known, claim), claim.amount) == ((Way.APPROVED,), 500)
    assert allowed(payments.may_send(known, claim))


def test_a_claim_grows_and_falls_with_its_settlement() -> None:
    """More than was approved has to be approved again; below what was paid the person owes the rest."""
    known = state("2018-03-01")
    claim = paid_claim(known, 500)
    claims.raised(known, claim, 200, CHECKER)
    assert payments.may_approve(known, claim, CHECKER)
    assert (claims.follow(known, claim), payments.unpaid(claim)) == ((Way.DRAFT,), 200)
    claims.lowered(known, [claim], 300)
    assert Way.RECOVERABLE in claims.follow(known, claim)
    assert (claims.owed_back(claim), payments.unpaid(claim)) == (100, 0)


def test_a_claim_is_cut_before_its_approval() -> None:
    """At most by what it asks for; a deduction that waits holds the approval up, a later refund gives it back."""
    known = state("2018-03-01")
    claim = claim_of(known, 500)
    assert Reason(422) in claims.may_deduct(known, claim, 501)
    by = deductions.appeal_by(known.today)
    cut = ModelDeduction("ded_1", "", claim.settlement, claim.purse, 400, MAKER, known.today, by)
    claims.deduct(known, claim, cut)
    assert payments.may_approve(known, claim, CHECKER) == [Reason(409)]
    deductions.take_effect(known, cut, 400, Audit.ACCEPTED)
    claims.follow(known, claim)
    assert (claim.gross, claim.amount) == (500, 100)
    claims.lowered(known, [claim], 300)
    deductions.corrected(known, claim.settlement, reversed_=False)
    claims.follow(known, claim)
    assert (claim.gross, claim.amount, cut.given_back) == (200, 0, 200)


def test_a_person_gives_back_what_they_owe_and_no_more() -> None:
    """Not too much, not before it was paid, not tomorrow, not by who settled; with all of it the claim is over."""
    known = state("2018-03-10")
    claim = paid_claim(known, 500)
    assert Reason(409) in claims.may_repay(known, claim, 1, known.today, "B2", CHECKER)
    known.today = "2018-03-20"
    claims.reversed_(known, claim)
    (claim.state,) = claims.follow(known, claim)
    for amount, day in ((501, "2018-03-20"), (500, "2018-03-09"), (0, "2018-03-20"), (500, "2018-03-21")):
        assert Reason(422) in claims.may_repay(known, claim, amount, day, "B2", CHECKER)
    assert claims.may_repay(known, claim, 500, known.today, "B2", MAKER) == [Reason(403, "maker_is_checker")]
    assert claims.repay(known, claim, 200, known.today, "B2") == (Way.RECOVERABLE,)
    assert Way.REVERSED in claims.repay(known, claim, 300, known.today, "B3")
    assert figures(known, AREA, FUND, 2018, known.today).cash == 0


def test_late_is_what_a_later_month_declares_or_none_less_its_deductions() -> None:
    """February's bill joins the statement of March; from 1 March on it is late, less what the audit takes off."""
    known = state("2018-02-10")
    owe(known, 1_000)
    late = [figures(known, AREA, FUND, 2018, day).late_declared for day in ("2018-02-28", "2018-03-01")]
    assert late == [0, 1_000]
    known.today = "2018-04-02"
    statement = declare(known, "2018-03")
    deduction = propose_of(known, statement, 300)
    deductions.take_effect(known, deduction, 300, Audit.ACCEPTED)
    assert figures(known, AREA, FUND, 2018, known.today).late_declared == 700


def test_a_deduction_that_was_given_back_goes_on_with_its_posting() -> None:
    """Deducted, refunded, withdrawn and declared again the bill still comes to nothing."""
    known = state("2018-02-10")
    owe(known, 1_000)
    known.today = "2018-03-02"
    statement = declare(known, "2018-02", "stm_1")
    deductions.take_effect(known, propose_of(known, statement, 400), 400, Audit.ACCEPTED)
    owe(known, -1_000)
    deductions.corrected(known, "set_1", reversed_=False)
    assert allowed(statements.may_withdraw(known, statement))
    statements.withdraw(known, statement)
    known.today = "2018-04-02"
    again = declare(known, "2018-03", "stm_2")
    assert [part.amount - part.deducted for part in again.parts] == [0]


def test_money_is_not_paid_again_before_it_came_back() -> None:
    """On no day is more paid than the whole."""
    known = state("2018-03-20")
    made = claim_of(known, 500)
    made.state, made.sent_on = Way.SENT, "2018-03-01"
    payments.pay(known, made, 500, "2018-03-05", "B1")
    payments.give_back(known, made, 500, "2018-03-15", "B2")
    assert payments.may_pay(known, made, 500, "2018-03-10", "B3") == [Reason(422)]
    assert allowed(payments.may_pay(known, made, 500, "2018-03-15", "B3"))


def test_what_was_sent_is_paid_whatever_a_correction_leaves_of_the_claim() -> None:
    """Up to what was sent, not before it was; above what is owed the person owes it, and a return closes it."""
    known = state("2018-03-10")
    claim = claim_of(known, 500)
    (claim.state,) = claims.approve(known, claim)
    payments.send(known, claim)
    claims.reversed_(known, claim)
    claim.state = claims.follow(known, claim)[0]
    assert claim.state == Way.REVERSED
    assert payments.may_pay(known, claim, 501, known.today, "B1") == [Reason(422, "payment_exceeds_order")]
    assert payments.may_pay(known, claim, 500, "2018-03-09", "B1") == [Reason(422)]
    assert allowed(payments.may_pay(known, claim, 500, known.today, "B1"))
    payments.pay(known, claim, 500, known.today, "B1")
    assert (claim.state, claims.owed_back(claim), payments.payable(claim)) == (Way.RECOVERABLE, 500, 0)
    assert Way.REVERSED in payments.give_back(known, claim, 500, known.today, "B2")
    assert payments.may_pay(known, claim, 1, known.today, "B3") == [Reason(409)]
