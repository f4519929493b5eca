"""Stays over the turn of the year through the service: both years written by one settlement, corrected, replayed."""

import asyncio
import json
import os
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx
import pytest
from pypdf import PdfReader

from app.clearing.payout_base import plan_or_none
from app.config import Settings
from app.database.engine import open_database
from app.ledger import seal
from app.ledger.proof import CHECKS
from app.policies import SHIPPED, read_texts
from app.tiers.load import load_book
from tests.clearing.office import Office
from tests.clearing.test_one_fund import logged_in
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.nhsa.national import Hospital
from tests.settlement.split_model import SHOWN, SMALL, Charged, Kept, Years, some_bill
from tests.within import within
from tests.world import World, key

CLOCK = "manual:2021-06-01T10:00:00+08:00"
SEEDS = range(int(os.environ.get("ONESTOP_SPLIT_SEEDS", "25")))
OWED = """SELECT t.fund, t.benefit_year,
                 sum(CASE WHEN c.kind = 'payable' THEN t.amount ELSE -t.amount END)::bigint AS owed
            FROM transfer t JOIN account c ON c.account_id = t.credit_account
            JOIN settlement s USING (settlement_id) WHERE s.person_id = $1 GROUP BY 1, 2"""
YEARS = "SELECT benefit_year, entries, accumulators::text FROM person_year WHERE person_id = $1"


def packs(folder: Path) -> Path:
    """The shipped packs, and Taiyuan's with figures that small bills reach."""
    folder.mkdir(exist_ok=True)
    for path in SHIPPED.glob("*.yaml"):
        if not path.name.endswith(".cases.yaml"):
            (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    text = (SHIPPED / "schemes" / "taiyuan.yaml").read_text(encoding="utf-8")
    for one, other in SMALL:
        assert one in text
        text = text.replace(one, other)
    (folder / "taiyuan.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
async def own_url(database_server: str) -> str:
    """A database of its own, whose service has a pack that splits stays."""
    return await migrated_database(database_server)


@pytest.fixture(scope="module")
async def inside(own_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application in this very process."""
    folder = tmp_path_factory.mktemp("inside")
    async with within(own_url, folder, CLOCK, policy_dir=packs(folder / "packs")) as opened:
        yield opened


@pytest.fixture
async def served(database_server: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service of its own, which runs jobs."""
    url = await migrated_database(database_server)
    environment = {"ONESTOP_POLICY_DIR": str(packs(tmp_path / "packs")), "ONESTOP_CLOCK": CLOCK}
    process, base_url = start_service(url, tmp_path, **environment)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as opened:
        yield opened
    process.terminate()
    process.wait(30)


@pytest.fixture
async def own(own_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The database behind it."""
    connection = await asyncpg.connect(own_url)
    yield connection
    await connection.close()


async def taiyuan(client: httpx.AsyncClient) -> World:
    """A person insured in Taiyuan."""
    return await World(client).build([], area_code="140105")


def sent(world: World, bill: Kept, seq: int = 1, **changes: Any) -> dict[str, Any]:
    """A bill of the model as it is sent."""
    lines = [
        world.line(
            yuan(one.amount),
            kind="A" if one.covered else "C",
            line_no=number,
            day=one.day.isoformat(),
            quantity="2",
            unit_price=yuan(one.amount // 2),
        )
        for number, one in enumerate(bill.lines, 1)
    ]
    hospital = {1: world.township, 2: world.county, 3: world.province}[bill.level]
    return (
        world.bill(
            hospital_code=hospital,
            visit_id=bill.visit,
            settle_seq=seq,
            medical_type="21" if bill.inpatient else "11",
            admitted_on=bill.admitted.isoformat(),
            discharged_on=bill.discharged.isoformat(),
            lines=lines,
            total=yuan(sum(one.amount for one in bill.lines)),
        )
        | changes
    )


def yuan(fen: int) -> str:
    """Fen as the API writes them."""
    return f"{fen // 100}.{fen % 100:02d}"


def fen(amount: str) -> int:
    """An amount of the API in fen."""
    return int(amount.replace(".", ""))


def december(*lines: tuple[str, int], level: int = 1) -> Kept:
    """A stay from 20 December 2019 to 10 January 2020 with covered lines of a day and an amount."""
    charged = [Charged(date.fromisoformat(day), amount, True) for day, amount in lines]
    return Kept(f"ZY{secrets.token_hex(4)}", level, True, date(2019, 12, 20), date(2020, 1, 10), charged)


async def replayed(client: httpx.AsyncClient, shown: dict[str, Any]) -> None:
    """Every stored entry computes again to what it says."""
    answer = await client.post(f"/v1/settlements/{shown['settlement_id']}/replay", json={}, headers=key())
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["digest_matches"], told["result_matches"]) == (True, True), (shown["kind"], told)


async def test_one_settlement_writes_both_years(inside: httpx.AsyncClient, own: asyncpg.Connection) -> None:
    """The answer, the quote and the stored settlement show both years; each grows by its own part, each fund owes by
    year, and a reversal gives both back."""
    world = await taiyuan(inside)
    stay = december(("2019-12-21", 1200_00), ("2020-01-05", 600_00))
    quoted = (await inside.post("/v1/quotes", json=sent(world, stay))).json()
    shown = await world.settled(sent(world, stay, quote_id=quoted["quote_id"]))
    assert shown["benefit_year"] == 2020
    assert shown["portions"] == quoted["portions"]
    assert shown["portions"]["basic"] == "1120.00"  # (1200 − 200) × 70 % + 600 × 70 %
    older, newer = shown["years"]
    assert quoted["years"] == shown["years"]
    assert (older["benefit_year"], newer["benefit_year"]) == (2019, 2020)
    assert (older["portions"]["basic"], newer["portions"]["basic"]) == ("700.00", "420.00")
    assert (older["scope"]["in_scope"], newer["scope"]["in_scope"]) == ("1200.00", "600.00")
    assert older["payables"] == [{"fund": "390100", "tier": "basic", "amount": "700.00"}]
    assert shown["payables"] == [{"fund": "390100", "tier": "basic", "amount": "1120.00"}]
    assert newer["year_to_date"] == shown["year_to_date"]
    read = (await inside.get(f"/v1/settlements/{shown['settlement_id']}")).json()
    assert read["years"] == shown["years"]
    for year, part in ((2019, older), (2020, newer)):
        stored = await world.year(year)
        assert {name: stored[name] for name in SHOWN} == {name: part["year_to_date"]["after"][name] for name in SHOWN}
        assert stored["inpatient_count"] == (1 if year == 2019 else 0)
    owed = {(row["fund"], row["benefit_year"]): row["owed"] for row in await own.fetch(OWED, world.person)}
    assert owed == {("390100", 2019): 700_00, ("390100", 2020): 420_00}
    await replayed(inside, shown)
    path = f"/v1/settlements/{shown['settlement_id']}/reversal"
    back = await inside.post(path, json={"reason": "录入错误"}, headers=key())
    assert back.status_code == 201, back.text
    assert [part["portions"]["basic"] for part in back.json()["years"]] == ["-700.00", "-420.00"]
    await replayed(inside, back.json())
    again = await inside.post(path, json={"reason": "录入错误"}, headers=key())
    assert (again.status_code, again.json()["code"]) == (409, "already_reversed")
    for year in (2019, 2020):
        stored = await world.year(year)
        assert {stored[name] for name in SHOWN} == {"0.00"}
        assert stored["inpatient_count"] == 0
    assert {row["owed"] for row in await own.fetch(OWED, world.person)} == {0}


async def test_a_later_settlement_of_either_year_stands_in_the_way(inside: httpx.AsyncClient) -> None:
    """A bill of the older year can't be taken back below a split stay, nor the stay below a bill of the newer one; a
    cascade computes all of them again."""
    world = await taiyuan(inside)
    first = await world.settled(sent(world, december(("2019-12-21", 4000_00)), admitted_on="2019-12-20",
                                     discharged_on="2019-12-30"))  # fmt: skip
    split = await world.settled(sent(world, december(("2019-12-28", 1000_00), ("2020-01-02", 1000_00))))
    last = december(("2020-02-02", 800_00))
    later = await world.settled(sent(world, last, admitted_on="2020-02-01", discharged_on="2020-02-03"))
    for one, stands in ((first, [split, later]), (split, [later])):
        path = f"/v1/settlements/{one['settlement_id']}/reversal"
        refused = await inside.post(path, json={"reason": "错"}, headers=key())
        assert (refused.status_code, refused.json()["code"]) == (409, "later_settlements_exist")
        assert refused.json()["later"] == [item["settlement_id"] for item in stands]
    path = f"/v1/settlements/{first['settlement_id']}/reversal"
    back = await inside.post(path, json={"reason": "错", "cascade": True}, headers=key())
    assert back.status_code == 201, back.text
    (adjusted,) = back.json()["adjustments"]
    assert adjusted["of_settlement_id"] == split["settlement_id"]
    assert [part["benefit_year"] for part in adjusted["years"]] == [2019, 2020]
    for entry in (back.json(), adjusted):
        await replayed(inside, entry)


@pytest.mark.parametrize("seed", SEEDS)
async def test_random_years_are_what_a_plain_model_computes_from_nothing(
    inside: httpx.AsyncClient, own: asyncpg.Connection, seed: int
) -> None:
    """Amounts, accumulators of every year, what each fund owes for it: each as if computed anew after each operation;
    every entry replays, and a readjudication finds nothing."""
    rng, world, model = Random(seed), await taiyuan(inside), Years()
    ids: list[str] = []
    for _ in range(rng.randint(4, 10)):
        await one_step(rng, world, model, ids)
        await compare(own, world, model)
    for number, shown in enumerate(ids):
        rows = (await inside.get("/v1/settlements", params={"person_id": world.person, "limit": 100})).json()["data"]
        mine = [row for row in rows if shown in (row["settlement_id"], row.get("of_settlement_id"))]
        sums = {
            name: sum(fen(row["portions"][name]) for row in mine) for name in ("basic", "serious_illness", "patient")
        }
        expected = model.bills[number].portions()
        assert sums == {name: expected[name] for name in sums}, model.bills[number]
        for row in mine:
            await replayed(inside, row)
    for year in model.years:
        path = f"/v1/persons/{world.person}/years/{year}/readjudication"
        looked = await inside.post(path, json={"reason": "核对", "dry_run": True})
        assert looked.status_code == 200, looked.text
        assert looked.json()["changes"] == []


async def one_step(rng: Random, world: World, model: Years, ids: list[str]) -> None:
    """Settle a further bill, take one back, refund half of one of its lines, or learn the person's class late and
    readjudicate; in both."""
    live = [bill for bill in model.bills if bill.live]
    what = rng.choice(("settle", "settle", "reverse", "refund", "identify")) if live else "settle"
    if what == "settle":
        bill = some_bill(rng, model)
        seq = 1 + sum(one.visit == bill.visit for one in model.bills)
        model.settle(bill)
        ids.append((await world.settled(sent(world, bill, seq)))["settlement_id"])
        return
    if what == "identify":
        model.poor = not model.poor
        await identify(world, poor=model.poor)
        years = list(model.years)
        model.compute()
        for year in rng.sample(years, len(years)):
            await readjudicated(world, year)
        return
    bill = rng.choice(live)
    path = f"/v1/settlements/{ids[model.bills.index(bill)]}"
    if what == "reverse":
        path, body, bill.live = f"{path}/reversal", {"reason": "错"}, False
    else:
        number = rng.randrange(len(bill.lines))
        if bill.lines[number].refunded or not bill.lines[number].amount:
            return
        bill.lines[number].refunded = True
        path, body = f"{path}/refunds", {"reason": "退", "lines": [{"line_no": number + 1, "quantity": "1"}]}
    if model.later(bill):
        refused = await world.client.post(path, json=body, headers=key())
        assert (refused.status_code, refused.json()["code"]) == (409, "later_settlements_exist"), refused.text
    answer = await world.client.post(path, json=body | {"cascade": True}, headers=key())
    assert answer.status_code == 201, answer.text
    model.compute()


async def compare(own: asyncpg.Connection, world: World, model: Years) -> None:
    """The years and the ledger are what the model has."""
    stored = {row["benefit_year"]: json.loads(row["accumulators"]) for row in await own.fetch(YEARS, world.person)}
    for year in stored.keys() | model.years.keys():
        expected, found = model.of(year), stored.get(year, {})
        names = (*SHOWN, "inpatient_count")
        assert {name: found.get(name, 0) for name in names} == {name: expected[name] for name in names}, year
    owed = {(row["fund"], row["benefit_year"]): row["owed"] for row in await own.fetch(OWED, world.person)}
    assert Counter({one: amount for one, amount in owed.items() if amount}) == model.owed()


async def test_bills_of_both_years_at_once_wait_for_each_other(
    inside: httpx.AsyncClient, own: asyncpg.Connection
) -> None:
    """Split stays and bills of both years of one person sent together all settle, and spend each year's room once."""
    world = await taiyuan(inside)
    bills = [december(("2019-12-25", 900_00), ("2020-01-03", 900_00)) for _ in range(6)]
    requests = [sent(world, bill) for bill in bills]
    requests += [
        sent(world, december((day, 900_00)), admitted_on=day, discharged_on=day)
        for day in ("2019-11-01", "2020-02-01", "2019-11-02", "2020-02-02")
    ]
    answers = await asyncio.gather(*(world.settle(request) for request in requests))
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    for year in (2019, 2020):
        stored = await world.year(year)
        paid = [part for answer in answers for part in answer.json().get("years", [answer.json()])]
        mine = sum(fen(part["portions"]["basic"]) for part in paid if part["benefit_year"] == year)
        assert fen(stored["basic_paid"]) == mine <= 3000_00


async def identify(world: World, *, poor: bool) -> None:
    """Correct the person's class, from before every bill on."""
    identities = [{"class": "low_income", "from": "2016-01-01"}] if poor else []
    facts = {"name": "李某", "id_number": world.id_number, "area_code": "140105", "insurance_type": "390"}
    await world.put(f"/v1/persons/{world.person}", facts | {"identities": identities})


async def readjudicated(world: World, year: int) -> list[dict[str, Any]]:
    """The adjustments of a person-year that is computed again."""
    path = f"/v1/persons/{world.person}/years/{year}/readjudication"
    answer = await world.client.post(path, json={"reason": "名单晚到", "dry_run": False}, headers=key())
    assert answer.status_code == 201, answer.text
    adjustments: list[dict[str, Any]] = answer.json()["adjustments"]
    for adjusted in adjustments:
        await replayed(world.client, adjusted)
    return adjustments


async def test_a_run_counts_and_corrects_linked_years_once(served: httpx.AsyncClient) -> None:
    """Two years of a person that a split stay links are computed and posted with the first of them; the other one
    changes nothing more, and stands as the dry run said."""
    world = await taiyuan(served)
    day = {"admitted_on": "2019-11-02", "discharged_on": "2019-11-02"}
    await world.settled(sent(world, december(("2019-11-02", 900_00)), **day))
    split = await world.settled(sent(world, december(("2019-12-28", 1000_00), ("2020-01-02", 1000_00))))
    day = {"admitted_on": "2020-02-02", "discharged_on": "2020-02-02"}
    await world.settled(sent(world, december(("2020-02-02", 800_00)), **day))
    await identify(world, poor=True)
    headers = []
    for name in ("li", "wang"):
        made = {"subject": name + world.tag, "scopes": ["finance"]}
        answer = await served.post("/v1/tokens", json=made, headers=key())
        headers.append({"Authorization": f"Bearer {answer.json()['token']}"})
    wanted = {"reason": "名单晚到", "area_code": "140105", "source": "worklist"}
    run = (await served.post("/v1/readjudications", json=wanted, headers=headers[0] | key())).json()
    path = f"/v1/readjudications/{run['readjudication_id']}"
    found = await reached(served, path, "computed")
    dry = found["dry_run"]
    assert (dry["person_years"], dry["changed"], dry["unchanged"], dry["bills"]) == (2, 1, 1, 3)
    approved = await served.post(f"{path}/approval", headers=headers[1] | key())
    assert approved.status_code in (200, 201, 202), approved.text
    done = (await reached(served, path, "done"))["posting"]
    assert (done["posted"], done["unchanged"], done["changed_since"]) == (1, 1, 0)
    assert done["fund_total"] == dry["fund_total"]
    again = (await served.get(f"/v1/settlements/{split['settlement_id']}")).json()
    assert again["status"] == "adjusted"


async def reached(client: httpx.AsyncClient, path: str, state: str) -> dict[str, Any]:
    """A run once it is so far."""
    found: dict[str, Any] = {}
    for _ in range(600):
        found = (await client.get(path)).json()
        if found["state"] == state:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


def test_a_pack_without_a_plan_of_clearing_is_a_gap(tmp_path: Path) -> None:
    """An area whose pack says nothing of paying hospitals has no plan; the figures of all others are still shown."""
    folder = packs(tmp_path / "packs")
    book = load_book(read_texts(folder))
    assert plan_or_none(book, "140100", date(2021, 1, 31)) is None
    assert plan_or_none(book, "530100", date(2021, 1, 31)) is not None


async def test_a_claim_of_a_split_stay_is_one_for_each_year(inside: httpx.AsyncClient, own: asyncpg.Connection) -> None:
    """A stay that the person paid opens a claim for each fund and year; a reversal takes both back."""
    world = await taiyuan(inside)
    stay = december(("2019-12-21", 1200_00), ("2020-01-05", 600_00))
    shown = await world.settled(sent(world, stay, paid_by="patient"))
    query = "SELECT fiscal_year, fund, gross, state FROM claim WHERE person_id = $1 ORDER BY 1"
    claims = [tuple(row) for row in await own.fetch(query, world.person)]
    assert claims == [(2019, "390100", 700_00, "draft"), (2020, "390100", 420_00, "draft")]
    path = f"/v1/settlements/{shown['settlement_id']}/refunds"
    body = {"lines": [{"line_no": 1, "quantity": "1"}], "reason": "退"}
    assert (await inside.post(path, json=body, headers=key())).status_code == 201
    claims = [tuple(row) for row in await own.fetch(query, world.person)]
    assert claims == [(2019, "390100", 280_00, "draft"), (2020, "390100", 420_00, "draft")]
    path = f"/v1/settlements/{shown['settlement_id']}/reversal"
    assert (await inside.post(path, json={"reason": "错"}, headers=key())).status_code == 201
    claims = [tuple(row) for row in await own.fetch(query, world.person)]
    assert claims == [(2019, "390100", 0, "reversed"), (2020, "390100", 0, "reversed")]


async def test_the_slip_shows_both_years(inside: httpx.AsyncClient) -> None:
    """The slip has a row of portions for each year and both years' accumulators, as a page and as PDF."""
    world = await taiyuan(inside)
    shown = await world.settled(sent(world, december(("2019-12-21", 1200_00), ("2020-01-05", 600_00))))
    path = f"/v1/settlements/{shown['settlement_id']}/slip"
    page = (await inside.get(path)).text
    for text in ("跨年住院分年度", "2019 年部分", "2020 年部分", "2019 年度累计", "2020 年度累计", "2019、2020"):
        assert text in page
    pdf = await inside.get(path, headers={"Accept": "application/pdf"})
    text = "".join(one.extract_text() for one in PdfReader(BytesIO(pdf.content)).pages)
    for words in ("跨年住院分年度", "2019年度累计", "2020年度累计", "700.00", "420.00"):
        assert words in text.replace(" ", ""), text


async def test_both_parts_are_sealed_and_proven(
    inside: httpx.AsyncClient, own: asyncpg.Connection, own_url: str
) -> None:
    """A part of the older year that somebody edits or moves breaks the proof, and its seal."""
    world = await taiyuan(inside)
    shown = await world.settled(sent(world, december(("2019-12-21", 1200_00), ("2020-01-05", 600_00))))
    number = int(await own.fetchval("SELECT settlement_id FROM settlement_older WHERE person_id = $1", world.person))
    with pytest.raises(asyncpg.PostgresError):
        await own.execute("UPDATE settlement_older SET patient = patient + 1, basic = basic - 1")
    database = await open_database(own_url, Settings(pool_size=2, hot_pool_size=1))
    await seal.seal(database)
    sealed = "SELECT count(*) FROM seal_member WHERE source = 'settlement_older' AND row_id = $1"
    assert await own.fetchval(sealed, number) == 1
    await database.close()
    for change, breaks in (
        ("patient = patient + 1, basic = basic - 1", {"payable"}),
        ("benefit_year = benefit_year - 1", {"split", "year_to_date", "payable"}),
        ("delta = delta || jsonb_build_object('own_total', 1)", {"year_to_date"}),
        ("total = total + 1", {"bill"}),
    ):
        change = f"UPDATE settlement_older SET {change} WHERE settlement_id = {number}"
        transaction = own.transaction()
        await transaction.start()
        await own.execute("SET LOCAL session_replication_role = replica")
        await own.execute("ALTER TABLE settlement_older DROP CONSTRAINT settlement_older_conserves_portions")
        await own.execute("ALTER TABLE settlement_older DROP CONSTRAINT settlement_older_conserves_scope")
        await own.execute(change)
        found = {name for name, query in CHECKS.items() if await own.fetch(query)}
        await transaction.rollback()
        assert found == breaks, change
    assert shown["years"]


async def test_the_national_door_settles_and_cancels_a_split_stay(inside: httpx.AsyncClient) -> None:
    """A stay that comes by the national interface is settled in both years, quoted alike, and cancelled whole."""
    world = await taiyuan(inside)
    hospital = Hospital(world)
    mdtrt_id = await hospital.admitted(f"ZY{secrets.token_hex(4)}", begntime="2019-12-20 09:00:00")
    rows = (("1", "1200.00", "2019-12-21"), ("2", "600.00", "2020-01-05"))
    lines = [hospital.line(mdtrt_id, one, amount, fee_ocur_time=f"{day} 09:30:00") for one, amount, day in rows]
    await hospital.charged(mdtrt_id, *lines)
    await hospital.discharged(mdtrt_id, endtime="2020-01-10 10:00:00")
    quoted = await hospital.done("2303", hospital.settling("2303", mdtrt_id, "1800.00"))
    info = (await hospital.settled(mdtrt_id, "1800.00"))["setlinfo"]
    assert info["hifp_pay"] == quoted["setlinfo"]["hifp_pay"] == 1120
    shown = (await inside.get(f"/v1/settlements/{info['setl_id']}")).json()
    assert [part["portions"]["basic"] for part in shown["years"]] == ["700.00", "420.00"]
    await replayed(inside, shown)
    await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"]))
    for year in (2019, 2020):
        assert (await world.year(year))["basic_paid"] == "0.00"


async def test_the_page_of_a_settlement_shows_both_years(served: httpx.AsyncClient) -> None:
    """The page has a table of the parts and the accumulators of each year; the sums are the settlement's."""
    world = await taiyuan(served)
    shown = await world.settled(sent(world, december(("2019-12-21", 1200_00), ("2020-01-05", 600_00))))
    async with httpx.AsyncClient(verify=False, base_url=served.base_url, follow_redirects=True, timeout=60) as browser:
        await logged_in(Office(served, str(served.base_url)), browser, f"zhou{world.tag}", scopes=["finance"])
        page = (await browser.get(f"/finance/settlements/{shown['settlement_id']}")).text
    for text in ("跨年住院分年度", "年度累计（2019）", "年度累计（2020）"):
        assert text in page
    (table,) = re.findall(r'<section class="card" id="years">.*?</section>', page, re.DOTALL)
    for amount in ("700.00", "420.00", "1,120.00", "1,800.00", "1,200.00", "600.00"):
        assert amount in table
