"""A new secret: former data stay readable, lists still match, and everything is written anew in batches."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from click.testing import CliRunner

from app.basics.errors import Conflict
from app.cli.main import main
from app.config import Settings
from app.database.engine import open_database
from app.database.schema import migrate
from app.policies import shipped_book
from app.registry import hospital_account, hospital_gateway, hospitals, key_rotation
from app.registry import service as registry
from app.registry.facts import PersonRequest
from app.registry.hospital_facts import BankAccount, GatewayRequest, HospitalRequest
from app.registry.key_rotation import Rotated, rotate
from app.service import key_check
from app.service.caller import Caller, Service
from app.service.security import Principal, blind_index, derive_keys, load_keys
from tests.conftest import ADMIN_TOKEN, migrated_database, new_database, start_service
from tests.registry.test_poverty_list import ended, imported
from tests.world import id_number

pytestmark = pytest.mark.thorough

CALLER = Caller(Principal(0, "li.hua", frozenset({"admin"}), None, None, None, None), "r-1", "en")
ACCOUNT = BankAccount("农业银行", "县人民医院", "6228480402564890018")


@pytest.fixture
async def url(database_server: str) -> str:
    """A migrated database of its own."""
    return await migrated_database(database_server)


@pytest.fixture
async def connection(url: str) -> AsyncIterator[Any]:
    """A connection as its owner."""
    opened = await asyncpg.connect(url)
    yield opened
    await opened.close()


ROTATED = {
    "person.name", "person.id_number", "person.id_number_index", "person.name_birth_index",
    "hospital_account.content", "hospital_gateway.secret", "person_account.account", "claim.account",
    "second_factor.secret",
    "nhsa_visit.details", "nhsa_fee_line.details", "nhsa_filing.details", "nhsa_message.key", "nhsa_file.key",
}  # fmt: skip
NOT_ROTATED = {
    # Ends by itself: files and rows of jobs, remembered answers, counted failures.
    "job_file.content", "job_row.id_number_index", "job_row.name_birth_index", "idempotency.body",
    "failed_login.origin", "failed_login.name",
    # Encrypted with a key of its own row, which is rotated.
    "nhsa_message.request", "nhsa_message.answer", "nhsa_file.content",
    # Digests, without a secret.
    "job.file_digest", "seal_block.previous", "seal_block.digest", "seal_member.digest", "nhsa_message.input_hash",
    "user_session.digest", "token.digest", "idempotency.request_hash", "bank_receipt.digest", "payment_batch.digest",
    "readjudication_row.before_digest",
    "backup.dump_sha256", "seal_finding.evidence",
    # Tells the secrets.
    "key_check.value",
}  # fmt: skip


async def test_everything_that_is_encrypted_is_written_anew_or_ends(connection: Any) -> None:
    """Every column of bytes is rotated, ends by itself, or holds a digest that no secret is needed for."""
    rows = await connection.fetch(
        "SELECT table_name || '.' || column_name AS name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'bytea'"
    )
    assert {row["name"] for row in rows} - ROTATED - NOT_ROTATED == set()


async def written(service: Service, persons: int) -> dict[str, PersonRequest]:
    """Persons, a hospital's account and its gateway, by the service's secret."""
    wanted = HospitalRequest("县人民医院", 2, "county", "530127", bank_account=ACCOUNT)
    await hospitals.put_hospital(service, CALLER, "H1", wanted)
    await hospital_gateway.put_gateway(service, CALLER, "H1", GatewayRequest("A", "his-1", "s" * 32))
    found = {f"P{number}": PersonRequest(f"张{number}", id_number(), "530127", "390", []) for number in range(persons)}
    for person_id, request in found.items():
        await registry.put_person(service, CALLER, person_id, request)
    return found


async def test_everything_is_written_anew_and_resumed(
    url: str, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a rotation the former secret isn't needed; one that stopped is carried on; a second one writes nothing."""
    old, new = secrets.token_bytes(32), secrets.token_bytes(32)
    database = await open_database(url, Settings())
    book = shipped_book(None)
    before, both, after = (
        Service(Settings(), database, book, keys, False)
        for keys in (derive_keys(old), derive_keys(new, [old]), derive_keys(new))
    )
    monkeypatch.setattr(key_rotation, "BATCH", 2)

    def stop(found: Rotated) -> None:
        if found.written >= 2:
            raise KeyboardInterrupt

    try:
        persons = await written(before, 5)
        with pytest.raises(KeyboardInterrupt):
            await rotate(both, CALLER, stop)
        found = await rotate(both, CALLER, lambda so_far: None)
        assert (found.seen, found.written, found.unreadable) == (7, 5, [])
        assert (await rotate(both, CALLER, lambda so_far: None)).written == 0
        for person_id, request in persons.items():
            assert (await registry.read_person(after, CALLER, person_id)).name == request.name
            index = await connection.fetchval("SELECT id_number_index FROM person WHERE person_id = $1", person_id)
            assert index == blind_index(after.keys, request.id_number)
        async with database.transaction() as opened:
            await registry.open_request(after, opened, CALLER)
            assert await hospital_account.holding(after.keys, opened, "H1") == ACCOUNT
            credentials = await hospital_gateway.gateway_credentials(after.keys, opened, "H1")
        assert credentials is not None
        assert (credentials.profile, credentials.key_id, credentials.secret) == ("A", "his-1", "s" * 32)
    finally:
        await database.close()


async def test_a_rotation_waits_for_running_lists_and_tells_what_it_can_not_read(url: str, connection: Any) -> None:
    """While a list is running nothing is written; a row of an unknown secret is named and left as it is."""
    database = await open_database(url, Settings())
    stranger, ours = (
        Service(Settings(), database, shipped_book(None), derive_keys(secrets.token_bytes(32)), False) for _ in range(2)
    )
    try:
        await written(stranger, 1)
        await connection.execute(
            """INSERT INTO job (kind, options, area_code, file_digest, subject, request_id, received_at)
               VALUES ('poverty_list', '{}', '530000', '\\x00', 'x', 'x', now())"""
        )
        with pytest.raises(Conflict, match="list_running"):
            await rotate(ours, CALLER, lambda so_far: None)
        await connection.execute("UPDATE job SET state = 'done'")
        found = await rotate(ours, CALLER, lambda so_far: None)
        assert (found.written, found.unreadable) == (0, ["person P0", "hospital_account 1", "hospital_gateway 1"])
    finally:
        await database.close()


async def test_a_list_matches_persons_of_a_former_secret(url: str, connection: Any, tmp_path: Path) -> None:
    """A list finds persons by id number and by name and birth, whichever secret they were written with."""
    old, new = secrets.token_bytes(32), secrets.token_bytes(32)
    database = await open_database(url, Settings())
    persons = await written(Service(Settings(), database, shipped_book(None), derive_keys(old), False), 2)
    await database.close()
    environment = {"ONESTOP_SECRET_KEY": new.hex(), "ONESTOP_FORMER_SECRETS": old.hex()}
    process, base_url = start_service(url, tmp_path, **environment)
    first, second = persons.values()
    born = f"{second.id_number[6:10]}-{second.id_number[10:12]}-{second.id_number[12:14]}"
    try:
        async with httpx.AsyncClient(
            verify=False, base_url=base_url, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
        ) as client:
            rows: list[tuple[object, ...]] = [(first.id_number, first.name, "低保", "2018-01-01")]
            job = await imported(client, rows)
            assert [(row["outcome"], row["reference"]) for row in job["rows"]] == [("matched", "P0")]
            headings = "身份证号,姓名,出生日期,人员类别\r\n"
            answer = await client.post(
                "/v1/registry/imports?area_code=530000",
                content=f"{headings},{second.name},{born},低保\r\n".encode(),
                headers={"Idempotency-Key": secrets.token_hex(16), "Content-Type": "text/csv"},
            )
            from_name = await ended(client, answer)
            assert [(row["reason"], row["reference"]) for row in from_name["rows"]] == [("by_name_and_birth", "P1")]
    finally:
        process.terminate()
        process.wait(30)


def test_the_command_rotates_the_configured_database(
    database_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``onestop keys rotate`` says how much it did; a secret that is current can't be a former one."""

    url = asyncio.run(new_database(database_server))
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    monkeypatch.setenv("ONESTOP_DATABASE_URL", url)
    monkeypatch.setenv("ONESTOP_SECRET_KEY", old)

    async def fill() -> None:
        await migrate(url)
        database = await open_database(url, Settings())
        keys = load_keys(Settings(), tmp_path)
        await written(Service(Settings(), database, shipped_book(None), keys, False), 3)
        await database.close()

    asyncio.run(fill())
    monkeypatch.setenv("ONESTOP_SECRET_KEY", new)
    monkeypatch.setenv("ONESTOP_FORMER_SECRETS", old)
    done = CliRunner().invoke(main, ["keys", "rotate", "--data-dir", str(tmp_path)])
    assert (done.exit_code, "检查 5 行，重新加密 5 行" in done.output) == (0, True), done.output
    assert asyncio.run(key_check.known(url)) == {derive_keys(bytes.fromhex(new)).current.check}
    monkeypatch.setenv("ONESTOP_FORMER_SECRETS", f"{old},{new}")
    refused = CliRunner().invoke(main, ["keys", "rotate", "--data-dir", str(tmp_path)])
    assert (refused.exit_code, "ONESTOP_FORMER_SECRETS" in refused.output) == (1, True)
