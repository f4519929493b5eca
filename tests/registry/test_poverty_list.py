"""The poverty list over HTTP: files as people have them, matched, applied once, resumed after a crash."""

import asyncio
import csv
import io
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from openpyxl import Workbook, load_workbook

from app.config import Settings
from app.database.engine import open_database
from app.jobs import store
from app.service.caller import Service
from app.service.security import blind_index, derive_keys
from app.tiers.policy import PolicyBook
from tests.conftest import ADMIN_TOKEN, Running, TokenFactory, migrated_database, start_service
from tests.world import World, id_number, key

pytestmark = pytest.mark.thorough

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEADINGS = ("身份证号", "姓名", "人员类别", "认定日期")
ENDED = ("done", "failed", "cancelled", "proposed")


def csv_file(rows: list[tuple[object, ...]], *, headings: tuple[str, ...] = HEADINGS, encoding: str = "utf-8") -> bytes:
    """A CSV file with headings."""
    text = io.StringIO()
    csv.writer(text).writerows([headings, *rows])
    return text.getvalue().encode(encoding)


def xlsx_file(rows: list[tuple[object, ...]], *, headings: tuple[str, ...] = HEADINGS) -> bytes:
    """A workbook with headings."""
    book = Workbook()
    for row in (headings, *rows):
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


async def uploaded(
    client: httpx.AsyncClient, content: bytes, *, type_: str = "text/csv", **query: str
) -> httpx.Response:
    """Send a list of the province with a fresh key."""
    query = {"area_code": "530000"} | query
    return await client.post(
        "/v1/registry/imports", params=query, content=content, headers=key() | {"Content-Type": type_}
    )


async def ended(client: httpx.AsyncClient, answer: httpx.Response, **query: Any) -> dict[str, Any]:
    """The job of an upload once it has ended, with its first hundred rows."""
    assert answer.status_code == 202, answer.text
    for _ in range(1200):
        shown = await client.get(answer.headers["Location"], params={"limit": 100} | query)
        assert shown.status_code == 200, shown.text
        job: dict[str, Any] = shown.json()
        if job["state"] in ENDED:
            return job
        await asyncio.sleep(0.05)
    raise AssertionError("the job did not end")


async def imported(client: httpx.AsyncClient, rows: list[tuple[object, ...]], **query: str) -> dict[str, Any]:
    """The ended job of a CSV list."""
    return await ended(client, await uploaded(client, csv_file(rows), **query))


async def person(
    client: httpx.AsyncClient, identities: list[dict[str, str]] | None = None, **changes: Any
) -> dict[str, Any]:
    """A registered person of a name and an id number of its own."""
    body = {
        "name": f"张{secrets.token_hex(6)}",
        "id_number": id_number(),
        "area_code": "530127",
        "insurance_type": "390",
        "identities": identities or [],
    } | changes
    person_id = f"P{secrets.token_hex(6).upper()}"
    answer = await client.put(f"/v1/persons/{person_id}", json=body)
    assert answer.status_code == 200, answer.text
    return body | {"person_id": person_id}


async def identities(client: httpx.AsyncClient, who: dict[str, Any]) -> list[dict[str, Any]]:
    """The identities that hold."""
    shown: list[dict[str, Any]] = (await client.get(f"/v1/persons/{who['person_id']}")).json()["identities"]
    return shown


def outcomes(job: dict[str, Any]) -> list[tuple[int, str, str | None]]:
    """Row, outcome, reason."""
    return [(row["row"], row["outcome"], row["reason"]) for row in job["rows"]]


async def test_a_list_gives_each_row_an_outcome(client: httpx.AsyncClient) -> None:
    """Matched, unmatched, conflicting, duplicate and malformed rows are told apart, with row number and reason."""
    known, other, twin = await person(client), await person(client), await person(client)
    wrong = known["id_number"][:17] + ("1" if known["id_number"][17] != "1" else "2")
    job = await imported(
        client,
        [
            (known["id_number"].lower(), known["name"], "建档立卡", "2016-01-01"),
            (id_number(), "无此人", "低保", "2018/1/1"),
            (other["id_number"], "别的姓名", "低保", ""),
            (known["id_number"], known["name"], "registered_poor", "20170101"),
            (wrong, known["name"], "低保", ""),
            (twin["id_number"], "", "富裕", ""),
            (twin["id_number"], "", "2303", "昨天"),
        ],
    )
    assert job["state"] == "done", job
    assert outcomes(job) == [
        (2, "matched", None),
        (3, "unmatched", "person_not_found"),
        (4, "conflicting", "name_differs"),
        (5, "duplicate", "row_repeated"),
        (6, "malformed", "id_number_invalid"),
        (7, "malformed", "class_unknown"),
        (8, "malformed", "day_invalid"),
    ]
    assert job["summary"] == {"matched": 1, "unmatched": 1, "conflicting": 1, "duplicate": 1, "malformed": 3}
    assert job["rows"][0]["reference"] == known["person_id"]
    assert job["rows"][5]["field"] == "class"
    assert all(row["message"] for row in job["rows"][1:])
    assert (job["done"], job["total"]) == (7, 7)
    assert await identities(client, known) == [
        {"class": "registered_poor", "from": "2016-01-01", "until": None, "evidence": f"poverty_list {job['job_id']}"}
    ]
    assert await identities(client, other) == await identities(client, twin) == []


async def test_the_same_list_again_changes_nothing(client: httpx.AsyncClient, connection: Any) -> None:
    """A second upload of a file finds everything known; the same request again is answered from memory."""
    who = await person(client)
    content = csv_file([(who["id_number"], who["name"], "低保", "2018-01-01")])
    headers = key() | {"Content-Type": "text/csv"}
    first = await client.post("/v1/registry/imports?area_code=530000", content=content, headers=headers)
    again = await client.post("/v1/registry/imports?area_code=530000", content=content, headers=headers)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert again.headers["Location"] == first.headers["Location"]
    await ended(client, first)
    count = "SELECT count(*) FROM identity WHERE person_id = $1"
    assert await connection.fetchval(count, who["person_id"]) == 1
    job = await ended(client, await uploaded(client, content))
    assert outcomes(job) == [(2, "matched", "already_known")]
    assert await connection.fetchval(count, who["person_id"]) == 1
    other = await client.post("/v1/registry/imports?kind=exit&area_code=530000", content=content, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_an_earlier_day_corrects_and_keeps_the_history(client: httpx.AsyncClient, connection: Any) -> None:
    """A list with an earlier first day supersedes the identity; one that overlaps an ended identity conflicts."""
    late = await person(client, [{"class": "low_income", "from": "2019-01-01"}])
    over = await person(client, [{"class": "low_income", "from": "2019-01-01", "until": "2020-01-01"}])
    rows = [(one["id_number"], one["name"], "低保", "2018-01-01") for one in (late, over)]
    job = await imported(client, rows)
    assert outcomes(job) == [(2, "matched", None), (3, "conflicting", "identity_overlap_list")]
    assert [one["from"] for one in await identities(client, late)] == ["2018-01-01"]
    kept = await connection.fetch(
        "SELECT superseded_by FROM identity WHERE person_id = $1 ORDER BY 1", late["person_id"]
    )
    assert [row[0] for row in kept] == ["admin", None]


async def test_without_an_id_number_name_and_birth_date_decide(client: httpx.AsyncClient) -> None:
    """One person of the name and birth date is the match, two are a conflict; another id number isn't overruled."""
    one, first = await person(client), await person(client)
    born = f"{first['id_number'][6:14]}"
    second = first["id_number"]
    while second == first["id_number"] or second[6:14] != born:
        second = born_on(born)
    await person(client, name=first["name"], id_number=second)
    unknown = born_on(one["id_number"][6:14])
    headings = ("证件号码", "姓名", "出生日期", "人员类别")
    content = csv_file(
        [
            ("", one["name"], one["id_number"][6:14], "低保"),
            ("", first["name"], f"{born[:4]}年{int(born[4:6])}月{int(born[6:])}日", "低保"),
            (unknown, one["name"], "", "建档立卡"),
            ("", one["name"], "", "低保"),
        ],
        headings=headings,
    )
    job = await ended(client, await uploaded(client, content))
    assert outcomes(job) == [
        (2, "matched", "by_name_and_birth"),
        (3, "conflicting", "several_persons"),
        (4, "conflicting", "id_number_differs"),
        (5, "malformed", "value_missing"),
    ]


def born_on(day: str) -> str:
    """An id number of somebody born on a day."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    body = f"530127{day}{secrets.randbelow(1000):03d}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11]


async def test_an_exit_keeps_the_benefits_and_a_correction_ends_them(
    client: httpx.AsyncClient, connection: Any
) -> None:
    """脱贫不脱政策: an exit only notes its day; 清退 ends the identity, from the first day on it removes it."""
    left = await person(client, [{"class": "registered_poor", "from": "2016-01-01"}])
    never = await person(client, [{"class": "registered_poor", "from": "2016-01-01"}])
    nobody = await person(client)
    exits = csv_file(
        [(one["id_number"], "建档立卡", "2020-12-31") for one in (left, nobody)],
        headings=("身份证号", "类别", "退出日期"),
    )
    for reason in (None, "already_known"):
        job = await ended(client, await uploaded(client, exits, kind="exit"))
        assert outcomes(job) == [(2, "matched", reason), (3, "unmatched", "no_such_identity")]
    exited = "SELECT exited_on::text, valid_until FROM identity WHERE person_id = $1 AND superseded_at IS NULL"
    assert tuple(await connection.fetchrow(exited, left["person_id"])) == ("2020-12-31", None)

    corrections = csv_file(
        [(left["id_number"], "建档立卡", "2021-06-01"), (never["id_number"], "建档立卡", "2016-01-01")],
        headings=("身份证号", "类别", "清退日期"),
    )
    for reason in (None, "already_known"):
        job = await ended(client, await uploaded(client, corrections, kind="correction"))
        assert outcomes(job) == [(2, "matched", reason), (3, "matched", reason)]
    assert [one["until"] for one in await identities(client, left)] == ["2021-06-01"]
    assert (await connection.fetchrow(exited, left["person_id"]))["exited_on"] == "2020-12-31"
    assert await identities(client, never) == []


async def test_what_touches_settled_bills_becomes_a_candidate(client: httpx.AsyncClient) -> None:
    """An identity that arrives late puts the settled year on the worklist until readjudicated; a later one doesn't."""
    late, after = await World(client).build([]), await World(client).build([])
    numbers = {world.person: id_number() for world in (late, after)}
    for world in (late, after):
        body = {"name": "李某", "id_number": numbers[world.person], "area_code": "530127", "insurance_type": "390"}
        await world.put(f"/v1/persons/{world.person}", body | {"identities": []})
        await world.settled(world.bill())
    await imported(
        client,
        [
            (numbers[late.person], "李某", "建档立卡", "2018-01-01"),
            (numbers[after.person], "李某", "建档立卡", "2018-05-03"),
        ],
    )
    found = await candidates(client)
    assert found[late.person, 2018] == "poverty_list_list"
    assert (after.person, 2018) not in found
    path, body = f"/v1/persons/{late.person}/years/2018/readjudication", {"reason": "名单晚到", "dry_run": False}
    done = await client.post(path, json=body, headers=key())
    assert [one["benefit_class"]["after"] for one in done.json()["changes"]] == ["registered_poor"]
    assert (late.person, 2018) not in await candidates(client)


async def candidates(client: httpx.AsyncClient) -> dict[tuple[str, int], str]:
    """The whole worklist: why, by person and year."""
    found, cursor = {}, {}
    while True:
        page = (await client.get("/v1/registry/readjudication-candidates", params={"limit": 100} | cursor)).json()
        found |= {(row["person_id"], row["year"]): row["reason"] for row in page["data"]}
        if not page["has_more"]:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_a_list_has_a_due_day_and_is_overdue_until_matched(client: httpx.AsyncClient, connection: Any) -> None:
    """A list is due seven days after its receipt; a refused file stays open, so overdue, until its job is cancelled."""
    who = await person(client)
    good = await imported(client, [(who["id_number"], who["name"], "低保", "")], received_on="2027-06-01")
    assert good["due_on"] == "2027-06-08"
    bad = await ended(client, await uploaded(client, b"x\n1\n", received_on="2027-06-02"))
    assert bad["state"] == "failed"

    async def overdue() -> set[str]:
        shown = (await client.get("/v1/registry/lists", params={"overdue": "true", "limit": 100})).json()["data"]
        return {row["job_id"] for row in shown}

    assert bad["job_id"] in await overdue()
    assert good["job_id"] not in await overdue()
    answer = await client.post(f"/v1/jobs/{bad['job_id']}/cancellation", headers=key())
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert bad["job_id"] not in await overdue()
    refused = await client.post(f"/v1/jobs/{good['job_id']}/cancellation", headers=key())
    assert (refused.status_code, refused.json()["code"]) == (409, "job_state")
    assert "onestop_oldest_open_list_seconds" in (await client.get("/metrics")).text
    assert await connection.fetchval("SELECT count(*) FROM job_file WHERE job_id = $1", int(bad["job_id"][4:])) == 0


async def test_registered_poor_whom_nobody_insures_are_listed(client: httpx.AsyncClient) -> None:
    """Who is registered poor today and not insured today is on the list; the subsidy is that of the day's law."""
    poor = [{"class": "registered_poor", "from": "2016-01-01"}]
    out = await person(client, poor, insured_from="2017-01-01", insured_until="2027-01-01")
    covered = await person(client, poor, insured_from="2017-01-01", insured_until="2028-01-01")
    ordinary = await person(client, insured_until="2027-01-01")
    shown = (await client.get("/v1/registry/uninsured-poor", params={"limit": 100})).json()["data"]
    rows = {row["person_id"]: row for row in shown}
    assert rows[out["person_id"]]["premium_subsidy"] == "400.00"
    assert rows[out["person_id"]]["class_since"] == "2016-01-01"
    assert not {covered["person_id"], ordinary["person_id"]} & rows.keys()


async def test_a_list_reaches_no_further_than_its_sender(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """An area's token imports its own area's list, and matches its own persons; a hospital's imports none."""
    far = await person(client, area_code="532601")
    ours = await token(scopes=["registry"], area_code="530100")
    content = csv_file([(far["id_number"], far["name"], "低保", "")])
    sent = {"content": content, "params": {"area_code": "530100"}}
    answer = await client.post("/v1/registry/imports", **sent, headers=key() | ours | {"Content-Type": "text/csv"})
    job = await ended(client, answer)
    assert outcomes(job) == [(2, "unmatched", "person_not_found")]
    elsewhere = await token(scopes=["registry"], area_code="532600")
    assert (await client.get(f"/v1/jobs/{job['job_id']}", headers=elsewhere)).status_code == 404
    assert (await client.get(f"/v1/jobs/{job['job_id']}", headers=ours)).status_code == 200
    for headers, status in (
        (elsewhere, 404),
        (await token(scopes=["registry"], hospital_code="H1"), 404),
        (await token(scopes=["hospital"], hospital_code="H1"), 403),
    ):
        headers = key() | headers | {"Content-Type": "text/csv"}
        assert (await client.post("/v1/registry/imports", **sent, headers=headers)).status_code == status
    nowhere = await client.post("/v1/registry/imports", content=content, headers=key() | {"Content-Type": "text/csv"})
    assert nowhere.json()["errors"][0]["pointer"] == "/area_code"


async def test_the_result_is_a_workbook(client: httpx.AsyncClient) -> None:
    """Every row's outcome can be taken home as XLSX; pages of the job show the same rows."""
    people = [await person(client) for _ in range(3)]
    job = await imported(client, [(one["id_number"], one["name"], "低保", "") for one in people])
    answer = await client.get(f"/v1/jobs/{job['job_id']}/result")
    assert answer.headers["content-type"] == XLSX
    sheet = load_workbook(io.BytesIO(answer.content)).active
    lines = list(sheet.iter_rows(min_row=2, values_only=True))
    assert [(line[0], line[1], line[4]) for line in lines] == [
        (row, "matched", one["person_id"]) for row, one in enumerate(people, 2)
    ]
    page = (await client.get(f"/v1/jobs/{job['job_id']}", params={"limit": 2})).json()
    more = await client.get(f"/v1/jobs/{job['job_id']}", params={"limit": 2, "cursor": page["next_cursor"]})
    assert page["rows"] + more.json()["rows"] == job["rows"]
    assert more.json()["has_more"] is False
    assert (await client.get("/v1/jobs/job_999999999")).status_code == 404
    assert (await client.get("/v1/jobs/7")).status_code == 404


async def test_rows_of_a_job_expire_and_the_job_stays(
    client: httpx.AsyncClient, database_url: str, connection: Any
) -> None:
    """Rows of jobs that ended longer ago than they are kept are deleted; summary and newer jobs stay."""
    people = [await person(client) for _ in range(2)]
    old, new = [await imported(client, [(one["id_number"], one["name"], "低保", "")]) for one in people]
    number = int(old["job_id"].removeprefix("job_"))
    await connection.execute("UPDATE job SET ended_at = now() - interval '401 days' WHERE job_id = $1", number)
    database = await open_database(database_url, Settings())
    try:
        service = Service(Settings(), database, PolicyBook({}), derive_keys(bytes(32)), False)
        deleted = await store.expire_rows(service)
    finally:
        await database.close()
    assert deleted <= 1  # the service that runs beside may have been faster
    shown = (await client.get(f"/v1/jobs/{old['job_id']}")).json()
    assert (shown["rows"], shown["summary"]) == ([], {"matched": 1})
    assert len((await client.get(f"/v1/jobs/{new['job_id']}")).json()["rows"]) == 1


# ---------------------------------------------------------------- crashes


def children(pid: int) -> list[int]:
    """The processes of jobs that a service runs now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"app.serving.job" in path.with_name("cmdline").read_bytes():
                found.append(int(path.parent.name))
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.parametrize(
    ("victim", "crashes"),
    [pytest.param("service", 1, marks=pytest.mark.soak), ("job", 1), pytest.param("nobody", 0, marks=pytest.mark.soak)],
)
async def test_a_killed_import_is_carried_on(database_server: str, tmp_path: Path, victim: str, crashes: int) -> None:
    """After kill -9 of the service or of the job's process amid applying, or a restart in good order, which is no
    crash, every row is applied exactly once."""
    url = await migrated_database(database_server)
    count = 4000
    process, base_url = start_service(url, tmp_path, ONESTOP_SECRET_KEY="ab" * 32)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    owner = await asyncpg.connect(url)
    try:
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
            people = await many_persons(client, owner, count)
            answer = await uploaded(client, csv_file([(number, "", "低保", "2018-01-01") for number in people]))
            applied = "SELECT count(*) FROM identity WHERE class = 'low_income'"
            while not await owner.fetchval(applied):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            _end(victim, process)
            before = await owner.fetchval("SELECT count(*) FROM identity WHERE class = 'low_income'")
        if victim == "service":
            await owner.execute("UPDATE job SET lease_until = clock_timestamp()")  # as if half a minute had gone by
        if victim != "job":
            process, base_url = start_service(url, tmp_path, ONESTOP_SECRET_KEY="ab" * 32)
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
            job = await ended(client, answer)
    finally:
        process.terminate()
        process.wait(30)
    assert 0 < before < count
    assert (job["state"], job["done"], job["summary"]) == ("done", count, {"matched": count})
    assert tuple(await owner.fetchrow("SELECT attempts, crashes FROM job")) == (2, crashes)
    rows = await owner.fetch("SELECT count(*) FROM identity WHERE class = 'low_income' GROUP BY person_id")
    assert [row[0] for row in rows] == [1] * count
    await owner.close()


def _end(victim: str, process: Running) -> None:
    """Kill the service or the job's process, or stop the service in good order."""
    if victim == "service":
        process.kill()
        process.wait()
    elif victim == "nobody":
        process.terminate()
        assert process.wait(30) == 0
    else:
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)


async def many_persons(client: httpx.AsyncClient, owner: Any, count: int) -> list[str]:
    """Persons put straight into the database, with the indexes that the service's key makes; their id numbers."""

    keys = derive_keys(bytes.fromhex("ab" * 32))
    numbers = list({id_number() for _ in range(count * 2)})[:count]
    await owner.executemany(
        """INSERT INTO person (person_id, name, id_number, id_number_index, area_code, insurance_type,
                               subject, request_id)
           VALUES ($1, '', '', $2, '530127', '390', 'test', 'test')""",
        [(f"P{place}", blind_index(keys, number)) for place, number in enumerate(numbers)],
    )
    return numbers


# ---------------------------------------------------------------- the command


async def test_the_command_imports_and_says_what_to_look_at(
    client: httpx.AsyncClient, service_url: str, tmp_path: Path
) -> None:
    """``onestop registry import`` shows rows by outcome, why some failed, a refused file and a refused token."""
    who = await person(client)
    path = tmp_path / "名单.csv"
    path.write_bytes(csv_file([(who["id_number"], who["name"], "低保", ""), ("1", "", "低保", "")], encoding="gb18030"))
    command = [sys.executable, "-m", "app.cli", "registry", "import", str(path), "--area-code", "530000"]
    environment = os.environ | {"ONESTOP_URL": service_url, "ONESTOP_TOKEN": ADMIN_TOKEN}

    async def run(*more: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *command, *more, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        printed, _ = await process.communicate()
        return process.returncode, printed.decode()

    code, printed = await run()
    assert code == 0, printed
    assert "已完成" in printed
    assert "matched  1" in printed
    assert "id_number_invalid" in printed
    path.write_text("姓名\n张三\n")
    code, printed = await run()
    assert (code, "缺少必需的列" in printed) == (1, True)
    code, printed = await run("--url", "http://127.0.0.1:9")
    assert (code, "无法访问" in printed) == (1, True)
    code, printed = await run("--token", "wrong")
    assert (code, "口令" in printed) == (1, True)
