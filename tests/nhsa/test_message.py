"""Messages of the national interface: remembered with their effects, answered again, undone, erased."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from tests.nhsa.national import Hospital
from tests.nhsa.test_stay import visit_id
from tests.world import World


@pytest.fixture
async def hospital(client: httpx.AsyncClient) -> Hospital:
    """The township hospital of a world of its own."""
    return Hospital(await World(client).build())


def msgid() -> str:
    """A message's own number."""
    return f"M{secrets.token_hex(8)}"


def undoing(hospital: Hospital, infno: str, of: str, **changes: Any) -> dict[str, Any]:
    """The input of 2601."""
    return {"data": {"psn_no": hospital.world.person, "omsgid": of, "oinfno": infno} | changes}


async def settled_count(hospital: Hospital) -> int:
    """How many settlements, corrections included, the hospital has."""
    params = {"hospital_code": hospital.sender.hospital_code}
    return len((await hospital.world.client.get("/v1/settlements", params=params)).json()["data"])


async def test_a_repeated_message_gives_the_stored_answer(hospital: Hospital) -> None:
    """Same msgid and input: the very answer, down to its times, whatever the envelope says and however the input is
    written."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    wanted = hospital.settling("2304", mdtrt_id, "12000.00")
    first = await hospital.send("2304", wanted, number)
    assert first["infcode"] == 0
    reordered = {"data": dict(reversed(wanted["data"].items())) | {"exp_content": None, "invono": ""}}
    body = hospital.sender.envelope("2304", json.dumps(reordered), number, inf_time="20180512101112", opter="op02")
    again = (await hospital.sender.post(body)).json()
    assert again == first
    assert await settled_count(hospital) == 1


async def test_the_same_message_three_times_at_once_settles_once(hospital: Hospital) -> None:
    """Three deliveries in parallel get one answer and leave one settlement."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    wanted = hospital.settling("2304", mdtrt_id, "12000.00")
    answers = await asyncio.gather(*(hospital.send("2304", wanted, number) for _ in range(3)))
    assert [answer["infcode"] for answer in answers] == [0, 0, 0]
    assert answers[0] == answers[1] == answers[2]
    assert await settled_count(hospital) == 1


async def test_different_messages_at_once_settle_once(hospital: Hospital) -> None:
    """Three messages that settle the same stay in parallel: one does, the others are told which."""
    mdtrt_id = await hospital.stay(visit_id())
    wanted = hospital.settling("2304", mdtrt_id, "12000.00")
    answers = await asyncio.gather(*(hospital.send("2304", wanted, msgid()) for _ in range(3)))
    assert sorted(answer["infcode"] for answer in answers) == [-1, -1, 0]
    (done,) = (answer for answer in answers if answer["infcode"] == 0)
    assert all(done["output"]["setlinfo"]["setl_id"] in one["err_msg"] for one in answers if one is not done)


async def test_a_msgid_stands_for_one_input(hospital: Hospital) -> None:
    """The same msgid with another input says so; with another transaction it is another message."""
    number = msgid()
    mdtrt_id = str((await hospital.done("2401", hospital.admission(visit_id()), number))["result"]["mdtrt_id"])
    await hospital.refused("2401", hospital.admission(visit_id()), "nhsa_msgid_reused", number)
    await hospital.done("2301", {"feedetail": [hospital.line(mdtrt_id, "1")]}, number)


async def test_a_refused_message_leaves_nothing_and_may_be_sent_again(
    hospital: Hospital, connection: asyncpg.Connection
) -> None:
    """After a refusal the same msgid works once the reason is gone; the refusal is in the log, without a readable
    text."""
    number, mdtrt_id = msgid(), await hospital.admitted(visit_id())
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1"))
    wanted = hospital.settling("2304", mdtrt_id, "25.00")
    await hospital.refused("2304", wanted, "nhsa_not_discharged", number)
    await hospital.discharged(mdtrt_id)
    await hospital.done("2304", wanted, number)
    rows = await connection.fetch("SELECT * FROM nhsa_message WHERE msgid = $1 ORDER BY message_id", number)
    assert [row["outcome"] for row in rows] == ["refused", "accepted"]
    for row in rows:
        assert hospital.world.person.encode() not in row["request"] + row["answer"]


async def test_a_replayed_settle_that_was_cancelled_says_by_what(hospital: Hospital) -> None:
    """A settle repeated after its cancellation is refused and names the cancelling settlement."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    setl_id = (await hospital.settled(mdtrt_id, "12000.00", number))["setlinfo"]["setl_id"]
    cancelled = await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=setl_id))
    wanted = hospital.settling("2304", mdtrt_id, "12000.00")
    words = await hospital.refused("2304", wanted, "nhsa_settlement_cancelled", number)
    assert cancelled["setlinfo"]["setl_id"] in words


async def test_a_broken_settle_is_found_by_its_own_number(hospital: Hospital) -> None:
    """5203 takes the settle's msgid in place of the unknown setl_id."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    await hospital.refused("5203", hospital.of_visit(mdtrt_id, setl_id=number), "nhsa_settlement_unknown")
    info = (await hospital.settled(mdtrt_id, "12000.00", number))["setlinfo"]
    found = (await hospital.done("5203", hospital.of_visit(mdtrt_id, setl_id=number)))["setlinfo"]
    assert found["setl_id"] == info["setl_id"]
    assert found["medins_setl_id"] == number
    for name in ("medfee_sumamt", "hifp_pay", "maf_pay", "fund_pay_sumamt", "act_pay_dedc", "setl_time"):
        assert found[name] == info[name]


# ---------------------------------------------------------------- 2601


async def test_undoing_takes_a_settlement_back_once(hospital: Hospital) -> None:
    """2601 reverses what the message settled; asked again it has nothing left to undo and still succeeds."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    await hospital.settled(mdtrt_id, "12000.00", number)
    first = await hospital.done("2601", undoing(hospital, "2304", number))
    again = await hospital.done("2601", undoing(hospital, "2304", number))
    assert first["result"]["setl_id"] == again["result"]["setl_id"]
    assert await settled_count(hospital) == 2
    assert (await hospital.world.year())["own_total"] == "0.00"
    await hospital.settled(mdtrt_id, "12000.00")


async def test_undoing_what_was_cancelled_has_nothing_to_do(hospital: Hospital) -> None:
    """A settlement that 2305 cancelled before is named as such."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    setl_id = (await hospital.settled(mdtrt_id, "12000.00", number))["setlinfo"]["setl_id"]
    cancelled = await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=setl_id))
    undone = await hospital.done("2601", undoing(hospital, "2304", number))
    assert undone["result"]["setl_id"] == cancelled["setlinfo"]["setl_id"]


async def test_undoing_what_never_arrived_succeeds_and_keeps_it_away(hospital: Hospital) -> None:
    """Nothing to undo is a success; a message that arrives after its undoing changes nothing."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    for _ in range(2):
        await hospital.done("2601", undoing(hospital, "2304", number))
    await hospital.refused("2304", hospital.settling("2304", mdtrt_id, "12000.00"), "nhsa_message_undone", number)
    assert await settled_count(hospital) == 0
    await hospital.settled(mdtrt_id, "12000.00")
    await hospital.done("2601", undoing(hospital, "2305", msgid()))


async def test_undoing_a_message_that_was_refused_succeeds(hospital: Hospital) -> None:
    """A refused message left nothing, so there is nothing to undo."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    await hospital.refused("2304", hospital.settling("2304", mdtrt_id, "1.00"), "total_mismatch", number)
    await hospital.done("2601", undoing(hospital, "2304", number))


async def test_undoing_an_admission_withdraws_it(hospital: Hospital) -> None:
    """2601 of a 2401 withdraws the visit; with lines it says what to do first."""
    number, of = visit_id(), msgid()
    mdtrt_id = (await hospital.done("2401", hospital.admission(number), of))["result"]["mdtrt_id"]
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1"))
    await hospital.refused("2601", undoing(hospital, "2401", of), "nhsa_visit_has_lines")
    await hospital.done("2302", hospital.of_visit(mdtrt_id, feedetl_sn="0000"))
    await hospital.done("2601", undoing(hospital, "2401", of))
    await hospital.done("2601", undoing(hospital, "2401", of))
    await hospital.refused("2404", hospital.of_visit(mdtrt_id), "nhsa_visit_unknown")
    await hospital.admitted(number)


async def test_undoing_is_of_the_right_person(hospital: Hospital) -> None:
    """The wrong person is refused and nothing undone."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    await hospital.settled(mdtrt_id, "12000.00", number)
    await hospital.refused("2601", undoing(hospital, "2304", number, psn_no="P0"), "nhsa_person_differs")
    assert await settled_count(hospital) == 1


async def test_another_hospitals_message_never_arrived_here(hospital: Hospital) -> None:
    """A hospital can't undo, nor learn of, what another hospital's message did."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    await hospital.settled(mdtrt_id, "12000.00", number)
    county = Hospital(hospital.world, hospital.world.county)
    await county.done("2601", undoing(hospital, "2304", number))
    assert await settled_count(hospital) == 1


async def test_undoing_with_later_settlements_says_which_way_is_left(hospital: Hospital) -> None:
    """With later settlements of the person 2601 and 2305 name one's own and count the others'."""
    first, number = await hospital.stay(visit_id()), msgid()
    setl_id = (await hospital.settled(first, "12000.00", number))["setlinfo"]["setl_id"]
    own = (await hospital.settled(await hospital.stay(visit_id()), "12000.00"))["setlinfo"]["setl_id"]
    county = Hospital(hospital.world, hospital.world.county)
    await county.settled(await county.stay(visit_id()), "12000.00")
    for infno, wanted in (
        ("2601", undoing(hospital, "2304", number)),
        ("2305", hospital.of_visit(first, setl_id=setl_id)),
    ):
        words = await hospital.refused(infno, wanted, "nhsa_later_settlements")
        assert own in words
        assert "其他机构 1 笔" in words


async def test_only_settlements_and_admissions_are_undone(hospital: Hospital) -> None:
    """Other transactions have withdrawals of their own, and 2601 says so."""
    mdtrt_id, number = await hospital.admitted(visit_id()), msgid()
    await hospital.done("2301", {"feedetail": [hospital.line(mdtrt_id, "1")]}, number)
    await hospital.refused("2601", undoing(hospital, "2301", number), "nhsa_not_undoable")


@pytest.fixture
async def held(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """A connection with an open transaction, to hold a message's lock."""
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()


async def test_a_message_that_still_runs_is_neither_undone_nor_answered(
    hospital: Hospital, held: asyncpg.Connection
) -> None:
    """While a message's lock is held elsewhere, 2601 and the message itself say: still running, try again."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    code = hospital.sender.hospital_code
    assert await held.fetchval("SELECT nhsa_message_lock($1, '2304', $2, interval '0')", code, number)
    await hospital.refused("2601", undoing(hospital, "2304", number), "nhsa_message_running")
    wanted = hospital.settling("2304", mdtrt_id, "12000.00")
    await hospital.refused("2304", wanted, "nhsa_message_running", number)


# ---------------------------------------------------------------- retention


async def test_a_message_loses_its_key_and_nothing_else(hospital: Hospital, connection: asyncpg.Connection) -> None:
    """A message's row can't be changed or deleted, only its key be taken; a replay then says where to look."""
    mdtrt_id, number = await hospital.stay(visit_id()), msgid()
    await hospital.settled(mdtrt_id, "12000.00", number)
    for statement in (
        "UPDATE nhsa_message SET msgid = 'x' WHERE msgid = $1",
        "DELETE FROM nhsa_message WHERE msgid = $1",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(statement, number)
    await connection.execute("UPDATE nhsa_message SET key = NULL WHERE msgid = $1", number)
    wanted = hospital.settling("2304", mdtrt_id, "12000.00")
    await hospital.refused("2304", wanted, "nhsa_answer_erased", number)
    await hospital.done("5203", hospital.of_visit(mdtrt_id, setl_id=number))
    await hospital.done("2601", undoing(hospital, "2304", number))


# ---------------------------------------------------------------- at once


async def test_one_number_at_once_for_two_patients_is_one_visit(hospital: Hospital) -> None:
    """Admissions of different persons under one number in parallel: one is admitted, the others are told."""
    persons = [hospital.world] + [await World(hospital.world.client).build() for _ in range(3)]
    number = visit_id()
    wanted = [hospital.admission(number, psn_no=world.person, certno=world.id_number) for world in persons]
    answers = await asyncio.gather(*(hospital.send("2401", input_) for input_ in wanted))
    assert sorted(answer["infcode"] for answer in answers) == [-1, -1, -1, 0]
    assert all("[nhsa_visit_exists]" in answer["err_msg"] for answer in answers if answer["infcode"])


async def test_transactions_are_counted_by_number_and_outcome(hospital: Hospital) -> None:
    """The metric has a transaction's number and what became of it, and ``other`` for what is no transaction."""

    async def counted(infno: str, outcome: str) -> float:
        text = (await hospital.world.client.get("/metrics")).text
        wanted = f'onestop_nhsa_transactions_total{{infno="{infno}",outcome="{outcome}"}} '
        return sum(float(line.removeprefix(wanted)) for line in text.splitlines() if line.startswith(wanted))

    before = [await counted(*of) for of in (("9002", "refused"), ("other", "refused"))]
    row = {"signOut": {"sign_no": "x", "opter_no": "x"}}
    await hospital.refused("9002", row, "nhsa_session_unknown")
    await hospital.sender.post(b"{", path="/nhsa/" + "9" * 40)
    after = [await counted(*of) for of in (("9002", "refused"), ("other", "refused"))]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]
