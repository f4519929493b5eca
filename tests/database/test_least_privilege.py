"""As the service's login everything is tried that it must not do: whoever makes the service run SQL of their own gets
no further than this."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.database.schema import let_in, migrate
from tests.conftest import APP_PASSWORD, new_database, of_app

ESCAPES = (
    "SET ROLE onestop_owner",
    "SET ROLE onestop_settler",
    "SET ROLE onestop_backup",
    "SET SESSION AUTHORIZATION onestop_owner",
    "GRANT onestop_owner TO onestop_app",
    "GRANT onestop_settler TO onestop_app",
    "ALTER ROLE onestop_app SUPERUSER",
    "ALTER ROLE onestop_app BYPASSRLS",
    "ALTER ROLE onestop_owner PASSWORD 'x'",
    "CREATE ROLE another LOGIN",
    "CREATE DATABASE another",
    "SET session_replication_role = replica",
)
REACHES_OUT = (
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/onestop-least-privilege'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_reload_conf()",
    "ALTER SYSTEM SET fsync = off",
    "CREATE EXTENSION dblink",
)
CHANGES_THE_HOUSE = (
    "CREATE TABLE another ()",
    "CREATE TEMPORARY TABLE state_move (kind text, from_state text, to_state text)",
    "CREATE SCHEMA another",
    "CREATE FUNCTION another() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION reaches_fund(row_fund text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "ALTER TABLE person DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE person NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE transfer DISABLE TRIGGER ALL",
    "DROP TRIGGER settlement_immutable ON settlement",
    "DROP POLICY person_reach ON person",
    "CREATE POLICY another ON person USING (true)",
    "DROP TABLE person",
    "TRUNCATE person, settlement CASCADE",
    "UPDATE schema_state SET oldest_code = 1",
    "INSERT INTO state_move VALUES ('disbursement', 'draft', 'paid')",
    "DELETE FROM state_move",
    "SELECT setval('settlement_id', 1)",
    "SELECT nextval('transfer_id')",
    "INSERT INTO restoration (data_until, restored_on) VALUES (now(), '2018-01-01')",
    "DELETE FROM bank_check",
)
WRITES_PAST_THE_RULES = (
    "INSERT INTO account (path) VALUES ('area:530100/fund:390100/cash/x')",
    "INSERT INTO transfer (event) VALUES ('payment')",
    "UPDATE transfer SET amount = 1",
    "DELETE FROM transfer",
    "INSERT INTO settlement (settlement_id) VALUES (1)",
    "UPDATE settlement SET basic = 0",
    "INSERT INTO settled_visit VALUES ('x', 'x', 1, 1)",
    "DELETE FROM settled_visit",
    "UPDATE person_year SET entries = 0",
    "INSERT INTO statement_part (statement_id) VALUES (1)",
    "UPDATE statement_part SET state = 'approved'",
    "UPDATE statement_part SET amount = 1",
    "UPDATE statement SET state = 'approved'",
    "UPDATE disbursement SET amount = 1",
    "DELETE FROM disbursement",
    "UPDATE bank_movement SET amount = 1",
    "DELETE FROM bank_movement",
    "DELETE FROM prepayment_offset",
    "UPDATE family_doctor_fee SET transfer_id = 1",
    "INSERT INTO claim (settlement_id) VALUES (1)",
    "UPDATE claim SET gross = 1",
    "UPDATE clearing_event SET reason = ''",
    "DELETE FROM clearing_event",
    "UPDATE seal_block SET members = 0",
    "DELETE FROM seal_member",
    "UPDATE seal_finding SET evidence = ''",
    "DELETE FROM seal_acknowledgement",
    "UPDATE seal_pass SET mark = 0",
    "UPDATE posting_sum SET amount = 1",
    "DELETE FROM posting_roll",
    "UPDATE statement_sum SET amount = 1",
    "UPDATE idempotency SET status = 200",
    "DELETE FROM idempotency",
    "DELETE FROM person",
    "UPDATE readjudication_run SET subject = 'x'",
    "UPDATE readjudication_row SET basic = 1",
    "DELETE FROM readjudication_outcome",
    "DELETE FROM hospital",
    "UPDATE hospital_period SET level = 3",
    "UPDATE area_figure SET amount = 1",
    "UPDATE token SET scopes = ARRAY['admin']",
    "UPDATE app_user SET scopes = ARRAY['admin']",
)
WITHOUT_ROW_SECURITY = {
    # The service's own, in which no row is anybody's.
    "alembic_version", "schema_state", "key_check", "health_probe", "election", "business_clock",
    "state_move", "policy_text",
    "backup", "restoration", "bank_check",
    # Looked up before it is known who asks.
    "token", "app_user", "user_session", "second_factor", "failed_login", "nhsa_nonce",
    # Every request's to read; who may write is the service's to ask.
    "area", "hospital",
    # Digests of rows.
    "seal_block", "seal_member", "seal_pass", "seal_verified", "seal_finding", "seal_acknowledgement", "posting_roll",
}  # fmt: skip


@pytest.fixture(scope="module")
async def url(database_server: str) -> str:
    """The superuser's URL of a database that was migrated itself: a copy lacks what is granted on the database."""
    made = await new_database(database_server)
    await migrate(made)
    await let_in(made, APP_PASSWORD)
    return made


@pytest.fixture
async def app(url: str) -> AsyncIterator[Any]:
    """A connection as the service logs in."""
    opened = await asyncpg.connect(of_app(url))
    yield opened
    await opened.close()


@pytest.mark.parametrize("statement", [*ESCAPES, *REACHES_OUT, *CHANGES_THE_HOUSE, *WRITES_PAST_THE_RULES])
async def test_the_services_login_is_refused(app: Any, statement: str) -> None:
    """Not because of what a row holds or lacks: the login has no right to it."""
    with pytest.raises(asyncpg.PostgresError) as refused:
        await app.execute(statement)
    assert refused.value.sqlstate == "42501", refused.value


async def test_leaving_the_role_leads_nowhere(app: Any) -> None:
    """SET ROLE NONE, RESET ALL and the like leave the login what it is."""
    for statement in ("SET ROLE NONE", "RESET ROLE", "RESET ALL", "RESET SESSION AUTHORIZATION"):
        await app.execute(statement)
        assert await app.fetchrow("SELECT session_user, current_user") == ("onestop_app", "onestop_app")
        assert await app.fetchval("SELECT current_setting('is_superuser')") == "off"
    await app.execute("SET row_security = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.fetchval("SELECT count(*) FROM person")


async def test_the_login_owns_nothing_and_is_a_member_of_nothing(app: Any) -> None:
    """Neither an object of the cluster nor a role is the login's."""
    login = "(SELECT oid FROM pg_roles WHERE rolname = 'onestop_app')"
    owned = f"SELECT count(*) FROM pg_shdepend WHERE refobjid = {login} AND deptype = 'o'"
    assert await app.fetchval(owned) == 0
    assert await app.fetchval(f"SELECT count(*) FROM pg_auth_members WHERE member = {login}") == 0


async def test_every_other_table_has_row_security_and_shows_nothing_unasked(app: Any) -> None:
    """A table without it is on the list above; what has it shows no row before a request is opened."""
    rows = await app.fetch(
        "SELECT relname, relrowsecurity AND relforcerowsecurity AS bound FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    )
    assert {row["relname"] for row in rows if not row["bound"]} == WITHOUT_ROW_SECURITY
    for row in rows:
        if row["bound"] and await app.fetchval("SELECT has_table_privilege($1, 'SELECT')", row["relname"]):
            assert await app.fetchval(f"SELECT count(*) FROM {row['relname']}") == 0
