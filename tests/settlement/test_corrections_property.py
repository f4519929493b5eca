"""Random person-years with corrections over HTTP: after every operation the service is where a plain model is.

``ONESTOP_CORRECTION_YEARS`` says how many (``make soak`` takes 100,000), ``ONESTOP_CORRECTION_SEED`` runs a
single one again.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import asyncpg
import httpx
import pytest

from app.basics.money import rate, scaled
from tests.conftest import CLOCK, migrated_database
from tests.settlement.correction_oracle import NOTHING, PORTIONS, Amounts, PersonModel
from tests.settlement.random_corrections import operations, person_years
from tests.tiers import oracle
from tests.tiers.random_bills import decimal, own_names
from tests.within import within
from tests.world import id_number, key

pytestmark = pytest.mark.thorough

YEARS = int(os.environ.get("ONESTOP_CORRECTION_YEARS", "100"))
ONLY = os.environ.get("ONESTOP_CORRECTION_SEED")
KEPT: list[int] = []  # seeds beyond the usual range that found a bug once
SEEDS = [int(ONLY)] if ONLY else [*KEPT, *range(YEARS)]
CHUNKS = 20
AT_ONCE = 4  # persons of one chunk under way together, so that the database works while Python does
SERVED = range(10**9, 10**9 + 4)  # seeds for the service in a process of its own
STATUS = {"already_reversed": 409, "later_settlements_exist": 409, "refund_exceeds_line": 422}

HOSPITALS = """INSERT INTO hospital (code, name, level, rank, area_code, subject, request_id)
               VALUES ($1, '医院', $2, $3, $4, 'test', 'test')"""
CATALOGUE = """INSERT INTO catalogue_entry (area_code, item_code, name, kind, class, first_pay_ratio, ceiling_1,
                 ceiling_2,
                 ceiling_3, restricted, valid_from, valid_until, subject, request_id)
               VALUES ('000000', $1, '项目', 'drug', $2, $3, $4, $5, $6, $7, $8, $9, 'test', 'test')"""
PAYABLES = """SELECT regexp_replace(a.path, 'claim:.*', 'claim') AS path, t.hospital_code, t.fund, t.clr_type,
                     sum(CASE WHEN t.credit_account = a.account_id THEN t.amount ELSE -t.amount END)::bigint AS owed
                FROM settlement s JOIN transfer t USING (settlement_id)
                JOIN account a ON a.account_id IN (t.debit_account, t.credit_account)
               WHERE s.person_id = $1 AND a.path LIKE '%/payable/%' GROUP BY 1, 2, 3, 4"""
BALANCES = """SELECT b.hospital_code, b.amount, b.state FROM settlement s JOIN patient_balance b USING (settlement_id)
               WHERE s.person_id = $1"""


@pytest.fixture(scope="session")
async def own_url(database_server: str) -> str:
    """A database of its own: an application in this process would take the jobs of the service beside it, which has
    other keys."""
    return await migrated_database(database_server)


@pytest.fixture(scope="session")
async def inside(own_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application in this very process."""
    async with within(own_url, tmp_path_factory.mktemp("inside"), f"manual:{CLOCK}") as opened:
        yield opened


@pytest.mark.parametrize("chunk", range(min(CHUNKS, len(SEEDS))))
async def test_corrections_leave_what_a_plain_model_computes_from_nothing(
    inside: httpx.AsyncClient, own_url: str, chunk: int
) -> None:
    """Amounts, accumulators, ledger, statements to come, patient balances: each as if computed anew."""
    await compare_all(inside, own_url, SEEDS[chunk::CHUNKS])


async def test_the_service_in_its_own_process_agrees_too(client: httpx.AsyncClient, database_url: str) -> None:
    """The same comparison through a socket."""
    await compare_all(client, database_url, SERVED)


async def compare_all(client: httpx.AsyncClient, database_url: str, seeds: Any) -> None:
    """Compare each seed's years, several at once."""

    async def compare_some(some: Any) -> None:
        connection = await asyncpg.connect(database_url)
        try:
            for seed in some:
                try:
                    await compare(client, connection, seed)
                except Exception as error:
                    error.add_note(f"again: ONESTOP_CORRECTION_SEED={seed}")
                    raise
        finally:
            await connection.close()

    async with asyncio.TaskGroup() as group:
        for start in range(AT_ONCE):
            group.create_task(compare_some(seeds[start::AT_ONCE]))


async def compare(client: httpx.AsyncClient, connection: asyncpg.Connection, seed: int) -> None:
    """One person: every operation on the service and on the model, then everything that is left."""
    rng = random.Random(seed)
    chain = own_names(person_years(rng))
    model = PersonModel(chain["person"], chain["hospitals"], chain["catalogue"])
    both = Both(client, model)
    await register(connection, chain)
    await both.identify(chain["person"]["identities"])
    for name, arguments in operations(rng, chain["bills"], model):
        try:
            await getattr(both, name)(**arguments)
        except Exception as error:
            error.add_note(f"after {both.count} writes, in {name} {arguments if name != 'settle' else ''}")
            raise
    for year in {entry.year for entry in model.entries}:
        await both.compare_year(year)
    await both.compare_settlements()
    owed = {tuple(row)[:4]: row["owed"] for row in await connection.fetch(PAYABLES, both.person_id) if row["owed"]}
    assert owed == model.payables()
    balances = [tuple(row) for row in await connection.fetch(BALANCES, both.person_id)]
    assert sorted(balances) == sorted(model.balances)


async def register(connection: asyncpg.Connection, chain: dict[str, Any]) -> None:
    """Hospitals and catalogue, straight into the tables."""
    hospitals = chain["hospitals"].values()
    rows = [(hospital["code"], hospital["level"], hospital["rank"], hospital["area_code"]) for hospital in hospitals]
    await connection.executemany(HOSPITALS, rows)
    entries = [
        (
            code,
            version["class"],
            0 if version["class"] == "A" else rate(version["first_pay_ratio"]),
            *(scaled(version["ceilings"][level], 6) if version["ceilings"] else None for level in "123"),
            version["restricted"],
            date.fromisoformat(version["valid_from"]),
            version["valid_until"] and date.fromisoformat(version["valid_until"]),
        )
        for code, versions in chain["catalogue"].items()
        for version in versions
    ]
    await connection.executemany(CATALOGUE, entries)


def in_fen(amounts: dict[str, Any]) -> dict[str, int]:
    """Yuan strings as fen; counts stay."""
    return {name: oracle.fen(value) if isinstance(value, str) else value for name, value in amounts.items()}


def amounts_of(body: dict[str, Any]) -> Amounts:
    """The amounts of an answer, which must be conserved."""
    scope, portions = in_fen(body["scope"]), in_fen(body["portions"])
    total, adjustment = oracle.fen(body["total"]), oracle.fen(body["payable_adjustment"])
    assert sum(scope.values()) == total == sum(portions.values())
    funds = total - portions["hospital"] - portions["patient"]
    assert oracle.fen(body["fund_total"]) == funds
    assert sum(oracle.fen(payable["amount"]) for payable in body["payables"]) == funds + adjustment
    return {"total": total, **scope, **portions, "payable_adjustment": adjustment}


def that_differ(differences: dict[str, Amounts]) -> dict[str, Amounts]:
    """Without those whose amounts are all 0: they may be there for an accumulator, or not."""
    return {settlement_id: amounts for settlement_id, amounts in differences.items() if any(amounts.values())}


@dataclass
class Both:
    """The service and the model, given the same operations."""

    client: httpx.AsyncClient
    model: PersonModel
    id_number: str = field(default_factory=id_number)
    ids: list[str] = field(default_factory=list)  # of the model's entries
    count: int = 0  # POSTs answered

    @property
    def person_id(self) -> str:
        """The one person's number."""
        return str(self.model.person["person_id"])

    async def post(self, path: str, body: dict[str, Any], expected: Any) -> dict[str, Any] | None:
        """POST what the model answered `expected` to; the body of a success, None for the refusal that was due."""
        self.count += 1
        answer = await self.client.post(path, json=body, headers=key())
        answered: dict[str, Any] = answer.json()
        if isinstance(expected, oracle.Refused):
            assert (answer.status_code, answered.get("code")) == (STATUS[expected.code], expected.code), answer.text
            return None
        assert answer.status_code == (200 if body.get("dry_run") else 201), answer.text
        return answered

    async def settle(self, bill: dict[str, Any]) -> None:
        """Settle a bill; the answer shows the year."""
        result = self.model.settle(bill)
        body = await self.post("/v1/settlements", bill, result)
        assert body is not None
        self.ids.append(body["settlement_id"])
        assert amounts_of(body) == self.model.entries[-1].amounts()
        assert body["benefit_class"] == result["benefit_class"]
        assert in_fen(body["year_to_date"]["after"]) == result["after"]

    async def reverse(self, number: int, cascade: bool) -> None:
        """Reverse a settlement."""
        expected = self._model("reverse", number, cascade)
        body = {"reason": "录入错误", "cascade": cascade}
        answered = await self.post(f"/v1/settlements/{self.ids[number]}/reversal", body, expected)
        await self._check_correction(answered, "reversal", number, expected)

    async def refund(self, number: int, quantities: dict[int, int], cascade: bool) -> None:
        """Take back quantities of lines."""
        expected = self._model("refund", number, quantities, cascade)
        lines = [{"line_no": line_no, "quantity": decimal(quantity, 4)} for line_no, quantity in quantities.items()]
        body = {"reason": "退费", "lines": lines, "cascade": cascade}
        answered = await self.post(f"/v1/settlements/{self.ids[number]}/refunds", body, expected)
        await self._check_correction(answered, "adjustment", number, expected)

    async def identify(self, identities: list[dict[str, Any]]) -> None:
        """Put the person with these identities."""
        self.model.identify(identities)
        body = {"name": "某", "id_number": self.id_number, "area_code": self.model.person["area_code"]}
        body |= {"insurance_type": "390", "identities": identities}
        answer = await self.client.put(f"/v1/persons/{self.person_id}", json=body)
        assert answer.status_code == 200, answer.text

    async def readjudicate(self, year: int, dry_run: bool) -> None:
        """Compute a year again with the identities known now."""
        before = {one: entry.amounts() for one, entry in zip(self.ids, self.model.entries, strict=True)}
        expected = self._model("readjudicate", year, dry_run)
        path, body = (
            f"/v1/persons/{self.person_id}/years/{year}/readjudication",
            {"reason": "身份更正", "dry_run": dry_run},
        )
        answered = await self.post(path, body, expected)
        assert answered is not None
        changes = {change["settlement_id"]: change for change in answered["changes"]}
        differing = {one for one, change in changes.items() if any(in_fen(change["difference"]).values())}
        named = {self.ids[number]: amounts for number, amounts in expected.items()}
        assert differing == {one for one, amounts in named.items() if any(amounts[name] for name in PORTIONS)}
        for one, change in changes.items():
            difference = named.get(one, NOTHING)
            assert in_fen(change["before"]) == {name: before[one][name] for name in PORTIONS}
            assert in_fen(change["difference"]) == {name: difference[name] for name in PORTIONS}
            assert in_fen(change["after"]) == {name: before[one][name] + difference[name] for name in PORTIONS}
        if not dry_run:
            adjusted = {one["of_settlement_id"]: amounts_of(one) for one in answered["adjustments"]}
            assert that_differ(adjusted) == that_differ(named)
        await self.compare_year(year)

    def _model(self, name: str, *arguments: Any) -> Any:
        """What the model answers, or the refusal it raised."""
        try:
            return getattr(self.model, name)(*arguments)
        except oracle.Refused as refusal:
            return refusal

    async def _check_correction(self, answered: dict[str, Any] | None, kind: str, number: int, expected: Any) -> None:
        """The correction and its consequences carry the model's differences, each once; and so does the year."""
        if answered is not None:
            assert (answered["kind"], answered["of_settlement_id"]) == (kind, self.ids[number])
            assert all(one["kind"] == "adjustment" for one in answered["adjustments"])
            rows = [answered, *answered["adjustments"]]
            assert len({one["of_settlement_id"] for one in rows}) == len(rows)
            differences = {one["of_settlement_id"]: amounts_of(one) for one in rows}
            assert that_differ(differences) == that_differ({self.ids[at]: amounts for at, amounts in expected.items()})
        await self.compare_year(self.model.entries[number].year)

    async def compare_year(self, year: int) -> None:
        """Every accumulator of a year."""
        answer = await self.client.get(f"/v1/persons/{self.person_id}/years/{year}")
        assert answer.status_code == 200, answer.text
        expected, shown = self.model.accumulators(year), answer.json()
        assert in_fen({name: shown[name] for name in expected}) == expected

    async def pages(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        """All rows of a list."""
        rows: list[dict[str, Any]] = []
        while True:
            answer = await self.client.get(path, params=parameters | {"limit": "100"})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            rows += page["data"]
            if not page["has_more"]:
                return rows
            parameters["cursor"] = page["next_cursor"]

    async def compare_settlements(self) -> None:
        """What each settlement comes to with its corrections, and its status."""
        sums: dict[str, Counter[str]] = {one: Counter() for one in self.ids}
        status, corrected = {}, set()
        for row in await self.pages("/v1/settlements", person_id=self.person_id):
            if row["kind"] == "settlement":
                status[row["settlement_id"]] = row["status"]
            else:
                corrected.add(row["of_settlement_id"])
            sums[row["of_settlement_id"] or row["settlement_id"]].update(amounts_of(row))
        for one, entry in zip(self.ids, self.model.entries, strict=True):
            assert dict(sums[one]) == entry.amounts()
            standing = "adjusted" if one in corrected else "settled"
            assert status[one] == (standing if entry.live else "reversed")
