"""Every operation × every kind of caller × things that aren't theirs and things that don't exist.

Nothing is shown to, and nothing is changed by, whoever it doesn't belong to; and what isn't theirs is answered like
what doesn't exist. A route that isn't in the table of ``tests/service/matrix.py`` fails."""

import asyncio
import json
import re
import secrets
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest
import yaml

from tests.clearing.office import Office, office
from tests.people import browser, person
from tests.registry.test_poverty_list import csv_file
from tests.service.matrix import OPERATIONS, Operation
from tests.service.page_walk import page_routes, walked
from tests.world import id_number, key

ROOT: Final = Path(__file__).parent.parent.parent
PARAMETER: Final = re.compile(r"\{(\w+)\}")
ELSEWHERE: Final = "532600"
METHODS: Final = frozenset({"get", "put", "post", "delete", "patch"})
# What is written down of every request, whoever sends it.
OF_REQUESTS: Final = frozenset(
    {
        "idempotency",
        "health_probe",
        "election",
        "audit_event",
        "nhsa_message",
        "nhsa_nonce",
        "seal_block",
        "seal_member",
        "posting_sum",  # as with seals the elected process writes these, whenever it is its turn: what they sum is
        "posting_roll",  # in "transfer", which is compared
    }
)
DIGEST: Final = """
SELECT md5(string_agg(row, ' ' ORDER BY row)) FROM (SELECT (to_jsonb(t) - '{{last_used_at,seen_at}}'::text[])::text
  FROM {} t) rows(row)"""
REFUSED: Final = frozenset({401, 403, 404})
ANOTHER_HOSPITAL: Final = "another hospital"
SHAPES: Final = frozenset({400, 404, 405, 415, 422})


@dataclass(frozen=True)
class Callers:
    """Headers of callers by name: those to whom nothing belongs, and those who act for one fund only."""

    strangers: dict[str, dict[str, str]]
    of_one_fund: dict[str, dict[str, str]]
    nobody: dict[str, dict[str, str]]


@dataclass(frozen=True)
class Things:
    """The ids of an office's things by the names of parameters, ids that nothing has, and what the office's answers
    have that nobody else's may have."""

    theirs: dict[str, str]
    absent: dict[str, str]
    marks: tuple[str, ...]


def described() -> set[str]:
    """The operations that ``openapi.yaml`` describes."""
    paths = yaml.load((ROOT / "openapi.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in METHODS & set(methods)}


def test_every_operation_is_in_the_table() -> None:
    """A new route says who may reach what of it before it is merged."""
    assert set(OPERATIONS) == described()


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office in July 2018 with one of everything that has an id."""
    async with office(database_server, ONESTOP_NHSA_PROFILE="A") as opened:
        yield opened


@pytest.fixture(scope="module")
async def things(desk: Office) -> Things:
    """One of everything."""
    theirs = await _everything(desk)
    absent = {
        name: re.sub(r"^([a-z]{3}_)\d+$", r"\g<1>999999999", text) if "_" in text[:4] else text
        for name, text in theirs.items()
    }
    none = secrets.token_hex(4)
    absent |= dict.fromkeys(("visit_id", "person_id", "code", "hospital_code", "item_code"), f"N{none}")
    absent |= dict.fromkeys(("hospital_item_code", "disease_code", "contract_id", "name"), f"n{none}")
    kept = ("settlement_id", "statement_id", "disbursement_id", "claim_id", "person_id", "visit_id", "job_id")
    marks = tuple(f'"{theirs[name]}"' for name in kept)
    return Things(theirs, absent, marks)


ABSENT: Final = {
    "release_id": "rel_1",
    "check_id": "bch_1",
    "finding_id": "sfd_1",
    "acknowledgement_id": "sak_1",
    "batch_id": "pay_1",
    "receipt_id": "rcp_1",
    "row_no": "1",
}
"""Ids of what the office has none of (``UNFINDABLE``)."""


async def _everything(desk: Office) -> dict[str, str]:
    """Make it, step by step, and name it by the parameter that asks for it."""
    world, client = desk.world, desk.client
    bill, back = [await desk.settled("8200.00", "2018-05-20") for _ in range(2)]
    await desk.do("li", f"/settlements/{back['settlement_id']}/reversal", {"reason": "x"})
    cash = await desk.settled("5000.00", "2018-05-20", paid_by="patient")
    await desk.at("2018-06-05")
    first = await desk.approved("2018-05")
    order = await desk.ordered(first)
    await desk.settled("4100.00", "2018-06-05")
    await desk.at("2018-07-02")
    second = await desk.declared("2018-06")
    path = f"/clearing/statements/{second['statement_id']}"
    wrong = [{"fund": "390100", "count": 1, "amount": "1.00"}]
    compared = await desk.do(
        "li", "/clearing/reconciliations", {"statement_id": second["statement_id"], "totals": wrong}
    )
    (item,) = {one["settlement_id"] for one in (await desk.get(f"{path}/items"))["data"]}
    cut = {"settlement_id": item, "fund": "390100", "amount": "1.00", "reason_code": "A", "reason": "x"}
    deduction = await desk.do("li", f"{path}/deductions", cut)
    of = {"hospital_code": world.township, "area_code": "530100", "fund": "390100", "year": 2018}
    prepayment = await desk.do("li", "/prepayments", of | {"amount": "100.00"})
    exception = await desk.do("li", "/fiscal-years/2018/exceptions", MONTH | {"fund": "390100", "reason": "x"})
    await desk.do("li", "/fiscal-months/2018-05/closing", MONTH | {"mode": "soft"})
    await desk.do("li", "/reports/monthly/2018-05/submission", MONTH)
    account = {"bank_account": {"bank_name": "x", "account_name": "x", "account_number": "6228480012345678"}}
    put = await client.put(f"/v1/persons/{world.person}/bank-account", json=account, headers=desk.tokens["li"])
    job = await client.post(
        "/v1/registry/imports?area_code=530100",
        content=csv_file([(id_number(), "无此人", "低保", "")]),
        headers=key() | {"Content-Type": "text/csv"},
    )
    assert job.status_code == 202, job.text
    balances = (await desk.get("/patient-balances"))["data"]
    claims = [one for one in (await desk.get("/claims"))["data"] if one["settlement_id"] == cash["settlement_id"]]
    return {
        "settlement_id": bill["settlement_id"],
        "person_id": world.person,
        "year": "2018",
        "balance_id": balances[0]["balance_id"],
        "hospital_code": world.township,
        "code": world.township,
        "visit_id": bill["visit_id"],
        "settle_seq": "1",
        "declared_id": item,
        "statement_id": second["statement_id"],
        "reconciliation_id": compared["reconciliation_id"],
        "difference_id": compared["differences"][0]["difference_id"],
        "deduction_id": deduction["deduction_id"],
        "period": "2018-05",
        "disbursement_id": order["disbursement_id"],
        "prepayment_id": prepayment["prepayment_id"],
        **ABSENT,
        "claim_id": claims[0]["claim_id"],
        "readjudication_id": (await desk.do("li", "/readjudications", MONTH | {"reason": "x"}))["readjudication_id"],
        "change_id": put.json()["bank_account_change"]["change_id"],
        "exception_id": exception["exception_id"],
        "item_code": world.item("A"),
        "area_code": "530100",
        "disease_code": "M01600",
        "job_id": job.json()["job_id"],
        "list": "settlements",
        "pack": "yunnan",
        "infno": "1101",
    } | await _registered(desk)


async def _registered(desk: Office) -> dict[str, str]:
    """What the registry and the administrators make."""
    world = desk.world
    contract, own_code = f"C{world.tag}", f"Y{world.tag}"
    signed = {"person_id": world.person, "hospital_code": world.township, "from": "2018-01-01"}
    await world.put(f"/v1/family-doctor/contracts/{contract}", signed)
    await world.put(f"/v1/hospitals/{world.township}/item-codes/{own_code}", {"item_code": world.item("A")})
    signing = {"profile": "A", "key_id": f"K{world.tag}", "secret": secrets.token_hex(16)}
    await world.put(f"/v1/hospitals/{world.township}/gateway", signing)
    await world.put(f"/v1/hospitals/{world.township}/gateway", signing | {"key_id": f"L{world.tag}"})
    waits = (await desk.get(f"/hospitals/{world.township}/gateway"))["gateway_change"]
    await world.put("/v1/areas/530100", {"name": "昆明市"})
    await world.put(f"/v1/persons/{world.person}/chronic-registrations/M01600", {"from": "2018-01-01"})
    victim = await desk.do(None, "/tokens", {"subject": "victim", "scopes": ["auditor"]})
    await desk.do(None, "/users", {"name": "victim", "password": "a long password 1", "scopes": ["auditor"]})
    return {
        "contract_id": contract,
        "hospital_item_code": own_code,
        "gateway_change_id": waits["change_id"],
        "token_id": victim["token_id"],
        "name": "victim",
    }


MONTH: Final = {"area_code": "530100"}


@pytest.fixture(scope="module")
async def callers(desk: Office) -> Callers:
    """Every kind of caller: each scope of another area, another hospital, of a fund that owes nothing here."""
    strangers: dict[str, dict[str, Any]] = {
        f"{scope} elsewhere": {"scopes": [scope], "area_code": ELSEWHERE}
        for scope in ("finance", "registry", "auditor", "admin", "hospital", "policy")
    }
    strangers[ANOTHER_HOSPITAL] = {"scopes": ["hospital"], "hospital_code": desk.world.county}
    strangers["every scope elsewhere"] = {
        "scopes": ["finance", "registry", "auditor", "hospital", "policy"],
        "area_code": ELSEWHERE,
    }
    of_one_fund: dict[str, dict[str, Any]] = {
        f"{scope} of one fund": {"scopes": [scope], "funds": ["640100"]} for scope in ("finance", "auditor", "admin")
    }
    for name, limits in (strangers | of_one_fund).items():
        await desk.hire(name.replace(" ", "-"), **limits)
    nobody = {"nobody": {"Authorization": ""}, "an unknown token": {"Authorization": "Bearer ost_unknown"}}
    return Callers(
        {name: desk.tokens[name.replace(" ", "-")] for name in strangers},
        {name: desk.tokens[name.replace(" ", "-")] for name in of_one_fund},
        nobody,
    )


def filled(template: Any, names: dict[str, str]) -> Any:
    """A body, path or query with the names of things put in."""
    if isinstance(template, str):
        return PARAMETER.sub(lambda found: names[found[1]], template)
    if isinstance(template, dict):
        return {name: filled(value, names) for name, value in template.items()}
    return [filled(one, names) for one in template] if isinstance(template, list) else template


async def asked(
    client: httpx.AsyncClient, name: str, operation: Operation, names: dict[str, str], headers: dict[str, str]
) -> httpx.Response:
    """The answer to an operation about these things."""
    names = names | {"id_number": id_number(), "msgid": secrets.token_hex(15)}
    method, path = name.split(" ", 1)
    sent = headers | (key() if method == "POST" else {})
    content = None
    if operation.body is not None:
        body = filled(operation.body, names)
        content = body if isinstance(body, str) else json.dumps(body)
        sent |= {"Content-Type": operation.content_type}
    url = filled(path, names) + (f"?{filled(operation.query, names)}" if operation.query else "")
    return await client.request(method, url, content=content, headers=sent)


async def both(
    client: httpx.AsyncClient, name: str, operation: Operation, things: Things, headers: dict[str, str]
) -> dict[bool, httpx.Response]:
    """The answers about the office's things (True) and about things that don't exist."""
    return {
        True: await asked(client, name, operation, things.theirs, headers),
        False: await asked(client, name, operation, things.absent, headers),
    }


def told(answer: httpx.Response) -> tuple[int, str | None]:
    """The status of an answer, and the code of a refusal."""
    is_problem = answer.headers.get("content-type", "").startswith("application/problem")
    return answer.status_code, answer.json()["code"] if is_problem else None


async def kept(url: str) -> dict[str, str]:
    """What stands in every table of the database, as a digest, but what is written down of requests themselves."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 2200")
        return {name: await connection.fetchval(DIGEST.format(name)) for (name,) in tables if name not in OF_REQUESTS}
    finally:
        await connection.close()


async def settled_down(desk: Office, things: Things) -> None:
    """Wait until the import and the dry run have ended, so that nothing changes by itself."""
    for _ in range(200):
        job = await desk.get(f"/jobs/{things.theirs['job_id']}")
        run = await desk.get(f"/readjudications/{things.theirs['readjudication_id']}")
        if job["state"] not in ("queued", "running") and run["job_state"] == "done":
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the import and the dry run did not end")


def problems(name: str, operation: Operation, answers: dict[bool, httpx.Response], marks: tuple[str, ...]) -> list[str]:
    """What is wrong with the answers to a stranger: about the office's things (True) and about absent ones."""
    found = []
    theirs, absent = told(answers[True]), told(answers[False])
    if not operation.listed and ("{" in name + operation.query or operation.body is not None):
        if theirs[0] not in REFUSED and not (theirs[1] or "").startswith("unknown_"):
            found.append(f"{theirs}")
        if theirs != absent and not operation.known:
            found.append(f"{theirs}, but {absent} where nothing is")
    found += [f"shows {mark}" for mark in marks if mark in answers[True].text]
    return found


@pytest.mark.thorough
async def test_strangers_learn_nothing_and_change_nothing(
    desk: Office, things: Things, callers: Callers, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever a thing doesn't belong to can neither see nor change it, nor tell it from one that doesn't exist."""
    await settled_down(desk, things)
    before, counted, wrong = await kept(desk.url), Counter[int](), []
    for name, operation in OPERATIONS.items():
        if operation.public:
            continue
        writes = not name.startswith("GET")
        known = {} if operation.own and writes else callers.strangers
        answered = await asyncio.gather(
            *(both(desk.client, name, operation, things, headers) for headers in (known | callers.nobody).values())
        )
        for caller, answers in zip(known | callers.nobody, answered, strict=True):
            unknown = caller in callers.nobody
            counted.update(one.status_code for one in answers.values())
            if any(answer.status_code >= 500 for answer in answers.values()):
                wrong.append(f"{name} {caller}: {[told(answer) for answer in answers.values()]}")
            elif operation.national:
                wrong += [f"{name} {caller}: {told(one)}" for one in answers.values() if one.status_code == 200]
            elif unknown:
                wrong += [f"{name} {caller}: {told(one)}" for one in answers.values() if one.status_code != 401]
            elif not operation.shared and not (operation.of_hospitals and caller == ANOTHER_HOSPITAL):
                wrong += [f"{name} {caller}: {one}" for one in problems(name, operation, answers, things.marks)]
    after = await kept(desk.url)
    wrong += [f"{table} has changed" for table in before if before[table] != after[table]]
    shown(capsys, "strangers", len(callers.strangers) + len(callers.nobody), counted)
    assert not wrong, "\n".join(wrong)


def shown(
    capsys: pytest.CaptureFixture[str],
    who: str,
    callers: int,
    counted: Counter[int],
    of: str = f"{len(OPERATIONS)} operations",
) -> None:
    """Print the totals, which docs/security.md names."""
    answers = ", ".join(f"{count:,} × {status}" for status, count in sorted(counted.items()))
    with capsys.disabled():
        sys.stdout.write(f"\nreach: {of} × {callers} {who}: {counted.total():,} requests ({answers})\n")


@pytest.mark.thorough
async def test_one_fund_neither_sees_nor_moves_the_others(
    desk: Office, things: Things, callers: Callers, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever acts for one fund reads what is common, finds nothing of the other funds in it, and changes none."""
    await settled_down(desk, things)
    others = [f'"fund":"{fund}"' for fund in ("390100", "390200", "610100")]
    before, counted, wrong = await kept(desk.url), Counter[int](), []
    for name, operation in OPERATIONS.items():
        writes = not name.startswith("GET")
        if operation.public or operation.national or (writes and (operation.own or operation.no_fund)):
            continue
        for caller, headers in callers.of_one_fund.items():
            answer = await asked(desk.client, name, operation, things.theirs, headers)
            counted[answer.status_code] += 1
            may_be = REFUSED | ({409} if operation.seen else frozenset())
            if answer.status_code >= 500 or (writes and answer.status_code not in may_be):
                wrong.append(f"{name} {caller}: {told(answer)} {answer.text[:200]}")
            wrong += [f"{name} {caller} shows {one}" for one in others if one in answer.text]
    after = await kept(desk.url)
    wrong += [f"{table} has changed" for table in before if before[table] != after[table]]
    shown(capsys, "of one fund", len(callers.of_one_fund), counted)
    assert not wrong, "\n".join(wrong)


@pytest.mark.thorough
async def test_pages_show_and_do_nothing_of_others(
    desk: Office, things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever logs in for another area, another hospital or one fund finds on no page what isn't theirs, and no form of
    the pages changes it."""
    await settled_down(desk, things)
    # The audit log shows them what they asked for themselves: whose rows one sees stands in test_audit_log.py.
    routes = [one for one in page_routes() if one != ("GET", "/finance/audit-log")]
    wrong, counted = [], Counter[int]()
    every = ["finance", "registry", "auditor"]
    visitors: dict[str, dict[str, Any]] = {
        "elsewhere": {"scopes": every, "area_code": ELSEWHERE},
        "another hospital": {"scopes": ["hospital"], "hospital_code": desk.world.county},
        "one fund": {"scopes": every, "funds": ["640100"]},
    }
    for who, limits in visitors.items():
        async with browser(str(desk.client.base_url)) as visitor:
            await person(desk.client, visitor, **limits)
            before = await kept(desk.url)
            for method, path in routes:
                if who == "one fund" and method == "POST" and NO_FUND.search(path):
                    continue
                answer, sent = await walked(visitor, method, path, things.theirs)
                counted[answer.status_code] += 1
                if answer.status_code >= 500:
                    wrong.append(f"{who}: {method} {path} {answer.status_code}")
                unsent = [mark.strip('"') for mark in things.marks if mark.strip('"') not in sent]
                found = [one for one in unsent if who != "one fund" and one in answer.text]
                wrong += [f"{who}: {method} {path} shows {one}" for one in found]
            after = await kept(desk.url)
            wrong += [f"{who}: {table} has changed" for table in before if before[table] != after[table]]
    shown(capsys, "visitors", len(visitors), counted, f"{len(routes)} pages and forms")
    assert not wrong, "\n".join(wrong)


NO_FUND: Final = re.compile(r"/(accounts|balances|jobs|exports|persons)\b")
"""What on pages is no fund's money: accounts, what patients owe, imports."""


async def test_the_table_asks_rightly(desk: Office, things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    """An administrator who reaches everything is refused for no form and finds each thing: the strangers are refused
    for who they are."""
    counted, wrong = Counter[int](), []
    for name, operation in sorted(OPERATIONS.items(), key=lambda item: not item[0].startswith("GET")):
        if operation.national or operation.own or name in UNFINDABLE:
            continue
        answer = await asked(desk.client, name, operation, things.theirs, {})
        counted[answer.status_code] += 1
        if answer.status_code in SHAPES or answer.status_code >= 500:
            wrong.append(f"{name}: {told(answer)} {answer.text[:300]}")
    shown(capsys, "who reach everything", 1, counted)
    assert not wrong, "\n".join(wrong)


UNFINDABLE: Final = frozenset(
    {
        "POST /v1/deposit-releases/{release_id}/approval",
        "POST /v1/deposit-releases/{release_id}/cancellation",
        "POST /v1/bank-checks/{check_id}/approval",
        "POST /v1/ledger/seal-findings/{finding_id}/acknowledgements",
        "POST /v1/ledger/seal-acknowledgements/{acknowledgement_id}/approval",
        "GET /v1/payment-batches/{batch_id}",
        "POST /v1/payment-batches/{batch_id}/approval",
        "POST /v1/payment-batches/{batch_id}/cancellation",
        "POST /v1/payment-batches/{batch_id}/not-executed",
        "POST /v1/payment-batches/{batch_id}/document-number",
        "GET /v1/payment-batches/{batch_id}/file",
        "GET /v1/bank-receipts/{receipt_id}",
        "POST /v1/bank-receipts/{receipt_id}/rows/{row_no}/closing",
    }
)
"""About what the office has none of: no deposit was withheld yet (tests/clearing/test_disbursement.py has them),
nothing was restored (tests/backup/test_restore.py), no seal is broken (tests/ledger/test_seal_finding.py), and no order
was sent that a payment batch could hold (tests/clearing/test_payment_batches.py has them)."""
