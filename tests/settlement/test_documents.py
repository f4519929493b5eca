"""Stored documents of every form that was ever written, as real services wrote them, in the service of today."""

import json
import secrets
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.settlement.document import FORM, PLAIN_FORM, decode_document, form_of
from tests.world import key

pytestmark = pytest.mark.damages("stores entries of old forms without their person-years and transfers")

FORMS = sorted((Path(__file__).parent / "documents").glob("form*.json"))

# The document is text that must not change by a byte: it goes beside the row's JSON.
_STORE = """
INSERT INTO settlement
SELECT (json_populate_record(s, json_build_object('document', $2::json))).*
  FROM json_populate_record(NULL::settlement, $1) s"""
_STORE_OLDER = """
INSERT INTO settlement_older SELECT (json_populate_record(NULL::settlement_older, $1)).*"""
_KEEP = "INSERT INTO policy_text (digest, pack, texts) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"


async def stored(connection: asyncpg.Connection, path: Path) -> list[dict[str, Any]]:
    """Store the entries of a file under ids of their own, for a person of their own."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    for policy in kept["policies"]:
        await connection.execute(_KEEP, policy["digest"], policy["pack"], policy["texts"])
    entries: list[dict[str, Any]] = kept["entries"]
    ids = {entry["settlement_id"]: await connection.fetchval("SELECT nextval('settlement_id')") for entry in entries}
    tag = secrets.token_hex(4)
    for entry in entries:
        entry |= {
            "settlement_id": ids[entry["settlement_id"]],
            "person_id": f"P{tag}",
            "recorded_at": entry["settled_at"],
        }
        entry["of_settlement_id"] = ids.get(entry["of_settlement_id"])
        entry["caused_by"] = ids.get(entry.get("caused_by"))
        row = json.dumps({"supplement": 0} | entry | {"delta": json.loads(entry["delta"]), "document": None})
        await connection.execute(_STORE, row, entry["document"])
        if "older" in entry:
            same = {name: entry[name] for name in ("settlement_id", "person_id", "recorded_at")}
            await connection.execute(_STORE_OLDER, json.dumps(entry["older"] | same))
    return entries


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
async def test_an_old_document_is_read_and_computes_to_what_it_says(
    client: httpx.AsyncClient, connection: asyncpg.Connection, path: Path
) -> None:
    """An entry that an earlier form keeps is shown, printed, and replays from its inputs to its results."""
    entries = await stored(connection, path)
    for entry in entries:
        place = f"/v1/settlements/set_{entry['settlement_id']}"
        shown = await client.get(place)
        assert (shown.status_code, shown.json()["kind"]) == (200, entry["kind"]), shown.text
        assert (await client.get(f"{place}/slip")).status_code == 200
        replayed = (await client.post(f"{place}/replay", json={}, headers=key())).json()
        assert (replayed["digest_matches"], replayed["result_matches"]) == (True, True), (entry["kind"], replayed)


def test_the_forms_are_told_apart() -> None:
    """Documents without a number are known by what they have; what is written today carries its number."""
    found = {
        path.stem: {form_of(decode_document(entry["document"])) for entry in json.loads(path.read_text())["entries"]}
        for path in FORMS
    }
    assert found == {"form1": {1}, "form2": {2}, "form3": {3}, "form4": {4}}
    assert len(FORMS) == FORM


def test_a_document_of_a_later_release_is_not_guessed_at() -> None:
    """A form that this release doesn't know is an error, not a wrong amount."""
    entry = json.loads(FORMS[-1].read_text())["entries"][0]
    later = entry["document"].replace(f'"form":{FORM}', f'"form":{FORM + 1}')
    assert later != entry["document"]
    with pytest.raises(ValueError, match=f"form {FORM + 1}"):
        decode_document(later)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
async def test_an_old_year_is_corrected(client: httpx.AsyncClient, connection: asyncpg.Connection, path: Path) -> None:
    """A person-year of an earlier form is corrected like any other, and what the correction writes has today's form."""
    entries = await stored(connection, path)
    last = json.loads(entries[-1]["document"])["results"]["after"]
    await connection.execute(
        "INSERT INTO person_year VALUES ($1, $2, $3, $4)",
        entries[0]["person_id"],
        entries[0]["benefit_year"],
        len(entries),
        json.dumps(last),
    )
    if "older" in entries[-1]:
        older = json.loads(entries[-1]["document"])["results"]["years"][0]
        number = entries[-1]["older"]["entry_no"]
        values = (entries[0]["person_id"], older["benefit_year"], number, json.dumps(older["after"]))
        await connection.execute("INSERT INTO person_year VALUES ($1, $2, $3, $4)", *values)
    gone = {entry["of_settlement_id"] for entry in entries if entry["kind"] == "reversal"}
    settled = [entry for entry in entries if entry["kind"] == "settlement" and entry["settlement_id"] not in gone]
    live = settled[-1]
    answer = await client.post(
        f"/v1/settlements/set_{live['settlement_id']}/reversal",
        json={"reason": "录入错误", "cascade": True},
        headers=key(),
    )
    assert answer.status_code == 201, answer.text
    written = answer.json()["settlement_id"]
    replayed = (await client.post(f"/v1/settlements/{written}/replay", json={}, headers=key())).json()
    assert (replayed["digest_matches"], replayed["result_matches"]) == (True, True)
    document = await connection.fetchval("SELECT document FROM settlement WHERE settlement_id = $1", int(written[4:]))
    assert json.loads(document)["form"] == (FORM if "older" in entries[-1] else PLAIN_FORM)
