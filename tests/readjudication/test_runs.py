"""Runs of readjudication over real HTTP on real PostgreSQL: dry run, approval, posting, stopping, what happens
beside."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg
import pytest

from tests.clearing.office import Office, office
from tests.readjudication.desk import (
    NONE,
    POOR,
    alone,
    computed,
    late,
    many_late,
    own_processes,
    poor_from_the_start,
    posted,
    rows,
    until,
)
from tests.world import id_number, key


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office in May 2018 that these tests share: each has persons, and mostly an area, of its own."""
    async with office(database_server) as opened:
        yield opened


async def test_a_late_list_is_shown_approved_and_posted(desk: Office) -> None:
    """The dry run has what single ones would have and writes nothing; after approval each year is what it would have
    been, the books balance and the worklist is empty."""
    poor = await many_late(desk, 3, area="530300")
    single = [await alone(desk, person) for person in poor]
    found = await computed(desk, area_code="530300")
    dry = found["dry_run"]
    assert (dry["person_years"], dry["persons"], dry["changed"], dry["bills"]) == (3, 3, 3, 6)
    changes = [change["difference"] for one in single for change in one["changes"]]
    assert {name: sum(Decimal(one[name]) for one in changes) for name in dry["portions"]} == {
        name: Decimal(text) for name, text in dry["portions"].items()
    }
    assert sum(Decimal(one["difference"]) for one in dry["funds"]) == Decimal(dry["fund_total"])
    assert Decimal(dry["portions"]["patient"]) < 0
    assert (dry["patients_owe"], dry["patients_get"]) == (0, 3)
    assert sorted(one["person_id"] for one in found["biggest"]) == poor
    assert [await alone(desk, person) for person in poor] == single  # nothing was written
    done = await posted(desk, found["readjudication_id"])
    assert (done["posting"]["posted"], done["posting"]["left"], done["posting"]["changed_since"]) == (3, 0, 0)
    assert done["posting"]["fund_total"] == dry["fund_total"]
    expected = await poor_from_the_start(desk)
    for person in poor:
        assert (await alone(desk, person))["changes"] == []
        assert await desk.get(f"/persons/{person}/years/2018", "li") == expected
    kept = await rows(desk, found["readjudication_id"])
    assert [(row["person_id"], row["outcome"], len(row["adjustments"])) for row in kept] == [
        (person, "posted", 2) for person in poor
    ]
    entry = await desk.get(f"/settlements/{kept[0]['adjustments'][0]}", "li")
    assert (entry["kind"], entry["reason"]) == ("adjustment", "名单晚到")
    again = await computed(desk, area_code="530300")
    assert again["dry_run"]["person_years"] == 0
    await desk.balanced()


async def test_maker_is_not_checker(desk: Office) -> None:
    """Who had the dry run computed can't approve it, nor can somebody whom they let in; an administrator neither when
    it is their own."""
    await late(desk, area="530400")
    found = await computed(desk, area_code="530400")
    path = f"/readjudications/{found['readjudication_id']}"
    assert await desk.refused("li", f"{path}/approval") == (403, "maker_is_checker")
    own = await desk.do(None, "/readjudications", {"reason": "x", "area_code": "530400"})
    shown = own["readjudication_id"]
    await until(desk, shown, lambda one: one["state"] == "computed")
    assert await desk.refused(None, f"/readjudications/{shown}/approval") == (403, "maker_is_checker")
    assert await desk.refused("wang", f"/readjudications/{shown}/approval") == (
        403,
        "maker_is_checker",
    )  # hired by them
    cancelled = await desk.do("wang", f"/readjudications/{shown}/cancellation", {"reason": "重复"})
    assert (cancelled["state"], cancelled["posting"]) == ("cancelled", None)
    assert await desk.refused("wang", f"/readjudications/{shown}/stop", {"reason": "x"}) == (409, "invalid_move")
    assert (await desk.get(path, "wang"))["state"] == "computed"


async def test_whoever_it_is_not_for_sees_and_does_nothing(desk: Office) -> None:
    """Another area's finance finds no run and can't begin one here; who acts for one fund, a hospital or a registry
    neither; an auditor only reads."""
    await late(desk, area="530500")
    shown = (await computed(desk, area_code="530500"))["readjudication_id"]
    for who, limits in (
        ("foreign", {"scopes": ["finance", "auditor"], "area_code": "532600"}),
        ("of-one-fund", {"scopes": ["finance"], "funds": ["610100"]}),
        ("auditor", {"scopes": ["auditor"]}),
        ("near", {"scopes": ["finance"], "area_code": "530500"}),
    ):
        await desk.hire(who, **limits)
    for who in ("foreign", "of-one-fund"):
        assert (await desk.get("/readjudications", who))["data"] == []
        for path in ("", "/rows"):
            answer = await desk.client.get(f"/v1/readjudications/{shown}{path}", headers=desk.tokens[who])
            assert answer.status_code == 404
        assert await desk.refused(who, f"/readjudications/{shown}/approval") == (404, "not_found")
    wanted = {"reason": "x", "area_code": "530500"}
    assert await desk.refused("foreign", "/readjudications", wanted) == (404, "not_found")
    assert await desk.refused("of-one-fund", "/readjudications", wanted) == (403, "all_funds_needed")
    for who in ("auditor", "hospital"):
        assert await desk.refused(who, "/readjudications", wanted) == (403, "forbidden_scope")
    assert (await desk.get(f"/readjudications/{shown}", "auditor"))["state"] == "computed"
    assert [one["readjudication_id"] for one in (await desk.get("/readjudications", "near"))["data"]] == [shown]
    mine = await desk.do("near", "/readjudications", {"reason": "x"})
    assert mine["area_code"] == "530500"


async def test_a_year_that_changed_since_is_computed_again_and_reported(desk: Office) -> None:
    """A bill settled after the dry run changes what is posted, a single readjudication leaves nothing to post: both are
    reported, the third person-year is posted as shown."""
    settled_since, done_alone, untouched = await many_late(desk, 3, area="530600")
    found = await computed(desk, area_code="530600")
    await desk.settled("9000.00", "2018-05-11", person_id=settled_since)
    await desk.do("wang", f"/persons/{done_alone}/years/2018/readjudication", {"reason": "单独", "dry_run": False})
    single = await alone(desk, settled_since)
    done = await posted(desk, found["readjudication_id"])
    assert done["posting"]["changed_since"] == 2
    told = {
        row["person_id"]: (row["outcome"], row["changed_since"], row["posted_fund_total"])
        for row in await rows(desk, found["readjudication_id"])
    }
    wanted = sum(
        Decimal(change["difference"][tier])
        for change in single["changes"]
        for tier in ("basic", "serious_illness", "supplement", "medical_assistance", "safety_net")
    )
    assert told[settled_since] == ("posted", True, str(wanted))
    assert told[done_alone] == ("unchanged", True, "0.00")
    assert told[untouched][:2] == ("posted", False)
    assert len(await rows(desk, found["readjudication_id"], changed_since="true")) == 2
    await desk.balanced()


async def test_a_person_year_out_of_reach_is_told_and_holds_up_no_other(desk: Office) -> None:
    """Who moved away before posting is refused with the reason; the others are posted."""
    gone, stays = await many_late(desk, 2, area="530700")
    await desk.hire("of-530700", scopes=["finance"], area_code="530700")
    made = await desk.do("of-530700", "/readjudications", {"reason": "名单晚到"})
    shown = made["readjudication_id"]
    await until(desk, shown, lambda one: one["state"] == "computed")
    await desk.hire("checks-530700", scopes=["finance"], area_code="530700")
    facts = {"name": "李某", "id_number": id_number(), "area_code": "532600", "insurance_type": "390"}
    await desk.world.put(f"/v1/persons/{gone}", facts | {"identities": POOR})
    done = await posted(desk, shown, "checks-530700")
    assert (done["posting"]["posted"], done["posting"]["refused"]) == (1, 1)
    told = {row["person_id"]: (row["outcome"], row["reason"]) for row in await rows(desk, shown)}
    assert told == {gone: ("refused", "not_found"), stays: ("posted", None)}


def has_posted(least: int, run: dict[str, Any]) -> bool:
    """Whether so many person-years have adjustments."""
    return int(run["posting"]["posted"]) >= least


@pytest.mark.thorough
async def test_a_killed_job_doubles_nothing_and_loses_nothing(database_server: str) -> None:
    """The job's process is killed while it posts, more than once; settling goes on beside it, and afterwards every
    person-year has been corrected once."""
    async with office(database_server) as desk:
        people = await many_late(desk, 40)
        found = await computed(desk)
        shown = found["readjudication_id"]
        assert found["dry_run"]["changed"] == 40
        beside: list[asyncio.Task[object]] = []
        await desk.do("wang", f"/readjudications/{shown}/approval")
        for so_many in (3, 12):
            so_far = await until(desk, shown, partial(has_posted, so_many))
            assert so_far["state"] == "running"
            for process in own_processes(f"app.serving.job {so_far['job_id'].removeprefix('job_')} "):
                os.kill(process, signal.SIGKILL)
            beside.append(asyncio.ensure_future(desk.settled("700.00", "2018-05-12", person_id=people[-1])))
        done = await until(desk, shown, lambda one: one["state"] == "done")
        await asyncio.gather(*beside)
        assert (done["posting"]["posted"], done["posting"]["left"]) == (40, 0)
        kept = await rows(desk, shown)
        assert all(len(row["adjustments"]) >= 2 for row in kept)
        connection = await asyncpg.connect(desk.url)
        try:
            twice = await connection.fetchval(
                """SELECT count(*) FROM (SELECT of_settlement_id FROM settlement WHERE kind = 'adjustment'
                    GROUP BY of_settlement_id HAVING count(*) > 1) twice"""
            )
            adjusted = await connection.fetchval("SELECT count(*) FROM settlement WHERE kind = 'adjustment'")
        finally:
            await connection.close()
        assert twice == 0
        assert adjusted == sum(len(row["adjustments"]) for row in kept)
        for person in people:
            assert (await alone(desk, person))["changes"] == []
        await desk.balanced()


@pytest.mark.thorough
async def test_what_was_stopped_is_resumed(database_server: str) -> None:
    """After a stop nothing more is posted; a resumption posts what is left and no more; the rest of a stopped run can
    be given up."""
    async with office(database_server) as desk:
        await many_late(desk, 25)
        found = await computed(desk)
        path = f"/readjudications/{found['readjudication_id']}"
        await desk.do("wang", f"{path}/approval")
        await until(desk, found["readjudication_id"], lambda one: one["posting"]["posted"] >= 2)
        stopped = await desk.do("li", f"{path}/stop", {"reason": "先核对"})
        assert stopped["state"] == "stopped"
        assert stopped["posting"]["left"] > 0
        await asyncio.sleep(1)
        assert (await desk.get(path, "li"))["posting"] == stopped["posting"]
        resumed = await desk.do("li", f"{path}/resumption")
        assert resumed["state"] == "approved"
        done = await until(desk, found["readjudication_id"], lambda one: one["state"] == "done")
        assert (done["posting"]["posted"], done["posting"]["changed_since"]) == (25, 0)
        assert done["posting"]["fund_total"] == found["dry_run"]["fund_total"]
        assert await desk.refused("li", f"{path}/resumption") == (409, "invalid_move")
        await desk.balanced()


@pytest.mark.thorough
async def test_a_token_that_ends_stops_the_run(database_server: str) -> None:
    """The job posts on behalf of who approved: when their token is revoked the run is stopped, and somebody else
    resumes it."""
    async with office(database_server) as desk:
        await many_late(desk, 20)
        found = await computed(desk)
        issued = await desk.do(None, "/tokens", {"subject": "zhou", "scopes": ["finance"]})
        desk.tokens["zhou"] = {"Authorization": f"Bearer {issued['token']}"}
        path = f"/readjudications/{found['readjudication_id']}"
        await desk.do("zhou", f"{path}/approval")
        await until(desk, found["readjudication_id"], lambda one: one["posting"]["posted"] >= 1)
        ended = await desk.client.delete(f"/v1/tokens/{issued['token_id']}", headers=key())
        assert ended.is_success, ended.text
        stopped = await until(desk, found["readjudication_id"], lambda one: one["state"] == "stopped")
        assert stopped["job_state"] in ("running", "failed")
        assert stopped["posting"]["left"] > 0
        await desk.do("wang", f"{path}/resumption")
        done = await until(desk, found["readjudication_id"], lambda one: one["state"] == "done")
        assert (done["posting"]["posted"], done["posting"]["left"]) == (20, 0)


async def test_every_year_or_those_of_another_law(desk: Office) -> None:
    """``all`` looks at each person-year of a year and needs one; ``policy`` at those settled before a figure of their
    area changed; what comes out as before is unchanged."""
    (person,) = await many_late(desk, 1, area="530800", found=NONE)
    assert await desk.refused("li", "/readjudications", {"reason": "x", "source": "all"}) == (422, "missing")
    everything = await computed(desk, area_code="530800", source="all", year=2018)
    assert (everything["dry_run"]["person_years"], everything["dry_run"]["unchanged"]) == (1, 1)
    law = await computed(desk, area_code="530800", source="policy", year=2018)
    assert law["dry_run"]["person_years"] == 0
    await desk.world.put("/v1/areas/530800", {"name": "普洱市"})
    law = await computed(desk, area_code="530800", source="policy", year=2018)
    assert [(row["person_id"], row["result"]) for row in await rows(desk, law["readjudication_id"])] == [
        (person, "unchanged")
    ]


async def test_patients_who_would_owe_are_counted_and_not_asked(desk: Office) -> None:
    """Who turns out not to have been poor is shown with what they would bear more; once it is posted that is waived."""
    (person,) = await many_late(desk, 1, area="530900", known=POOR, found=[])
    found = await computed(desk, area_code="530900")
    dry = found["dry_run"]
    assert (dry["patients_owe"], dry["patients_get"]) == (1, 0)
    assert dry["patient_owes"] == dry["portions"]["patient"] == f"-{dry['fund_total']}".replace("--", "")
    done = await posted(desk, found["readjudication_id"])
    assert done["posting"]["patient"] == dry["patient_owes"]
    balances = [one for one in (await desk.get("/patient-balances", limit=100))["data"] if one["person_id"] == person]
    assert {one["state"] for one in balances} == {"waived"}


async def test_the_database_keeps_one_outcome_of_a_person_year(desk: Office) -> None:
    """A second outcome is refused by its key, also when somebody writes it past the service; none is changed."""
    await many_late(desk, 1, area="532300")
    found = await computed(desk, area_code="532300")
    await posted(desk, found["readjudication_id"])
    number = int(found["readjudication_id"].removeprefix("rdj_"))
    connection = await asyncpg.connect(desk.url)
    try:
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(
                "INSERT INTO readjudication_outcome SELECT * FROM readjudication_outcome WHERE run_id = $1", number
            )
        for statement in (
            "UPDATE readjudication_outcome SET basic = 0 WHERE run_id = $1",
            "UPDATE readjudication_row SET basic = 0 WHERE run_id = $1",
            "UPDATE readjudication_run SET state = 'approved' WHERE run_id = $1",
            "DELETE FROM readjudication_outcome WHERE run_id = $1",
        ):
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(statement, number)
    finally:
        await connection.close()
