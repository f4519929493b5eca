"""What is kept of messages and for how long: keys of their own, taken away in time, written with a new secret."""

import secrets
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.config import Settings
from app.database.engine import open_database
from app.nhsa.key_rotation import NATIONAL_TABLES
from app.nhsa.retention import erase
from app.nhsa.vault import opened, sealed
from app.policies import shipped_book
from app.registry.key_rotation import rotate
from app.service.caller import Caller, Service
from app.service.security import Principal, derive_keys
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.nhsa.national import Hospital
from tests.nhsa.test_message import msgid
from tests.nhsa.test_outpatient import transfer
from tests.nhsa.test_reconciliation import packed, uploaded
from tests.nhsa.test_stay import visit_id
from tests.world import World

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
CALLER = Caller(Principal(0, "li.hua", frozenset({"admin"}), None, None, None, None), "r-1", "en")


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


async def busy(url: str, secret: str, act: Any, **environment: str) -> Any:
    """What ``act`` gives with a client of a service over a database, by a secret."""
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(url, Path(folder), ONESTOP_SECRET_KEY=secret, **environment)
        try:
            headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
            async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
                return await act(client)
        finally:
            process.terminate()
            assert process.wait(30) == 0


async def test_everything_is_read_after_a_new_secret(url: str, connection: asyncpg.Connection) -> None:
    """After a rotation the former secret isn't needed for a replay, the queries or a file."""
    number, seen = msgid(), visit_id()

    async def before(client: httpx.AsyncClient) -> tuple[World, dict[str, Any], str, str]:
        hospital = Hospital(await World(client).build())
        await hospital.done("2501", transfer(hospital))
        mdtrt_id = await hospital.stay(seen)
        answer = await hospital.send("2304", hospital.settling("2304", mdtrt_id, "12000.00"), number)
        return hospital.world, answer, mdtrt_id, await uploaded(hospital, packed([]))

    world, answer, mdtrt_id, file_number = await busy(url, OLD.hex(), before)
    database = await open_database(url, Settings())
    try:
        both = Service(Settings(), database, shipped_book(None), derive_keys(NEW, [OLD]), False)
        first = await rotate(both, CALLER, lambda so_far: None, NATIONAL_TABLES)
        assert first.unreadable == []
        assert (await rotate(both, CALLER, lambda so_far: None, NATIONAL_TABLES)).written == 0
    finally:
        await database.close()

    async def after(client: httpx.AsyncClient) -> None:
        world.client = client
        hospital = Hospital(world)
        again = await hospital.send("2304", hospital.settling("2304", mdtrt_id, "12000.00"), number)
        assert again == answer
        lines = await hospital.done("5204", hospital.of_visit(mdtrt_id, setl_id=number))
        assert lines[0]["feedetl_sn"] == "1"
        assert len((await hospital.done("5202", hospital.of_visit(mdtrt_id)))["diseinfo"]) == 1
        row = {"file_qury_no": file_number, "filename": "detail.zip", "fixmedins_code": world.township}
        await hospital.downloaded(row["file_qury_no"], row["filename"])

    await busy(url, NEW.hex(), after)


async def test_keys_are_taken_in_their_time(url: str, connection: asyncpg.Connection) -> None:
    """Messages and files older than their setting lose their key, younger ones and everything else stay."""

    async def act(client: httpx.AsyncClient) -> None:
        hospital = Hospital(await World(client).build())
        await hospital.stay(visit_id())
        await uploaded(hospital, packed([]))

    await busy(url, OLD.hex(), act)
    await connection.execute("ALTER TABLE nhsa_message DISABLE TRIGGER nhsa_message_immutable")
    await connection.execute(
        "UPDATE nhsa_message SET recorded_at = recorded_at - interval '40 days' WHERE infno = '2401'"
    )
    await connection.execute("ALTER TABLE nhsa_message ENABLE TRIGGER nhsa_message_immutable")
    await connection.execute(
        "INSERT INTO nhsa_nonce VALUES ('k', 'old', now() - interval '3 hours'), ('k', 'new', now())"
    )
    database = await open_database(url, Settings())
    try:
        settings = Settings(nhsa_message_days=30)
        service = Service(settings, database, shipped_book(None), derive_keys(OLD), False)
        assert await erase(service) == 1
        assert await erase(service) == 0
    finally:
        await database.close()
    kept = await connection.fetch("SELECT infno, key IS NULL AS erased FROM nhsa_message")
    assert {row["infno"]: row["erased"] for row in kept} == {"2401": True, "2301": False, "2402": False}
    assert await connection.fetchval("SELECT count(*) FROM nhsa_file WHERE key IS NOT NULL") == 1
    assert await connection.fetchval("SELECT string_agg(nonce, ',') FROM nhsa_nonce") == "new"


def test_a_content_is_read_with_its_own_key_in_its_own_place_only() -> None:
    """Another place, another content's number, another key or an altered text: nothing."""
    keys = derive_keys(OLD)
    key, (one, two) = sealed(keys, b"here", b"one", b"two")
    assert (opened(keys, b"here", key, one, number=0), opened(keys, b"here", key, two, number=1)) == (b"one", b"two")
    other, _ = sealed(keys, b"here", b"x")
    for place, with_, content, number in (
        (b"there", key, one, 0),
        (b"here", key, one, 1),
        (b"here", other, one, 0),
        (b"here", key, one[:-1], 0),
    ):
        with pytest.raises(ValueError, match="not"):
            opened(keys, place, with_, content, number=number)


async def test_what_goes_wrong_on_our_side_is_told_without_its_text(url: str, connection: asyncpg.Connection) -> None:
    """A person's lock that isn't had is 503 with ``Retry-After``, never −1; a defect is ``nhsa_failed`` with the id of
    the request."""

    async def act(client: httpx.AsyncClient) -> None:
        hospital = Hospital(await World(client).build())
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT person_lock($1)", hospital.world.person)
        busy_answer = await hospital.sender.post(hospital.sender.envelope("2401", hospital.admission(visit_id())))
        assert (busy_answer.status_code, busy_answer.json()["code"]) == (503, 503)
        assert int(busy_answer.headers["retry-after"]) > 0
        assert "[nhsa_busy]" in busy_answer.json()["message"]
        await transaction.rollback()
        await hospital.admitted(visit_id())
        await connection.execute("ALTER TABLE nhsa_session RENAME TO gone")
        body = hospital.sender.envelope("9001", {"signIn": {"opter_no": "1", "mac": "1", "ip": "1"}})
        answer = await hospital.sender.post(body, **{"x-request-id": "request-00000001"})
        assert answer.status_code == 200
        assert "请求号 request-00000001" in answer.json()["err_msg"]
        assert "[nhsa_failed]" in answer.json()["err_msg"]
        assert "nhsa_session" not in answer.text

    await busy(url, OLD.hex(), act, ONESTOP_PERSON_LOCK_TIMEOUT="0.3")
