"""What the auditor expects of a year's end: last year's months, plans and deposits, by hand."""

from app.simulation.model import orders, statements
from app.simulation.model.books import ModelPosting
from app.simulation.model.orders import Formula
from app.simulation.model.projection import REFUSED, deposit_reasons
from app.simulation.model.rates import expected, known_only, projected
from app.simulation.model.reasons import SILENT
from app.simulation.model.state import ModelState, ModelStatement
from tests.simulation.ledgerless import AREA, CHECKER, PURSE, declare, order_of, owe, state

FUND = "390100"


def last_year(known: ModelState, amount: int, *, but: dict[int, int] | None = None) -> None:
    """2018 with the same payable each month, except some."""
    for month in range(1, 13):
        day = f"2018-{month:02d}-15"
        owed = (but or {}).get(month, amount)
        known.books.post(ModelPosting(PURSE, day, 2018, "owed", owed, f"set_2018_{month}"))


def january(known: ModelState, amount: int) -> ModelStatement:
    """January 2019 declared and approved on 1 February."""
    known.today = "2019-01-20"
    owe(known, amount, "set_1", year=2019)
    known.today = "2019-02-01"
    statement = declare(known, "2019-01")
    statements.approve(statement, CHECKER, None)
    return statement


def test_without_a_last_year_nothing_is_expected() -> None:
    """Then the plan alone counts: a deposit of 5 % passes, 10 % is refused, 0 never."""
    known = state("2018-02-01")
    known.today = "2018-01-20"
    owe(known, 100_000)
    known.today = "2018-02-01"
    part = declare(known, "2018-01").parts[0]
    part.approved_by = CHECKER
    assert known_only(known, AREA, FUND, 2018)
    assert expected(known, AREA, FUND, 2018, "2018-02-01") == {}
    for rate, reasons in ((None, []), (727, []), (728, [REFUSED]), (1000, [REFUSED]), (0, [])):
        found = deposit_reasons(known, [part], orders.predicted(known, [part], rate), rate)
        assert found == reasons, rate


def test_expected_is_last_years_month_less_what_is_known_of_it() -> None:
    """By the posting's own month, after the last declared one; a negative month of last year expects nothing."""
    known = state("2019-02-01")
    last_year(known, 100_000, but={3: -5_000})
    january(known, 90_000)
    owe(known, 30_000, "set_2", year=2019)
    coming = expected(known, AREA, FUND, 2019, "2019-02-01")
    assert "2019-01" not in coming
    assert (coming["2019-02"], coming["2019-03"], coming["2019-12"]) == (70_000, 0, 100_000)


def test_projected_is_all_that_is_due_by_the_years_end_less_deposits() -> None:
    """January 95,000 of 100,000; February to November 95 % of last year's; December isn't due; 1,045,000 of
    1,200,000."""
    known = state("2019-02-01")
    last_year(known, 100_000)
    january(known, 100_000)
    ahead = projected(known, AREA, FUND, 2019, "2019-02-01")
    assert (ahead.scheduled, ahead.expected) == (95_000 + 10 * 95_000, 1_100_000)
    assert (ahead.part, ahead.whole) == (1_045_000, 1_200_000)


def test_a_deposit_may_not_push_the_projection_below_the_floor() -> None:
    """85 % of 1,200,000 is 1,020,000: 30,000 may be withheld of January's 100,000 beyond nothing, not a fen more."""
    known = state("2019-02-01")
    last_year(known, 100_000)
    part = january(known, 100_000).parts[-1]
    for deposit, reasons in ((0, [SILENT]), (30_000, []), (30_001, [REFUSED])):
        one = Formula(100_000, 0, 100_000, deposit, 0, 100_000 - deposit)
        assert deposit_reasons(known, [part], [one], 3_000) == reasons, deposit


def test_a_draft_counts_with_its_own_deposit() -> None:
    """An order without deposit raises what is scheduled by what the plan would have withheld; cancelled, it falls
    back."""
    known = state("2019-02-01")
    last_year(known, 100_000)
    made = order_of(known, january(known, 100_000).parts[-1], 0)
    assert projected(known, AREA, FUND, 2019, "2019-02-01").scheduled == 1_050_000
    orders.cancel(known, made)
    assert projected(known, AREA, FUND, 2019, "2019-02-01").scheduled == 1_045_000


def test_projected_stands_still_from_the_last_day_of_the_year() -> None:
    """What is known or paid in January changes neither part nor whole."""
    known = state("2018-12-20")
    owe(known, 100_000)
    before = projected(known, AREA, FUND, 2018, "2018-12-31")
    known.today = "2019-01-20"
    known.books.post(ModelPosting(PURSE, "2019-01-20", 2018, "paid", 50_000))
    owe(known, 7_000, "set_2")
    assert projected(known, AREA, FUND, 2018, "2019-01-20") == before
