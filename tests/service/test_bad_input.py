"""Bad input gets a clear 4xx with pointers: nothing stored, nothing echoed, never a 5xx."""

import json
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest

from app.service.messages import MESSAGES
from tests.conftest import TokenFactory
from tests.world import World, key

SECRET = "张三丰SECRET53012719800101001X"


@pytest.fixture
async def world(client: httpx.AsyncClient) -> World:
    """A registered poor person, three hospitals and four items of its own."""
    return await World(client).build()


Change = Callable[[World, dict[str, Any]], Any]


def on_line(**changes: Any) -> Change:
    """Change the bill's first line."""
    return lambda world, bill: bill["lines"][0].update(changes)


def on_bill(**changes: Any) -> Change:
    """Change the bill."""
    return lambda world, bill: bill.update(changes)


def lines(*rows: dict[str, Any], total: str = "25.00") -> Change:
    """Give the bill lines made from changes to a plain line."""

    def apply(world: World, bill: dict[str, Any]) -> None:
        bill["lines"] = [world.line("25.00", line_no=number) | row for number, row in enumerate(rows, 1)]
        bill["total"] = total

    return apply


def refund(**changes: Any) -> dict[str, Any]:
    """A refund of line 1 by one unit."""
    return {"quantity": "-1", "amount": "-25.00", "refund_of_line_no": 1} | changes


FAULTS: dict[str, tuple[Change, str, str]] = {
    "a number where money belongs": (on_line(amount=25.0), "money_not_string", "/lines/0/amount"),
    "a number for a quantity": (on_line(quantity=2), "money_not_string", "/lines/0/quantity"),
    "a whole-number total": (on_bill(total=25), "money_not_string", "/total"),
    "money with five decimals": (on_line(amount="25.00000"), "money_format", "/lines/0/amount"),
    "money with one decimal": (on_bill(total="25.0"), "money_format", "/total"),
    "a price with seven decimals": (on_line(unit_price="25.0000001"), "price_format", "/lines/0/unit_price"),
    "a negative price": (on_line(unit_price="-25.00"), "price_format", "/lines/0/unit_price"),
    "a quantity with five decimals": (on_line(quantity="1.00001"), "quantity_format", "/lines/0/quantity"),
    "an exponent": (on_line(quantity="1e3"), "quantity_format", "/lines/0/quantity"),
    "full-width digits": (on_bill(total="２５.00"), "money_format", "/total"),
    "a quantity of zero": (on_line(quantity="0", amount="0.00"), "quantity_zero", "/lines/0/quantity"),
    "a negative line": (on_line(amount="-25.00"), "negative_amount", "/lines/0/amount"),
    "a negative quantity": (on_line(quantity="-1", amount="-25.00"), "negative_quantity", "/lines/0/quantity"),
    "an amount two fen off": (lines({"amount": "25.02"}, total="25.02"), "line_amount_mismatch", "/lines/0/amount"),
    "a total that does not add up": (on_bill(total="24.99"), "total_mismatch", "/total"),
    "a negative total": (on_bill(total="-25.00"), "total_mismatch", "/total"),
    "two lines with one number": (lines({}, {"line_no": 1}, total="50.00"), "duplicate_line_no", "/lines/1/line_no"),
    "a refund of nothing": (
        lines({}, refund(refund_of_line_no=9), total="0.00"),
        "refund_line_unknown",
        "/lines/1/refund_of_line_no",
    ),
    "a refund of a refund": (
        lines({}, refund(), refund(refund_of_line_no=2), total="-25.00"),
        "refund_line_unknown",
        "/lines/2/refund_of_line_no",
    ),
    "a refund of another item": (
        lines({}, refund(item_code="OTHER"), total="0.00"),
        "refund_line_differs",
        "/lines/1/refund_of_line_no",
    ),
    "a positive refund": (
        lines({}, refund(quantity="1", amount="25.00"), total="50.00"),
        "refund_not_negative",
        "/lines/1/quantity",
    ),
    "a refund of more than there is": (
        lines({}, refund(quantity="-2", amount="-50.00"), total="-25.00"),
        "refund_exceeds_line",
        "/lines/1/quantity",
    ),
    "a full refund with a remainder": (
        lines({}, refund(amount="-24.99"), total="0.01"),
        "refund_amount_mismatch",
        "/lines/1/amount",
    ),
    "discharged before admitted": (on_bill(discharged_on="2018-05-01"), "discharge_before_admission", "/discharged_on"),
    "an outpatient visit of two days": (on_bill(medical_type="11"), "outpatient_days_differ", "/discharged_on"),
    "a line outside the stay": (
        on_line(charged_at="2018-05-13T00:00:00+08:00"),
        "charged_outside_stay",
        "/lines/0/charged_at",
    ),
    "a discharge in the future": (on_bill(discharged_on="2027-12-31"), "in_the_future", "/discharged_on"),
    "a day that no policy covers": (
        lambda world, bill: bill.update(
            admitted_on="2017-11-01", discharged_on="2017-11-02", lines=[world.line("25.00", day="2017-11-01")]
        ),
        "policy_gap",
        "/discharged_on",
    ),
    "an impossible day": (on_bill(admitted_on="2018-02-30"), "date_format", "/admitted_on"),
    "an instant without offset": (on_line(charged_at="2018-05-02T09:30:00"), "datetime_format", "/lines/0/charged_at"),
    "an unknown field": (on_bill(colour="red"), "unknown_field", "/colour"),
    "a missing field": (lambda world, bill: bill.pop("referral"), "missing", "/referral"),
    "an unknown word": (on_bill(referral="perhaps"), "not_in_list", "/referral"),
    "an unknown medical type": (on_bill(medical_type="99"), "not_in_list", "/medical_type"),
    "a text for the lines": (on_bill(lines="none"), "wrong_type", "/lines"),
    "no lines": (on_bill(lines=[]), "too_few_items", "/lines"),
    "a NUL character": (on_bill(visit_id="ZY\u0000"), "nul_character", "/visit_id"),
    "a sequence of zero": (on_bill(settle_seq=0), "number_out_of_range", "/settle_seq"),
    "another insurance": (on_bill(insurance_type="310"), "insurance_type_unsupported", "/insurance_type"),
    "an unknown person": (on_bill(person_id="nobody"), "unknown_person", "/person_id"),
    "an unknown hospital": (on_bill(hospital_code="nowhere"), "unknown_hospital", "/hospital_code"),
    "a determined work injury": (on_bill(work_injury="determined"), "work_injury_not_covered", "/work_injury"),
    "childbirth without a mode": (on_bill(medical_type="52"), "delivery_mode_missing", "/delivery_mode"),
    "a chronic disease that is not listed": (
        on_bill(medical_type="14", disease_code="ZZ", discharged_on="2018-05-02"),
        "disease_not_listed",
        "/disease_code",
    ),
    "a transfer from nowhere": (
        on_bill(transfer_from={"hospital_code": "X", "visit_id": "Y"}),
        "transfer_visit_unknown",
        "/transfer_from",
    ),
}


async def stored(connection: asyncpg.Connection, world: World) -> int:
    """How many settlements the world's person has."""
    count: int = await connection.fetchval("SELECT count(*) FROM settlement WHERE person_id = $1", world.person)
    return count


@pytest.mark.parametrize("fault", sorted(FAULTS))
@pytest.mark.parametrize("path", ["/v1/settlements", "/v1/quotes"])
async def test_each_fault_is_named_with_its_place(
    world: World, connection: asyncpg.Connection, path: str, fault: str
) -> None:
    """Each kind of mistake is 422 with its code and pointer, by quote and settlement alike, and leaves nothing."""
    change, code, pointer = FAULTS[fault]
    bill = world.bill()
    change(world, bill)
    answer = await world.client.post(path, json=bill, headers=key())
    body = answer.json()
    assert answer.status_code == 422, body
    assert (code, pointer) in {(found["code"], found["pointer"]) for found in body["errors"]}, body
    assert answer.headers["content-type"] == "application/problem+json"
    assert await stored(connection, world) == 0


async def test_one_fault_gives_its_code_on_top(world: World) -> None:
    """With a single fault the problem's own code is that fault's, and its message says what to do."""
    answer = await world.settle(world.bill(total="26.00"))
    assert answer.json()["code"] == "total_mismatch"
    assert answer.json()["errors"][0]["message"]
    assert {"type", "title", "status", "detail", "request_id", "retryable"} <= answer.json().keys()


async def test_all_faults_come_at_once(world: World) -> None:
    """Faults of lines, days, person, hospital and injury are gathered in one answer."""
    bill = world.bill(
        person_id="nobody", hospital_code="nowhere", work_injury="determined", insurance_type="310", total="1.00"
    )
    bill["lines"].append(world.line("3.00", line_no=1) | {"amount": "9.00"})
    problem = (await world.settle(bill)).json()
    codes = {fault["code"] for fault in problem["errors"]}
    assert [fault["pointer"].split("/")[1] for fault in problem["errors"]] == [
        "hospital_code",
        "person_id",
        "insurance_type",
        "lines",
        "lines",
        "total",
        "work_injury",
    ]
    assert problem["code"] == problem["errors"][0]["code"]
    assert codes >= {
        "unknown_person",
        "unknown_hospital",
        "work_injury_not_covered",
        "insurance_type_unsupported",
        "duplicate_line_no",
        "line_amount_mismatch",
        "total_mismatch",
    }


async def test_a_full_refund_names_the_amount_expected(world: World) -> None:
    """The fault of a refund that leaves a remainder says which amount would fit."""
    bill = world.bill()
    lines({}, refund(amount="-24.99"), total="0.01")(world, bill)
    fault = (await world.settle(bill)).json()["errors"][0]
    assert "-25.00" in fault["message"]


async def test_not_insured_on_the_admission_day_is_refused(client: httpx.AsyncClient) -> None:
    """Insurance must cover the admission day; the interval is half-open."""
    world = await World(client).build(insured_from="2018-01-01", insured_until="2018-05-02")
    assert (await world.settle(world.bill())).json()["code"] == "not_insured"


async def test_an_area_outside_every_pack_is_a_policy_gap(client: httpx.AsyncClient) -> None:
    """A person of a province without a pack can't be settled, and the answer says so."""
    world = await World(client).build(area_code="110101")
    answer = (await world.settle(world.bill())).json()
    assert (answer["code"], answer["errors"][0]["pointer"]) == ("policy_gap", "/discharged_on")


async def test_ten_thousand_lines_are_accepted_and_one_more_is_not(world: World) -> None:
    """The limit is 10,000 lines."""
    bill = world.bill()
    bill["lines"] = [world.line("1.00", line_no=number) for number in range(1, 10_001)]
    bill["total"] = "10000.00"
    assert (await world.settle(bill)).status_code == 201
    bill["visit_id"] += "X"
    bill["lines"].append(world.line("1.00", line_no=10_001))
    bill["total"] = "10001.00"
    answer = await world.settle(bill)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_lines")


RAW: dict[str, tuple[bytes, int, str]] = {
    "no body": (b"", 400, "malformed_json"),
    "broken JSON": (b'{"hospital_code": ', 400, "malformed_json"),
    "bad UTF-8": (b'{"hospital_code": "\xff\xfe"}', 400, "invalid_utf8"),
    "deep nesting": (b"[" * 200_000, 400, "malformed_json"),
    "a list": (b"[]", 422, "not_an_object"),
    "NaN": (b'{"total": NaN}', 400, "malformed_json"),
    "ten megabytes": (b'{"visit_id": "' + b"x" * 10_000_000 + b'"}', 413, "body_too_large"),
}


@pytest.mark.parametrize("case", sorted(RAW))
async def test_a_body_that_is_no_bill_is_refused(world: World, case: str) -> None:
    """Whatever bytes come in, the answer is a 4xx problem."""
    content, status, code = RAW[case]
    headers = key() | {"Content-Type": "application/json"}
    answer = await world.client.post("/v1/settlements", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_lone_surrogate_is_refused(world: World) -> None:
    """A text that no database can store is a 4xx."""
    content = json.dumps(world.bill(visit_id="\ud800")).encode()
    answer = await world.client.post(
        "/v1/settlements", content=content, headers=key() | {"Content-Type": "application/json"}
    )
    assert 400 <= answer.status_code < 500


async def test_another_media_type_is_refused(world: World) -> None:
    """Only JSON is read."""
    answer = await world.client.post("/v1/settlements", content=b"{}", headers=key() | {"Content-Type": "text/xml"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_no_input_is_echoed(world: World) -> None:
    """A name or id number that stands in a wrong place comes back nowhere."""
    bill = world.bill(visit_id=SECRET, referral=SECRET, total=SECRET, insurance_type=SECRET, person_id=SECRET)
    bill[SECRET] = SECRET
    bill["lines"][0] |= {"charged_at": SECRET, "name": SECRET * 20, "approved": SECRET}
    answer = await world.settle(bill)
    assert answer.status_code == 422
    assert "SECRET" not in answer.text
    assert "SECRET" not in (await world.client.get("/v1/settlements", params={"from": SECRET})).text
    assert "SECRET" not in (await world.client.get(f"/v1/settlements/{SECRET}")).text


async def test_messages_come_in_the_readers_language(world: World) -> None:
    """Chinese first, English when asked for."""
    chinese = await world.settle(world.bill(total="1.00"), **{"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.1"})
    english = await world.settle(world.bill(total="1.00"), **{"Accept-Language": "en"})
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese.json()["detail"])
    assert english.json()["detail"].isascii()
    assert english.json()["code"] in MESSAGES


async def test_who_may_not_is_told_so(world: World, token: TokenFactory) -> None:
    """No token and a wrong one are 401, a token without the scope is 403."""
    bare = {"Authorization": ""}
    assert (await world.client.get("/v1/settlements", headers=bare)).json()["code"] == "unauthorized"
    wrong = {"Authorization": "Bearer ost_wrong"}
    assert (await world.client.get("/v1/settlements", headers=wrong)).json()["code"] == "token_invalid"
    reader = await token(scopes=["auditor"])
    refused = await world.settle(world.bill(), **reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden_scope")
    issued = await world.client.post("/v1/tokens", json={"subject": "a", "scopes": ["admin"]}, headers=reader | key())
    assert issued.status_code == 403


async def test_an_expired_token_is_refused(world: World, token: TokenFactory) -> None:
    """A token ends by real time."""
    header = await token(scopes=["auditor"], expires_at="2020-01-01T00:00:00+08:00")
    assert (await world.client.get("/v1/settlements", headers=header)).status_code == 401


async def test_unknown_paths_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    """404 and 405 have the same form as every other refusal."""
    assert (await client.get("/v1/nothing")).json()["code"] == "not_found"
    answer = await client.patch("/v1/settlements")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert (await client.get("/v1/settlements", params={"limit": "0"})).json()["code"] == "invalid_parameter"
