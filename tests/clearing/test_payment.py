"""Payments: one table of moves in code and in the database, and the one formula of an order's amount."""

from datetime import date
from typing import Any

import asyncpg
import pytest

from app.clearing.bank import PAYMENT, RETURN, Banked, in_order
from app.clearing.net import net_of
from app.clearing.part import PartState
from app.clearing.payment import MOVES, PaymentKind, PaymentState, PaymentStep, steps_from
from app.clearing.plan import Plan


async def test_the_database_has_the_same_moves(connection: asyncpg.Connection) -> None:
    """``state_move`` allows what the table beside the enum allows, and nothing else."""
    rows = await connection.fetch("SELECT kind, from_state, to_state FROM state_move")
    stored = {(row["kind"], row["from_state"], row["to_state"]) for row in rows}
    for kind, moves in MOVES.items():
        mine = {(kind.value, move.since.value, move.until.value) for move in moves if move.since != move.until}
        assert {move for move in stored if move[0] == kind.value} == mine, kind


async def test_the_database_knows_the_same_states(connection: asyncpg.Connection) -> None:
    """The states of the enums are those that the tables' checks allow."""
    checks = {
        row[0]: row[1] for row in await connection.fetch("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint")
    }
    for table, states in (
        ("statement_part", set(PartState)),
        ("disbursement", set(PaymentState) - {PaymentState.OFFSET, PaymentState.REVERSED, PaymentState.RECOVERABLE}),
        (
            "prepayment",
            set(PaymentState) - {PaymentState.CARRIED_FORWARD, PaymentState.REVERSED, PaymentState.RECOVERABLE},
        ),
        ("claim", set(PaymentState) - {PaymentState.OFFSET, PaymentState.CARRIED_FORWARD}),
        ("deposit_release", {PaymentState.DRAFT, PaymentState.APPROVED, PaymentState.CANCELLED}),
    ):
        words = checks[f"{table}_state_check"].split("'")[1::2]
        assert set(words) == {state.value for state in states}, table


def test_steps_are_offered_in_the_tables_order() -> None:
    """A returned order may be paid or cancelled, a draft approved or cancelled, a cancelled one nothing."""
    assert steps_from(PaymentKind.ORDER, PaymentState.RETURNED) == (PaymentStep.PAYMENT, PaymentStep.CANCELLATION)
    assert steps_from(PaymentKind.RELEASE, PaymentState.DRAFT) == (PaymentStep.APPROVAL, PaymentStep.CANCELLATION)
    assert steps_from(PaymentKind.PREPAYMENT, PaymentState.CANCELLED) == ()


@pytest.mark.parametrize("kind", PaymentKind)
def test_every_draft_has_a_way_out(kind: PaymentKind) -> None:
    """Whatever hangs on it, a draft can be cancelled."""
    assert PaymentStep.CANCELLATION in steps_from(kind, PaymentState.DRAFT)


@pytest.mark.parametrize(
    ("gross", "carried", "rate", "prepaid", "deposit", "offset", "amount"),
    [
        (100_000, 0, 500, 0, 5_000, 0, 95_000),
        (100_000, 0, 500, 95_000, 5_000, 95_000, 0),
        (100_000, 0, 500, 200_000, 5_000, 95_000, 0),
        (95_000, 91_000, 500, 0, 0, 0, 4_000),
        (95_000, 90_249, 500, 0, 4_750, 0, 1),
        (95_000, 90_250, 500, 0, 0, 0, 4_750),
        (95_000, 95_000, 500, 10_000, 0, 0, 0),
        (-5_000, 0, 500, 10_000, 0, 0, -5_000),
        (0, 7_000, 500, 0, 0, 0, -7_000),
        (101, 0, 500, 0, 5, 0, 96),
    ],
)
def test_an_orders_amount_is_by_one_formula(
    gross: int, carried: int, rate: int, prepaid: int, deposit: int, offset: int, amount: int
) -> None:
    """Carried first; the deposit of gross, none where it would leave nothing; then prepayments, at most the rest."""
    net = net_of(gross=gross, carried=carried, deposit_rate=rate, prepaid=prepaid)
    assert (net.deposit, net.offset, net.amount) == (deposit, offset, amount)
    assert net.amount == net.gross - net.carried - net.deposit - net.offset
    assert net.is_carried == (net.gross - net.carried <= 0)


def test_on_no_day_more_comes_back_than_went_nor_goes_than_is_due() -> None:
    """Days are compared at their end: what came back and went again on one day is in order."""

    def moved(kind: str, amount: int, day: int) -> Banked:
        return Banked(kind, amount, date(2018, 6, day), f"{kind}{amount}{day}")

    first, back = moved(PAYMENT, 100, 5), moved(RETURN, 100, 7)
    assert in_order([first, back], moved(PAYMENT, 100, 7), 100)
    assert not in_order([first, back], moved(PAYMENT, 100, 6), 100)
    assert not in_order([first], moved(RETURN, 1, 4), 100)
    assert in_order([first], moved(RETURN, 100, 5), 100)
    assert in_order([first, back], moved(PAYMENT, 50, 8), 50)  # a claim that was cut after it had come back


def test_an_appeal_is_decided_within_working_days() -> None:
    """Weekends and holidays don't count, a worked Sunday does; without a figure there is no limit."""
    of: dict[str, Any] = {"area_code": "530100", "floors": {}, "deposit_rate": 0, "prepayment": 0}
    of |= {"declare_by_day": 10, "pay_by_day": 25, "appeal_days": 15}
    friday = date(2018, 6, 1)
    assert Plan(**of).decide_by(friday) is None
    assert Plan(**of, decide_days=1).decide_by(friday) == date(2018, 6, 4)
    assert Plan(**of, decide_days=5).decide_by(friday) == date(2018, 6, 8)
    holiday, sunday = frozenset({date(2018, 6, 4)}), frozenset({date(2018, 6, 3)})
    assert Plan(**of, decide_days=1, holidays=holiday).decide_by(friday) == date(2018, 6, 5)
    assert Plan(**of, decide_days=1, workdays=sunday).decide_by(friday) == date(2018, 6, 3)
