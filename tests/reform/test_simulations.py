"""Simulations over stored settlements on real PostgreSQL: against files, against the oracle, beside corrections, with a
killed job, and who may."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from app.basics.money import fen
from app.batch.simulation import ReformNamed, SimulationOrder
from app.batch.simulation import simulated as simulated_over_files
from app.batch.simulation_report import write_report
from app.batch.twofold_settled import tally_of_chains
from app.config import Settings
from app.database.engine import open_database
from app.policies import shipped_book
from app.reform.job import counter, one_by_one
from app.reform.request import reform_of
from app.reform.stored import PackLaw, SimulatedDays, by_person
from app.tiers.load import load_book
from tests.batch.files import rows_of_chain, write
from tests.clearing.office import Office, office
from tests.readjudication.desk import own_processes
from tests.reform.stored import DAYS, HEAD, HIGHER, HIGHER_RATE, chains_of, finished, settle_chain, simulated
from tests.tiers import oracle
from tests.tiers.random_bills import walk_chain
from tests.world import id_number, key

CHAINS = chains_of(range(40))


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office of July 2026 in which random person-years of 2017 to 2026 were settled."""
    async with office(database_server, "2026-07-01T10:00:00+08:00") as opened:
        for chain in CHAINS:
            await settle_chain(opened, chain)
        yield opened


async def test_an_unchanged_pack_changes_nothing(desk: Office) -> None:
    """Every difference is 0, nobody gains or loses, and each settlement is computed as it stands."""
    answer = await simulated(desk, HEAD)
    assert answer["persons"] == len(CHAINS)
    assert answer["bills"] == sum(len(list(walk_chain(chain, oracle.settle))) for chain in CHAINS)
    assert {cell["difference"] for cell in [answer["total"], *answer["cells"]] if not cell["suppressed"]} == {"0.00"}
    assert (answer["gainers"], answer["losers"], answer["worst"]) == ([], [], [])
    assert answer["stored_differs"] == {"bills": 0, "amount": "0.00"}
    assert answer["refused"] == {"baseline": 0, "reform": 0}


async def test_files_and_the_service_say_the_same(desk: Office, tmp_path: Path) -> None:
    """The same bills as a file and as settlements give the same answer, member by member."""
    rows = [row for chain in CHAINS for row in rows_of_chain(chain)]
    reform = tmp_path / "reform.yaml"
    reform.write_text(HIGHER, encoding="utf-8")
    named = ReformNamed("yunnan", str(reform), None)
    order = SimulationOrder(write(tmp_path / "bills.parquet", rows), tmp_path / "out", named, 1, 10**12)
    found = simulated_over_files(order, lambda stage, done, total: None, write_report)
    answer = await simulated(desk, HIGHER, budget="10000000000.00")
    assert answer.pop("stored_differs") == {"bills": 0, "amount": "0.00"}
    expected = msgspec.to_builtins(found)
    assert expected.pop("stored_differs") is None
    assert answer == expected
    assert fen(answer["total"]["difference"]) > 0


async def test_by_column_it_is_what_it_is_one_by_one(desk: Office) -> None:
    """What is stored is counted alike with the columns and without them, for a whole office and an area's."""
    book = shipped_book(None)
    reform = reform_of(HIGHER)
    changed = load_book(reform.beside(book), {reform.name})
    laws = PackLaw(book, "yunnan"), PackLaw(changed, reform.name)
    persons = [chain["person"]["person_id"] for chain in CHAINS]
    database = await open_database(desk.url, Settings(pool_size=1, hot_pool_size=1))
    try:
        for area in (None, "530100"):
            wanted = SimulatedDays("yunnan", area, date(2026, 1, 1), date(2026, 12, 31))
            async with database.hot() as connection:
                await connection.execute("SELECT service_open(NULL)")
                chains = list(by_person(await wanted.chains(connection, persons), wanted, laws, book))
            assert counter() is tally_of_chains
            tally = one_by_one(chains)
            assert tally.bills > len(CHAINS) // 4
            assert tally_of_chains(chains) == tally
    finally:
        await database.close()


async def test_a_reform_changes_amounts_as_the_oracle_says(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the funds pay under both laws is what the independent oracle computes with the old and the new rates."""
    answer = await simulated(desk, HIGHER)
    sides = []
    for rate in (None, HIGHER_RATE):
        with monkeypatch.context() as patched:
            if rate is not None:
                patched.setattr(oracle, "ORDINARY_RATE", oracle.ORDINARY_RATE | rate)
            results = [step["result"] for chain in CHAINS for step in walk_chain(chain, oracle.settle)]
        patient_and_hospital = sum(one["portions"]["patient"] + one["portions"]["hospital"] for one in results)
        totals = sum(sum(one["portions"].values()) for one in results)
        sides.append(totals - patient_and_hospital + sum(one["payable_adjustment"] for one in results))
    assert [fen(answer["total"][side]) for side in ("baseline", "reform")] == sides


@pytest.mark.thorough
async def test_a_day_of_settling_decides_what_counts(desk: Office) -> None:
    """Both days are included; outside of them nothing counts."""
    one = await simulated(desk, HIGHER, **{"from": "2026-07-01", "to": "2026-07-01"})
    assert one["persons"] == len(CHAINS)
    for days in ({"from": "2026-01-01", "to": "2026-06-30"}, {"from": "2026-07-02", "to": "2026-12-31"}):
        answer = await simulated(desk, HIGHER, **days)
        assert (answer["persons"], answer["bills"], answer["cells"]) == (0, 0, [])


async def test_three_files_and_no_person(desk: Office) -> None:
    """The answer is JSON, a workbook and a page with pictures; no id of a person, visit or settlement is in it, and
    nobody else can fetch it."""
    made = await desk.do("li", "/simulations", {"pack": "yunnan", "reform": HIGHER} | DAYS)
    job = await finished(desk, made["job_id"])
    assert "asker" not in job["options"]
    assert (job["done"], job["total"]) == (len(CHAINS), len(CHAINS))
    path = f"/v1/jobs/{made['job_id']}/result"
    files = {}
    for form in ("json", "xlsx", "html"):
        answer = await desk.client.get(path, params={"format": form}, headers=desk.tokens["li"])
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"].endswith(f'.{form}"')
        files[form] = answer.content
    assert msgspec.json.decode(files["json"]) == job["result"]
    assert files["xlsx"].startswith(b"PK")
    assert b"<svg" in files["html"]
    for chain in CHAINS:
        names = [chain["person"]["person_id"], *(bill["visit_id"] for bill in chain["bills"])]
        assert not any(name.encode() in files[form] for name in names for form in ("json", "html"))
    assert (await desk.client.get(path, headers=desk.tokens["wang"])).status_code == 404


async def test_every_fault_of_a_reform_is_told_at_once(desk: Office) -> None:
    """Each with its line and what to write instead; days and pack as well; nothing is queued."""
    text = HIGHER.replace("unit: rate", "unit: rats").replace('"0.80"', "0.8").replace("title: 住院比例", "titel: 住院")
    body = {"pack": "yunnnan", "reform": text, "from": "2026-02-01", "to": "2026-01-01"}
    answer = await desk.send("li", "/simulations", body)
    assert answer.status_code == 422
    found = answer.json()["errors"]
    assert [one["pointer"] for one in found][:2] == ["/pack", "/to"]
    findings = [one for one in found if one["code"] == "reform_at_fault"]
    assert len(findings) >= 3
    assert all("reform.yaml:" in one["message"] for one in findings)
    named = HIGHER.replace("pack: reform", "pack: yunnan")
    assert await desk.refused("li", "/simulations", {"pack": "yunnan", "reform": named} | DAYS) == (
        422,
        "reform_named_as_pack",
    )
    other = {"pack": "wenshan", "reform": HIGHER} | DAYS
    assert await desk.refused("li", "/simulations", other) == (422, "reform_inherits_not")


async def test_who_may(desk: Office) -> None:
    """Finance for every fund, and nobody else; with a key."""
    body = {"pack": "yunnan", "reform": HEAD} | DAYS
    assert (await desk.refused("hospital", "/simulations", body))[0] == 403
    await desk.hire("zhao", scopes=["finance"], funds=["610100"])
    assert await desk.refused("zhao", "/simulations", body) == (403, "all_funds_needed")
    answer = await desk.client.post("/v1/simulations", json=body, headers=desk.tokens["li"])
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_an_areas_office_simulates_what_its_funds_pay(desk: Office) -> None:
    """Of an area's office only what its own funds pay counts, in whole chains."""
    await desk.hire("area", scopes=["finance"], area_code="530100")
    whole, own = await simulated(desk, HIGHER), await simulated(desk, HIGHER, "area")
    assert 0 < own["persons"] < whole["persons"]
    cell = next(cell for cell in whole["cells"] if (cell["by"], cell["key"]) == ("area", "530100"))
    assert (own["persons"], own["bills"], own["total"]["reform"]) == (cell["persons"], cell["bills"], cell["reform"])


@pytest.mark.thorough
async def test_what_differs_is_explained_by_a_correction(database_server: str) -> None:
    """After a refund and a reversal everything is computed as it stands; only the later year differs that relied on
    a deductible which a correction gave back."""
    async with office(database_server, "2019-03-01T10:00:00+08:00") as desk:
        ids = []
        for _ in range(6):
            number = f"P{key()['Idempotency-Key'][:12]}"
            facts = {"name": "李某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
            await desk.world.put(f"/v1/persons/{number}", facts | {"identities": []})
            ids.append([await over_new_year(desk, number, seq) for seq in (1, 2)])
        answer = await simulated(desk, HEAD, **{"from": "2019-01-01", "to": "2019-12-31"})
        assert (answer["bills"], answer["stored_differs"]) == (12, {"bills": 0, "amount": "0.00"})
        refunded = {"lines": [{"line_no": 1, "quantity": "1"}], "reason": "退药", "cascade": True}
        await desk.do(None, f"/settlements/{ids[0][1]}/refunds", refunded)
        await desk.do(None, f"/settlements/{ids[1][1]}/reversal", {"reason": "x"})
        answer = await simulated(desk, HEAD, **{"from": "2019-01-01", "to": "2019-12-31"})
        assert (answer["bills"], answer["stored_differs"]) == (11, {"bills": 0, "amount": "0.00"})
        await desk.do(None, f"/settlements/{ids[2][0]}/refunds", refunded)  # its deductible was 200 yuan
        answer = await simulated(desk, HEAD, **{"from": "2019-01-01", "to": "2019-12-31"})
        assert answer["stored_differs"]["bills"] == 1
        assert answer["total"]["difference"] == "0.00"
        await desk.balanced()


async def over_new_year(desk: Office, person: str, seq: int, year: int = 2019) -> str:
    """A bill of a stay from December to January of a year: the first, of two lines of 100 yuan, takes the deductible
    that the second relies on."""
    days = (f"{year - 1}-12-20", f"{year - 1}-12-31") if seq == 1 else (f"{year}-01-01", f"{year}-01-10")
    lines = [desk.world.line("100.00", line_no=no, day=days[0], quantity="1") for no in (1, 2)]
    bill = desk.world.bill(
        "200.00",
        visit_id=f"ZY{person}",
        settle_seq=seq,
        interim=seq == 1,
        person_id=person,
        admitted_on=days[0],
        discharged_on=days[1],
        lines=lines,
    )
    return str((await desk.world.settled(bill))["settlement_id"])


@pytest.mark.thorough
async def test_a_killed_job_goes_on_where_it_was(database_server: str) -> None:
    """The job's process is killed when it has kept a bucket; the answer is that of a job that nobody killed."""
    async with office(database_server) as desk:
        for number in range(260):
            person = f"P{number:03d}{key()['Idempotency-Key'][:8]}"
            facts = {"name": "李某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
            await desk.world.put(f"/v1/persons/{person}", facts | {"identities": []})
            await desk.settled("5000.00", "2018-05-10", person_id=person)
        body = {"pack": "yunnan", "reform": HIGHER, "from": "2018-01-01", "to": "2018-12-31"}
        undisturbed = await simulated(desk, HIGHER, **{"from": "2018-01-01", "to": "2018-12-31"})
        connection = await asyncpg.connect(desk.url)
        try:
            await connection.execute(HELD_BEHIND_A_BUCKET)
            await connection.execute("SELECT pg_advisory_lock(4711)")
            made = await desk.do("li", "/simulations", body)
            number = int(made["job_id"].removeprefix("job_"))
            kept = await killed_behind_a_bucket(connection, number)
            job = await finished(desk, made["job_id"])
            attempts = await connection.fetchval("SELECT attempts FROM job WHERE job_id = $1", number)
        finally:
            await connection.close()
        assert 0 < kept < 260
        assert (job["state"], job["done"], attempts) == ("done", 260, 2)
        assert job["result"] == undisturbed


HELD_BEHIND_A_BUCKET = """
CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
CREATE TRIGGER held BEFORE UPDATE ON job FOR EACH ROW WHEN (OLD.done > 0 AND NEW.done > OLD.done)
  EXECUTE FUNCTION held()"""
"""A job that has kept a bucket waits for lock 4711 before it keeps the next."""


async def killed_behind_a_bucket(connection: asyncpg.Connection, number: int) -> int:
    """Kill the process of a job when it has kept something, and let go of its lock; how many persons it had kept."""
    for _ in range(20_000):
        row: Any = await connection.fetchrow("SELECT done, state FROM job WHERE job_id = $1", number)
        if row["done"]:
            for process in own_processes(f"app.serving.job {number} "):
                os.kill(process, signal.SIGKILL)
            kept = int(await connection.fetchval("SELECT done FROM job WHERE job_id = $1", number))
            await connection.execute("SELECT pg_advisory_unlock(4711)")
            return kept
        await asyncio.sleep(0.002)
    raise AssertionError(row)
