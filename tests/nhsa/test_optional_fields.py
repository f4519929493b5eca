"""Messages built from the field tables: whatever stands in an optional field, nothing breaks and no amount changes."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.nhsa.client import filled
from app.nhsa.door import HANDLERS
from app.nhsa.fields import TRANSACTIONS
from tests.nhsa.national import Hospital
from tests.nhsa.test_stay import visit_id
from tests.world import World

pytestmark = pytest.mark.thorough

EMPTY: tuple[Any, ...] = ("", None, "null", 0, "0")


@pytest.fixture
async def hospital(client: httpx.AsyncClient) -> Hospital:
    """The township hospital of a world of its own."""
    return Hospital(await World(client).build())


def variants(infno: str) -> Iterator[tuple[str, str, Any]]:
    """Node, optional field and what is written in it."""
    for node, fields in TRANSACTIONS[infno].input.items():
        for field in fields:
            if not field.required:
                for value in EMPTY:
                    yield node, field.name, value


@pytest.mark.parametrize("infno", sorted(HANDLERS))
async def test_no_optional_field_breaks_a_transaction(hospital: Hospital, infno: str) -> None:
    """With each optional field empty, null or 0 in turn the answer is one of the interface: done or refused in
    words."""
    message = {node: filled(infno, node) for node in TRANSACTIONS[infno].input}
    for node, name, value in variants(infno):
        sent = message | {node: message[node] | {name: value}}
        answer = await hospital.sender.post(hospital.sender.envelope(infno, sent))
        assert answer.status_code == 200, (node, name, value, answer.text)
        if answer.headers["content-type"].startswith("application/json"):
            assert answer.json()["infcode"] in (0, -1)
            assert "nhsa_failed" not in answer.json()["err_msg"], (node, name, value, answer.text)


async def test_no_optional_field_changes_a_quote(hospital: Hospital) -> None:
    """Whatever stands in an optional field of 2303, the amounts are those of the quote without it, or it is refused."""
    mdtrt_id = await hospital.stay(visit_id(), "1234.50")
    row = hospital.settling("2303", mdtrt_id, "1234.50")["data"]
    row = {field.name: row[field.name] for field in TRANSACTIONS["2303"].input["data"] if field.required}
    expected = (await hospital.done("2303", {"data": row}))["setlinfo"]
    amounts = [field.name for field in TRANSACTIONS["2303"].output["setlinfo"] if field.kind == "number"]
    done = 0
    for _, name, value in variants("2303"):
        answer = await hospital.send("2303", {"data": row | {name: value}})
        if answer["infcode"] == 0:
            done += 1
            info = answer["output"]["setlinfo"]
            assert {one: info[one] for one in amounts} == {one: expected[one] for one in amounts}, (name, value)
    assert done > len(EMPTY) * 5
