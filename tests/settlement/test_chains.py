"""Whole person-years through HTTP and PostgreSQL, compared with the oracle and taken back again."""

import random
from typing import Any

import asyncpg
import httpx
import pytest

from tests.tiers import oracle
from tests.tiers.random_bills import own_names, person_year, walk_chain, without_overlaps
from tests.world import id_number, key


async def load(client: httpx.AsyncClient, chain: dict[str, Any]) -> None:
    """Put a chain's hospitals, catalogue and person into the registry."""

    async def put(path: str, body: dict[str, Any]) -> None:
        answer = await client.put(path, json=body)
        assert answer.status_code == 200, answer.text

    for code, hospital in chain["hospitals"].items():
        body = {
            "name": "医院",
            "level": hospital["level"],
            "rank": hospital["rank"],
            "area_code": hospital["area_code"],
        }
        await put(f"/v1/hospitals/{code}", body)
    for code, versions in chain["catalogue"].items():
        for version in versions:
            ratio = "0" if version["class"] == "A" else version["first_pay_ratio"]
            await put(f"/v1/catalogue/{code}", version | {"name": "项目", "kind": "drug", "first_pay_ratio": ratio})
    person = chain["person"]
    body = {"name": "某", "id_number": id_number(), "area_code": person["area_code"], "insurance_type": "390"}
    await put(f"/v1/persons/{person['person_id']}", body | {"identities": without_overlaps(person["identities"])})


def in_fen(amounts: dict[str, str]) -> dict[str, int]:
    """Yuan strings as fen."""
    return {name: oracle.fen(text) for name, text in amounts.items()}


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(12))
async def test_a_year_over_http_equals_the_oracle_and_is_taken_back(
    client: httpx.AsyncClient, connection: asyncpg.Connection, seed: int
) -> None:
    """Each settlement equals the oracle's, accumulators included; reversing all of them leaves an empty year and
    ledger."""
    chain = own_names(person_year(random.Random(seed)))
    await load(client, chain)
    ids = []
    for step in walk_chain(chain, oracle.settle):
        answer = await client.post("/v1/settlements", json=step["inputs"]["bill"], headers=key())
        assert answer.status_code == 201, answer.text
        body, expected = answer.json(), step["result"]
        assert in_fen(body["portions"]) == {"supplement": 0} | expected["portions"]  # Yunnan's packs have none
        assert in_fen(body["scope"]) == expected["scope"]
        after = body["year_to_date"]["after"]
        assert after.pop("inpatient_count") == expected["after"]["inpatient_count"]
        assert in_fen(after) == {k: v for k, v in expected["after"].items() if k != "inpatient_count"}
        assert body["benefit_class"] == expected["benefit_class"]
        ids.append(body["settlement_id"])
    for settlement_id in reversed(ids):
        answer = await client.post(f"/v1/settlements/{settlement_id}/reversal", json={"reason": "x"}, headers=key())
        assert answer.status_code == 201, answer.text
    person = chain["person"]["person_id"]
    years = await connection.fetch(
        """SELECT key, value FROM person_year, jsonb_each_text(accumulators) WHERE person_id = $1 AND value <> '0'""",
        person,
    )
    assert years == []
    balances = await connection.fetch(
        """SELECT a.path, sum(CASE WHEN t.credit_account = a.account_id THEN t.amount ELSE -t.amount END) AS balance
             FROM transfer t JOIN settlement s USING (settlement_id)
             JOIN account a ON a.account_id IN (t.debit_account, t.credit_account)
            WHERE s.person_id = $1 GROUP BY a.path HAVING
            sum(CASE WHEN t.credit_account = a.account_id THEN t.amount ELSE -t.amount END) <> 0""",
        person,
    )
    assert balances == []
