"""Lists as files: what stands in them is what the pages answer, typed, summed, within reach; long ones by a job."""

import asyncio
import csv
import io
import os
import re
from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import asyncpg
import httpx
import msgspec
import openpyxl
import pytest

from app.config import Settings
from app.database.engine import open_database
from app.exports.lists import LISTS
from app.jobs.store import drop_results
from app.service.caller import Service
from app.service.columns import BESIDE
from app.service.export import Column, CsvList, XlsxList
from app.service.security import derive_keys
from app.service.words import CODES, has_words, worded
from app.tiers.policy import PolicyBook
from tests.clearing.office import Office, office
from tests.world import id_number, key

ENDED = ("done", "failed", "cancelled")
LONG = int(os.environ.get("ONESTOP_EXPORT_ROWS", "25000"))
"""Rows of a list that is too long to be had at once, in units of 25,000."""
PAGES = {
    "statements": "/clearing/statements",
    "disbursements": "/disbursements",
    "prepayments": "/prepayments",
    "deposit-releases": "/deposit-releases",
    "reconciliations": "/clearing/reconciliations",
    "differences": "/clearing/differences",
    "deductions": "/clearing/deductions",
    "patient-balances": "/patient-balances",
    "settlements": "/settlements",
    "payout-rates": "/payout-rates",
    "registry-lists": "/registry/lists",
    "uninsured-poor": "/registry/uninsured-poor",
    "readjudication-candidates": "/registry/readjudication-candidates",
    "unknown-codes": "/catalogue/unknown-codes",
}
LEFT_OUT = {
    "disbursements": {"others"},
    "settlements": {
        *("payables", "year_to_date", "policy.digest", "policy.assumed", "warnings", "digest", "summary", "trace"),
        *("lines", "quote_id", "expires_at", "receivable", "comparison", "adjustments", "years"),
    },
}
EVIL = '=HYPERLINK("http://x";"y")'


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office with something in every list, on 10 January 2019. Its tests only read."""
    async with office(database_server, "2018-05-20T10:00:00+08:00") as opened:
        await _fill(opened)
        yield opened


async def _fill(desk: Office) -> None:
    world = desk.world
    await world.put(
        f"/v1/persons/{'9' * 20}",
        {"name": "王某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390", "identities": []},
    )
    poor = [{"class": "registered_poor", "from": "2016-01-01"}]
    uninsured = {"name": "赵某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
    dates = {"insured_from": "2016-01-01", "insured_until": "2017-01-01"}
    await world.put("/v1/persons/P0", uninsured | dates | {"identities": poor})
    settled = [await desk.settled(amount, "2018-05-10") for amount in ("1000.00", "250.00", "19.99")]
    await desk.settled("88.00", "2018-05-11", person_id="9" * 20)
    unknown = world.line("12.34", item_code="NOWHERE", day="2018-05-12", name=EVIL)
    await desk.settled("12.34", "2018-05-12", lines=[unknown])
    await desk.do(None, f"/settlements/{settled[2]['settlement_id']}/reversal", {"reason": EVIL, "cascade": True})
    await desk.client.post(
        "/v1/registry/imports",
        params={"area_code": "530000"},
        content="身份证号,姓名,人员类别,认定日期\n".encode(),
        headers=key() | {"Content-Type": "text/csv"},
    )
    await desk.at("2018-06-05")
    prepaid = {
        "hospital_code": world.township,
        "area_code": "530100",
        "fund": "390100",
        "amount": "100.00",
        "year": 2018,
    }
    await desk.do("li", "/prepayments", prepaid)
    statement = await desk.declared("2018-05")
    path = f"/clearing/statements/{statement['statement_id']}"
    wrong = {"statement_id": statement["statement_id"], "totals": [{"fund": "390100", "count": 1, "amount": "1.00"}]}
    compared = await desk.do("li", "/clearing/reconciliations", wrong)
    for found in compared["differences"]:
        await desk.do("wang", f"/clearing/differences/{found['difference_id']}/resolution", {"reason": "已核对"})
    claim = {"settlement_id": settled[0]["settlement_id"], "fund": "390100", "amount": "10.00"}
    made = await desk.do("li", f"{path}/deductions", claim | {"reason_code": "01", "reason": EVIL})
    await desk.do("hospital", f"/clearing/deductions/{made['deduction_id']}/acceptance")
    approved = await desk.do("wang", f"{path}/approval", {})
    order = await desk.ordered(approved, deposit_rate="0.0500")
    await desk.paid(await desk.sent(order), "2018-06-05", "300.00")
    poor_no_more = {"name": "李某", "id_number": world.id_number, "area_code": "530127", "insurance_type": "390"}
    await world.put(f"/v1/persons/{world.person}", poor_no_more | {"identities": []})
    await desk.at("2019-01-10")
    released = {name: prepaid[name] for name in ("hospital_code", "area_code", "fund", "year")}
    await desk.do("li", "/deposit-releases", released | {"assessed_ratio": "0.9000", "reason": "考核"})


async def file_of(
    desk: Office, name: str, form: str, who: str | None = None, *, language: str = "zh-CN", **query: Any
) -> httpx.Response:
    """GET an export."""
    headers = (desk.tokens[who] if who is not None else {}) | {"Accept-Language": language}
    return await desk.client.get(f"/v1/exports/{name}", params=query | {"format": form}, headers=headers)


def read_xlsx(content: bytes) -> list[tuple[Any, ...]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.active is not None
    assert not [cell for row in book.active.iter_rows() for cell in row if cell.data_type == "f"]
    return list(book.active.iter_rows(values_only=True))


def read_csv(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def query_of(name: str) -> dict[str, Any]:
    return {"year": "2018"} if name == "payout-rates" else {}


def member(row: dict[str, Any], path: str) -> Any:
    value: Any = row
    for part in path.split("."):
        value = value[part]
    return value


def typed(value: Any, kind: str) -> Any:
    """What a reader of the workbook gets for a value of an answer."""
    if value is None:
        return None
    match kind:
        case "money" | "rate":
            return Decimal(value)
        case "date":
            return datetime.combine(date.fromisoformat(value), datetime.min.time())
        case "instant":
            return datetime.fromisoformat(value).replace(tzinfo=None)
        case "flag":
            return "是" if value else "否"
    return (
        "，".join(f"{worded('summary', name, 'zh')} {count}" for name, count in value.items())
        if isinstance(value, dict)
        else value
    )


def at(name: str) -> list[int]:
    """Where the list's own columns stand in a file, between which stand the names of codes."""
    places, place = [], 0
    for column in LISTS[name].columns:
        places.append(place)
        place += 1 + (column.path in BESIDE)
    return places


@pytest.mark.thorough
@pytest.mark.parametrize("name", PAGES)
async def test_a_file_holds_what_the_page_answers(desk: Office, name: str) -> None:
    """Row by row and cell by cell: amounts, rates and counts as numbers, days as days, ids as texts, and the sums
    below."""
    page = (await desk.get(PAGES[name], **query_of(name), **({} if name == "payout-rates" else {"limit": 100})))["data"]
    answer = await file_of(desk, name, "xlsx", **query_of(name))
    assert answer.status_code == 200, answer.text
    title, headings, *rows = read_xlsx(answer.content)
    columns = LISTS[name].columns
    paths, kinds = [column.path for column in columns], [column.kind for column in columns]
    assert str(title[0]).startswith(f"{LISTS[name].title['zh']}　条件：")
    places = at(name)
    assert [headings[place] for place in places] == [column.title["zh"] for column in columns]
    assert page
    money = [index for index, kind in enumerate(kinds) if kind == "money"]
    sums = rows.pop() if money else None
    assert len(rows) == len(page)
    for row, given in zip(rows, page, strict=True):
        for place, path, kind in zip(places, paths, kinds, strict=True):
            wanted, cell = typed(member(given, path), kind), row[place]
            if path in WORDED and isinstance(wanted, str):
                wanted = worded(path, wanted, "zh")
            shown = Decimal(str(cell)) if isinstance(wanted, Decimal) else cell
            assert shown == wanted, (name, path)
    if sums is not None:
        assert sums[0] == "合计"
        for index in money:
            amounts = [Decimal(member(given, paths[index]) or "0") for given in page]
            assert Decimal(str(sums[places[index]])) == sum(amounts, Decimal())


@pytest.mark.parametrize("name", PAGES)
async def test_both_formats_hold_the_same(desk: Office, name: str) -> None:
    """CSV has the same rows as texts, amounts with two decimals, and ends with the same sums."""
    page = (await desk.get(PAGES[name], **query_of(name), **({} if name == "payout-rates" else {"limit": 100})))["data"]
    title, headings, *rows = read_csv((await file_of(desk, name, "csv", **query_of(name))).content)
    columns = LISTS[name].columns
    assert title[0].startswith(f"{LISTS[name].title['zh']}　条件：")
    assert [headings[place] for place in at(name)] == [column.title["zh"] for column in columns]
    for row, given in zip(rows, page, strict=False):
        for cell, column in zip((row[place] for place in at(name)), columns, strict=True):
            value = member(given, column.path)
            plain = cell.lstrip("\t") if cell.startswith("\t") else cell.removeprefix("'")
            if column.kind in ("money", "date", "rate", "instant"):
                assert plain == (value or ""), (name, column.path)
    has_money = any(column.kind == "money" for column in columns)
    assert len(rows) == len(page) + has_money
    assert not has_money or rows[-1][0] == "合计"


WORDED = {column.path for one in LISTS.values() for column in one.columns if column.worded}
INSIDE = ("scope", "portions", "policy", "hospitals", "persons")


@pytest.mark.parametrize("name", LISTS)
def test_every_member_of_an_answer_is_a_column(name: str) -> None:
    """Nothing of a list is missing from its file but what is named here."""
    members: set[str] = set()
    for field in msgspec.structs.fields(LISTS[name].row):
        nested = [
            one
            for one in (field.type, *get_args(field.type))
            if isinstance(one, type) and issubclass(one, msgspec.Struct)
        ]
        parts = msgspec.structs.fields(nested[0]) if nested and field.name in INSIDE else ()
        members |= {f"{field.name}.{part.name}" for part in parts} or {field.name}
    shown = [column.path for column in LISTS[name].columns]
    assert set(shown) == members - LEFT_OUT.get(name, set())
    assert len(shown) == len(set(shown))


async def test_statement_items_lead_down_to_settlements(desk: Office) -> None:
    """The postings of one statement, its sum the statement's own."""
    statement = (await desk.get("/clearing/statements"))["data"][0]
    answer = await file_of(desk, "statement-items", "xlsx", statement_id=statement["statement_id"])
    _, _, *rows, sums = read_xlsx(answer.content)
    assert len(rows) > 3
    assert Decimal(str(sums[-1])) == Decimal(statement["amount"])
    missing = await file_of(desk, "statement-items", "xlsx")
    assert (missing.status_code, missing.json()["errors"][0]["pointer"]) == (422, "/query/statement_id")
    assert (await file_of(desk, "statement-items", "csv", statement_id="stm_999999")).status_code == 404


async def test_an_accounts_history_ends_with_its_movements(desk: Office) -> None:
    """Debits and credits are summed; balances, of which a sum says nothing, are not."""
    account = f"area:530100/fund:390100/payable/hospital:{desk.world.township}"
    page = (await desk.get("/ledger/entries", account=account, limit=100))["data"]
    _, _, *rows, sums = read_xlsx((await file_of(desk, "ledger-entries", "xlsx", "li", account=account)).content)
    columns = LISTS["ledger-entries"].columns
    named = {column.path: sums[place] for column, place in zip(columns, at("ledger-entries"), strict=True)}
    assert [row[0] for row in rows] == [entry["transfer_id"] for entry in page]
    assert Decimal(str(named["debit"])) == sum(Decimal(entry["debit"]) for entry in page)
    assert named["balance"] is None


async def test_filters_are_those_of_the_page_and_stand_in_the_header(desk: Office) -> None:
    """One hospital's unpaid, overdue orders; and a header that says so."""
    query = {"hospital_code": desk.world.township, "fund": "390100", "overdue": "true"}
    title, _, *rows = read_csv((await file_of(desk, "disbursements", "csv", **query)).content)
    assert "医疗机构 " + desk.world.township in title[0]
    assert "基金 390100 基本医保" in title[0]
    assert "逾期 是" in title[0]
    assert "导出时间：2019-01-10 10:00" in title[0]
    assert len(rows) == 2
    assert len(read_csv((await file_of(desk, "disbursements", "csv", overdue="false")).content)) == 3
    days = {"from": "2018-05-01", "to": "2018-05-31", "person_id": "9" * 20}
    title, _, *rows = read_csv((await file_of(desk, "settlements", "csv", **days)).content)
    assert "起始日 2018-05-01；截止日 2018-05-31" in title[0]
    assert len(rows) == 2


async def test_a_file_is_in_its_readers_language_with_names_beside_codes(desk: Office) -> None:
    """Chinese or English words for states and kinds, the hospital's and the fund's name beside their codes."""
    name = {"hospital_code": desk.world.township}
    _, heads, *rows = read_csv((await file_of(desk, "disbursements", "csv", **name)).content)
    first = dict(zip(heads, rows[0], strict=True))
    hospital = (await desk.get(f"/hospitals/{desk.world.township}"))["name"]
    assert (first["医疗机构编码"], first["医疗机构"]) == (desk.world.township, hospital)
    assert (first["基金"], first["基金名称"]) in {("390100", "基本医保"), ("610100", "医疗救助")}
    assert {row[heads.index("状态")] for row in rows[:-1]} <= {"草稿", "部分支付", "已送银行", "已批准"}
    assert not any(re.fullmatch(r"[a-z]+_[a-z_]+", cell) for row in rows for cell in row)
    title, heads, *rows = read_csv((await file_of(desk, "disbursements", "csv", language="en")).content)
    assert title[0].startswith("Orders　Filters: none")
    assert {row[heads.index("State")] for row in rows[:-1]} <= {"Draft", "Part paid", "Sent", "Approved"}
    assert rows[-1][0] == "Total"


async def test_one_chooses_the_columns(desk: Office) -> None:
    """In the list's order, sums below them; a column that the list hasn't is refused."""
    chosen = {"columns": "amount,disbursement_id,fund"}
    _, heads, *rows = read_csv((await file_of(desk, "disbursements", "csv", **chosen)).content)
    assert heads == ["拨付单号", "基金", "基金名称", "金额"]
    assert Decimal(rows[-1][3]) == sum(Decimal(row[3]) for row in rows[:-1])
    refused = await file_of(desk, "disbursements", "csv", columns="amount,password")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/query/columns")
    wanted = {"list": "disbursements", "format": "csv", "columns": ["amount", "password"]}
    refused = await desk.send("li", "/exports", wanted)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/columns")


def _values(type_: Any) -> set[str]:
    """The values that a member can have, where its type names them."""
    if isinstance(type_, type) and issubclass(type_, Enum):
        return {str(one.value) for one in type_}
    if get_origin(type_) is Literal:
        return set(get_args(type_))
    return {value for one in get_args(type_) for value in _values(one)}


@pytest.mark.parametrize("name", LISTS)
def test_every_value_that_a_list_names_has_its_words(name: str) -> None:
    """No state, kind or outcome is shown by the name that programs have for it."""
    shown = {column.path for column in LISTS[name].columns}
    for field in msgspec.structs.fields(LISTS[name].row):
        for value in _values(field.type) if field.name in shown else ():
            assert has_words(field.name), (name, field.name)
            assert field.name in CODES or worded(field.name, value, "zh") != value, (name, field.name, value)


async def test_what_is_no_filter_is_refused_with_its_place(desk: Office) -> None:
    """Every fault at once, each with its pointer; an unknown list isn't there, an unknown format is refused."""
    answer = await file_of(desk, "disbursements", "xlsx", overdue="maybe", state="lost", fundd="1")
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"/query/overdue", "/query/state", "/query/fundd"}
    assert (await file_of(desk, "nothing", "xlsx")).status_code == 404
    assert (await file_of(desk, "disbursements", "pdf")).status_code == 422
    wrong = {"list": "disbursements", "format": "csv", "filters": {"year": 1}}
    refused = await desk.send("li", "/exports", wrong)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/filters/year")
    assert await desk.refused("li", "/exports", {"list": "nothing"}) == (422, "not_in_list")


async def test_nothing_in_a_file_is_a_formula_and_codes_keep_their_digits(desk: Office) -> None:
    """A text that begins like a formula stays a text in both formats; twenty digits don't become a number."""
    workbook = read_xlsx((await file_of(desk, "deductions", "xlsx")).content)
    assert EVIL in [cell for row in workbook for cell in row]
    lines = read_csv((await file_of(desk, "deductions", "csv")).content)
    assert f"'{EVIL}" in lines[2]
    person = {"person_id": "9" * 20}
    assert "9" * 20 in read_xlsx((await file_of(desk, "settlements", "xlsx", **person)).content)[2]
    assert "\t" + "9" * 20 in read_csv((await file_of(desk, "settlements", "csv", **person)).content)[2]


async def test_a_file_reaches_what_its_reader_reaches(desk: Office) -> None:
    """A hospital gets its own, a fund's owner that fund's, a scope its lists; and the catalogue of lists says which."""
    await desk.hire("elsewhere", scopes=["hospital"], hospital_code=desk.world.county)
    await desk.hire("civil", scopes=["finance"], funds=["610100"])
    await desk.hire("clerk", scopes=["registry"])
    assert len(read_csv((await file_of(desk, "settlements", "csv", "hospital")).content)) > 4
    assert len(read_csv((await file_of(desk, "settlements", "csv", "elsewhere")).content)) == 3
    assert len(read_csv((await file_of(desk, "disbursements", "csv", "li")).content)) == 4
    assert len(read_csv((await file_of(desk, "disbursements", "csv", "civil")).content)) == 3
    refused = await file_of(desk, "disbursements", "csv", "clerk")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden_scope")
    known = {one["list"] for one in (await desk.get("/exports", "clerk"))["data"]}
    answered_for = {"claims", "deductions"}  # the registering office answers for a person whose claim is cut
    assert known == {"registry-lists", "uninsured-poor", "readjudication-candidates", "unknown-codes"} | answered_for


async def ended(desk: Office, job_id: str, who: str | None) -> dict[str, Any]:
    """A job once it has ended."""
    for _ in range(1200):
        job = await desk.get(f"/jobs/{job_id}", who)
        if job["state"] in ENDED:
            return job
        await asyncio.sleep(0.1)
    raise AssertionError("the job did not end")


async def test_a_job_gives_the_same_file_to_its_asker_alone(desk: Office) -> None:
    """Asked for once, written within the asker's funds, kept encrypted, found by nobody else, dropped after its
    days."""
    await desk.hire("treasury", scopes=["finance"], funds=["390100"])
    wanted = {"list": "disbursements", "format": "csv", "filters": {"fund": "390100"}}
    queued = await desk.send("treasury", "/exports", wanted)
    assert queued.status_code == 202, queued.text
    job_id = queued.json()["job_id"]
    assert queued.headers["location"] == f"/v1/jobs/{job_id}"
    job = await ended(desk, job_id, "treasury")
    assert (job["state"], job["done"], job["total"], job["kind"]) == ("done", 1, 1, "export")
    assert job["options"] == wanted | {"language": "en"}

    path = f"/v1/jobs/{job_id}/result"
    result = await desk.client.get(path, headers=desk.tokens["treasury"])
    assert result.headers["content-type"].startswith("text/csv")
    assert f'filename="disbursements-{job_id}.csv"' in result.headers["content-disposition"]
    direct = await file_of(desk, "disbursements", "csv", "treasury", language="en", fund="390100")
    assert result.content == direct.content
    for who in ("li", "wang"):
        assert (await desk.client.get(path, headers=desk.tokens[who])).status_code == 404
        assert (await desk.client.get(f"/v1/jobs/{job_id}", headers=desk.tokens[who])).status_code == 404
    assert (await desk.client.get(path)).status_code == 404
    await desk.hire("treasury", scopes=["finance"], funds=["610100"])
    assert (await desk.client.get(path, headers=desk.tokens["treasury"])).status_code == 404


async def test_a_kept_file_is_encrypted_and_dropped_after_its_days(desk: Office) -> None:
    """Neither a name nor the format can be read in the database; later the result is said to be expired."""
    queued = await desk.do("li", "/exports", {"list": "settlements", "format": "xlsx"})
    job_id = queued["job_id"]
    assert (await ended(desk, job_id, "li"))["state"] == "done"
    path = f"/v1/jobs/{job_id}/result"
    headers = desk.tokens["li"]
    assert len(read_xlsx((await desk.client.get(path, headers=headers)).content)) > 5
    owner = await asyncpg.connect(desk.url)
    database = await open_database(desk.url, Settings(pool_size=1, hot_pool_size=1))
    try:
        number = int(job_id.removeprefix("job_"))
        stored = await owner.fetchval("SELECT content FROM job_file WHERE job_id = $1 AND part_no = 0", number)
        assert b"PK\x03\x04" not in stored
        service = Service(Settings(), database, PolicyBook({}), derive_keys(b"x" * 32), True)
        await drop_results(service)
        assert (await desk.client.get(path, headers=headers)).status_code == 200
        await owner.execute("UPDATE job SET ended_at = ended_at - interval '8 days' WHERE job_id = $1", number)
        await drop_results(service)
    finally:
        await database.close()
        await owner.close()
    gone = await desk.client.get(path, headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (404, "result_expired")


async def test_a_job_ends_with_the_token_that_it_reads_for(desk: Office) -> None:
    """An export whose asker's token was revoked before it ran fails, and says why."""
    owner = await asyncpg.connect(desk.url)
    try:
        number = await owner.fetchval(
            """INSERT INTO job (kind, options, area_code, file_digest, subject, request_id, received_at) VALUES
               ('export', $1, '', '', 'li', 'test', now()) RETURNING job_id""",
            msgspec.json.encode(
                {
                    "list": "disbursements",
                    "format": "csv",
                    "filters": {},
                    "asker": {"token_id": 999_999, "scopes": ["finance"], "funds": None},
                }
            ).decode(),
        )
    finally:
        await owner.close()
    job = await ended(desk, f"job_{number}", "li")
    assert job["state"] == "failed"
    assert [fault["code"] for fault in job["faults"]] == ["token_invalid"]
    unready = await desk.client.get(f"/v1/jobs/job_{number}/result", headers=desk.tokens["li"])
    assert (unready.status_code, unready.json()["code"]) == (409, "result_not_ready")
    await desk.do("li", f"/jobs/job_{number}/cancellation")
    assert (await desk.get(f"/jobs/job_{number}", "li"))["state"] == "cancelled"


async def test_a_hospital_has_no_jobs(desk: Office) -> None:
    """It narrows its list and downloads it."""
    assert await desk.refused("hospital", "/exports", {"list": "settlements"}) == (403, "export_needs_office")


@pytest.mark.thorough
async def test_a_long_list_is_a_job(database_server: str) -> None:
    """At once they are too many; the job counts its rows as it goes on, can be given up, and gives every row in both
    formats."""
    async with office(database_server) as desk:
        await _add_candidates(desk, LONG)
        refused = await file_of(desk, "readjudication-candidates", "csv", "li")
        assert (refused.status_code, refused.json()["code"]) == (413, "export_too_long")
        wanted = {"list": "readjudication-candidates"}
        jobs = [
            (await desk.do("li", "/exports", wanted | {"format": form}))["job_id"] for form in ("csv", "xlsx", "csv")
        ]
        await desk.do("li", f"/jobs/{jobs[2]}/cancellation")
        counts = set()
        while (job := await desk.get(f"/jobs/{jobs[0]}", "li"))["state"] not in ENDED:
            counts.add(job["done"])
            await asyncio.sleep(0.05)
        assert (job["state"], job["total"]) == ("done", LONG)
        assert counts - {0, LONG}
        assert (await ended(desk, jobs[1], "li"))["total"] == LONG
        results = [await desk.client.get(f"/v1/jobs/{one}/result", headers=desk.tokens["li"]) for one in jobs]
        assert [result.status_code for result in results] == [200, 200, 409]
        lines = read_csv(results[0].content)
        assert len(lines) == len({tuple(line) for line in lines}) == LONG + 3  # two lines of headings, one of sums
        book = openpyxl.load_workbook(io.BytesIO(results[1].content), read_only=True)
        assert book.active is not None
        assert sum(1 for _ in book.active.iter_rows(values_only=True)) == LONG + 3


async def _add_candidates(desk: Office, rows: int) -> None:
    owner = await asyncpg.connect(desk.url)
    persons = [f"P{number}" for number in range(rows // 25_000)]
    for person_id in persons:
        body = {
            "name": "甲",
            "id_number": id_number(),
            "area_code": "530127",
            "insurance_type": "390",
            "identities": [],
        }
        await desk.world.put(f"/v1/persons/{person_id}", body)
    try:
        await owner.execute(
            """INSERT INTO readjudication_candidate (person_id, benefit_year, reason, subject, request_id)
               SELECT p, y, 'person_changed', 'test', 'test' FROM unnest($1::text[]) p, generate_series(1, 25000) y""",
            persons,
        )
    finally:
        await owner.close()


def test_the_sums_of_a_file_are_exact() -> None:
    """A cent more or less in ten thousand rows would be seen: sums are of integer fen."""
    columns = [Column("编号"), Column("金额", "money")]
    file = io.BytesIO()
    written = CsvList(file, columns, "清单")
    written.add([str(number), 1] for number in range(10_000))
    written.add([["x", None], ["y", -3]])
    written.close()
    assert read_csv(file.getvalue())[-1] == ["合计", "99.97"]
    file = io.BytesIO()
    book = XlsxList(file, columns, "清单")
    book.add([str(number), 33] for number in range(1_000))
    book.close()
    assert read_xlsx(file.getvalue())[-1] == ("合计", 330)
