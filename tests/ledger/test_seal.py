"""Seals: what is edited or removed behind the service's back is found, whatever the clocks say."""

import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from app.config import Settings
from app.database.engine import Database, open_database
from app.ledger import seal
from tests.conftest import migrated_database
from tests.served import commanded

pytestmark = pytest.mark.damages("writes a transfer that no source row asks for, to be sealed")

TABLES = ("settlement", "transfer", "clearing_event", "seal_block", "seal_member")
EVENT = """
INSERT INTO clearing_event (object_id, move, amount, business_at, area_code, subject, request_id)
SELECT 'dis_' || n, 'paid', n, '2018-06-20T10:00:00+08:00', '530100', 'li.hua', 'req_1' FROM generate_series(1, $1) n"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A database of its own: as the service uses it, as its owner does, and where it is."""

    database: Database
    owner: Any
    url: str


@pytest.fixture
async def sealed(database_server: str) -> AsyncIterator[Sealed]:
    """A database of its own with six recorded moves and a transfer."""
    url = await migrated_database(database_server)
    opened = await open_database(url, Settings(pool_size=2, hot_pool_size=1))
    owner = await asyncpg.connect(url)
    await owner.execute(EVENT.replace("$1", "6"))
    await owner.execute(
        "INSERT INTO account (path) VALUES ('area:530100/fund:390100/expense'), ('area:530100/fund:390100/cash')"
    )
    await owner.execute(
        "INSERT INTO transfer (event, debit_account, credit_account, amount, area_code, fund, tier, hospital_code,"
        " hospital_area, clr_type, business_date, period, benefit_year, fiscal_year, subject, request_id)"
        " VALUES ('family_doctor', 1, 2, 7, '530100', '390100', 'basic', 'H1', '530127', '21', '2018-06-20', '2018-06',"
        " 2018, 2018, 'x', 'r')"
    )
    yield Sealed(opened, owner, url)
    await owner.close()
    await opened.close()


async def tamper(sealed: Sealed, *statements: str) -> None:
    """Run statements as the database's owner, with every trigger switched off."""
    for statement in ("SET session_replication_role = replica", *statements, "RESET session_replication_role"):
        await sealed.owner.execute(statement)


async def kinds(sealed: Sealed, **options: Any) -> dict[str, int]:
    """The findings, by kind."""
    async with sealed.database.transaction() as connection:
        return {finding.kind: finding.count for finding in (await seal.verify(connection, **options)).findings}


async def test_a_sealed_ledger_is_in_order(sealed: Sealed) -> None:
    """Every row is sealed once, in blocks that name each other; sealing again adds no block."""
    assert await seal.seal(sealed.database) == 7
    assert await seal.seal(sealed.database) == 0
    await sealed.owner.execute(EVENT.replace("$1", "2"))
    assert await seal.seal(sealed.database) == 2
    async with sealed.database.transaction() as connection:
        verified = await seal.verify(connection)
    assert verified.findings == ()
    assert verified.head is not None
    assert verified.head[0] == 2
    assert await kinds(sealed, expected=verified.head) == {}


async def test_another_time_zone_and_a_new_column_change_no_digest(sealed: Sealed) -> None:
    """A column that a later migration adds, and a session of another zone, leave what is sealed as it is."""
    await seal.seal(sealed.database)
    await sealed.owner.execute("ALTER TABLE clearing_event ADD COLUMN later text")
    name = await sealed.owner.fetchval("SELECT current_database()")
    await sealed.owner.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Shanghai'")
    await sealed.database.engine.dispose()
    assert await kinds(sealed) == {}


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["UPDATE clearing_event SET amount = 99 WHERE object_id = 'dis_3'"], {"edited": 1}),
        (["UPDATE transfer SET amount = 8"], {"edited": 1}),
        (["DELETE FROM clearing_event WHERE object_id = 'dis_3'"], {"removed": 1}),
        (["DELETE FROM seal_member WHERE source = 'transfer'"], {"block": 1}),
        (["UPDATE seal_block SET previous = sha256('x') WHERE block_no = 2"], {"block": 1, "chain": 1}),
        (["DELETE FROM seal_block WHERE block_no = 1"], {"chain": 1}),
        (
            [
                "UPDATE clearing_event SET object_id = 'x' WHERE object_id = 'dis_3'",
                "UPDATE clearing_event SET object_id = 'dis_3' WHERE object_id = 'dis_4'",
                "UPDATE clearing_event SET object_id = 'dis_4' WHERE object_id = 'x'",
            ],
            {"edited": 2},
        ),
        (
            [
                "CREATE TEMP TABLE kept AS SELECT * FROM clearing_event WHERE object_id = 'dis_3'",
                "DELETE FROM clearing_event WHERE object_id = 'dis_3'",
                "INSERT INTO clearing_event OVERRIDING SYSTEM VALUE"
                " SELECT k.event_id, k.object_id, k.move, k.reason, 1, k.business_at, k.hospital_code,"
                " k.hospital_area, k.area_code, k.fund, k.subject, k.request_id, k.recorded_at FROM kept k",
            ],
            {"edited": 1},
        ),
    ],
)
async def test_tampering_is_found(sealed: Sealed, statements: list[str], found: dict[str, int]) -> None:
    """As the owner, triggers off: an edited, removed, exchanged or replaced row and a changed chain are findings."""
    await seal.seal(sealed.database)
    await sealed.owner.execute(EVENT.replace("$1", "1"))
    await seal.seal(sealed.database)
    await tamper(sealed, *statements)
    assert await kinds(sealed) == found


ISSUED = (
    "INSERT INTO disbursement (release_id, hospital_code, hospital_area, area_code, fund, fiscal_year, period, gross,"
    " deposit_rate, deposit, offset_amount, carried, amount, due_on, created_on, subject, request_id) VALUES (1, 'H1',"
    " '530127', '530100', '390100', 2018, '2018-05', 100, 0, 0, 0, 0, 100, '2018-06-25', '2018-06-20', 'li.hua', 'r')",
    "INSERT INTO bank_movement (bank_reference, kind, disbursement_id, amount, value_on, subject, request_id)"
    " VALUES ('FT1', 'payment', 1, 100, '2018-06-25', 'li.hua', 'r')",
    "INSERT INTO token (digest, subject, scopes, created_by, request_id)"
    " VALUES ('x', 'wang', '{finance}', 'zhao', 'r')",
    "INSERT INTO payment_batch (area_code, funds, paying_account, control_sum, created_on, subject, request_id)"
    " VALUES ('530100', '{390100}', '6228', 0, '2018-06-20', 'li.hua', 'r')",
    "INSERT INTO issue (issuer, subject, kind, request_id) VALUES ('zhao', 'wang', 'token', 'r')",
    "INSERT INTO audit_event (kind, operation, query, status, ids, other_person, subject, request_id)"
    " VALUES ('read', 'GET /v1/persons/{person_id}', '{}', 200, '{P1}', false, 'wang', 'r')",
)


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE disbursement SET amount = 90, deposit = 10",
        "UPDATE disbursement SET hospital_code = 'H2'",
        "UPDATE bank_movement SET amount = 10",
        "UPDATE token SET scopes = '{admin}'",
        "UPDATE token SET created_by = 'wang'",
        "UPDATE issue SET issuer = 'li'",
        "UPDATE audit_event SET ids = '{P2}'",
    ],
)
async def test_orders_bank_movements_tokens_and_the_audit_log_are_sealed(sealed: Sealed, edit: str) -> None:
    """What is fixed of them can't be edited unseen; an order that moves on and a token that ends are in order."""
    await tamper(sealed, *ISSUED)
    assert await seal.seal(sealed.database) == 7 + len(ISSUED)
    await tamper(
        sealed,
        "UPDATE disbursement SET state = 'approved', approved_by = 'wang', approved_on = '2018-06-21'",
        "UPDATE token SET revoked_at = clock_timestamp(), revoked_by = 'zhao'",
    )
    assert await kinds(sealed) == {}
    await tamper(sealed, edit)
    assert await kinds(sealed) == {"edited": 1}


async def test_a_row_that_a_completed_pass_must_have_met_is_found(sealed: Sealed) -> None:
    """What is in no block only lags until a pass that began after it is done; then it is a finding, whatever time it
    bears. What is written later lags again."""
    await sealed.owner.execute(EVENT.replace("$1", "1"))
    await seal.seal(sealed.database)
    assert await seal.seal(sealed.database, everything=True) == 0
    await sealed.owner.execute(EVENT.replace("$1", "2"))
    assert await kinds(sealed) == {}
    await tamper(sealed, "DELETE FROM seal_member WHERE source = 'transfer'")
    assert await kinds(sealed) == {"block": 1, "unsealed": 1}
    async with sealed.database.transaction() as connection:
        assert await seal.unsealed(connection) == 1


@pytest.mark.parametrize("everything", [True, False])
async def test_what_commits_during_a_pass_only_lags(sealed: Sealed, everything: bool) -> None:
    """A transaction that still ran when a pass began is above its mark, though it began before, and is sealed next."""
    late = await asyncpg.connect(sealed.url)
    transaction = late.transaction()
    await transaction.start()
    await late.execute(EVENT.replace("$1", "1"))
    assert await seal.seal(sealed.database, everything=everything) == 7
    await sealed.owner.execute(EVENT.replace("$1", "1"))
    assert await seal.seal(sealed.database) == 1
    await transaction.commit()
    await late.close()
    assert await kinds(sealed) == {}
    assert await seal.seal(sealed.database) == 1


async def test_a_database_that_counts_transactions_anew_is_sealed(sealed: Sealed) -> None:
    """A restored database counts its transactions from the beginning: the mark of a block of former times is put
    aside."""
    await seal.seal(sealed.database)
    await tamper(sealed, "UPDATE seal_block SET mark = mark + 1000000")
    await sealed.owner.execute(EVENT.replace("$1", "2"))
    assert await seal.seal(sealed.database) == 2


FORM_1 = """
WITH content(source, row_id, digest) AS (
  SELECT 'transfer', transfer_id, sha256(convert_to('1 transfer ' || jsonb_strip_nulls(to_jsonb(t))::text, 'UTF8'))
    FROM transfer t
  UNION ALL
  SELECT 'clearing_event', event_id,
         sha256(convert_to('1 clearing_event ' || jsonb_strip_nulls(to_jsonb(e))::text, 'UTF8'))
    FROM clearing_event e),
block AS (
  INSERT INTO seal_block (block_no, form, previous, digest, members)
  SELECT 1, 1, decode(repeat('00', 32), 'hex'), sha256(convert_to('1 1 ' || repeat('00', 32) || E'\\n' ||
           string_agg(source || ' ' || row_id || ' ' || encode(digest, 'hex'), E'\\n'
             ORDER BY source COLLATE "C", row_id), 'UTF8')), count(*)
    FROM content)
INSERT INTO seal_member (source, row_id, block_no, digest) SELECT source, row_id, 1, digest FROM content"""


async def test_a_block_of_the_first_form_is_verified(sealed: Sealed) -> None:
    """What earlier releases sealed stays in order, beside blocks of today's form, and an edit of it is found."""
    await sealed.owner.execute("SET timezone = 'UTC'")
    await sealed.owner.execute(FORM_1)
    await sealed.owner.execute(EVENT.replace("$1", "2"))
    assert await seal.seal(sealed.database) == 2
    forms = await sealed.owner.fetch("SELECT form FROM seal_block ORDER BY block_no")
    assert [row["form"] for row in forms] == [1, seal.FORM]
    assert await kinds(sealed) == {}
    await tamper(sealed, "UPDATE transfer SET amount = 8")
    assert await kinds(sealed) == {"edited": 1}
    await tamper(sealed, "UPDATE transfer SET amount = 7", "UPDATE seal_block SET form = 2 WHERE block_no = 1")
    assert (await kinds(sealed))["block"] == 1


async def test_no_column_of_a_row_is_left_out_of_its_seal(sealed: Sealed) -> None:
    """The columns that are named for a seal are those that the table has; a settlement's document comes last, as it
    is."""
    for table, named in seal.AS_ROWS.items():
        columns = await sealed.owner.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
            " ORDER BY attnum",
            table,
        )
        assert [*named] == [row["attname"] for row in columns if row["attname"] != "document"]


async def test_a_clock_that_jumps_forges_nothing(sealed: Sealed) -> None:
    """Rows that a wrong clock dated a day early are in order once they are sealed; a remark says so."""
    await seal.seal(sealed.database)
    await tamper(sealed, "UPDATE seal_block SET sealed_at = sealed_at - interval '3 hours'")
    dated = "(object_id, move, business_at, area_code, subject, request_id, recorded_at)"
    values = "VALUES ('dis_9', 'paid', now(), '530100', 'x', 'r', clock_timestamp() - interval '5 hours')"
    await sealed.owner.execute(EVENT.replace("$1", "1"))
    await seal.seal(sealed.database)
    await tamper(sealed, f"INSERT INTO clearing_event {dated} {values}")
    assert await seal.seal(sealed.database, everything=True) == 1
    async with sealed.database.transaction() as connection:
        verified = await seal.verify(connection)
    assert verified.findings == ()
    assert [(remark.kind, remark.count) for remark in verified.remarks] == [("added", 1)]


async def test_verifying_goes_round(sealed: Sealed) -> None:
    """New blocks are due at once, then the longest unseen ones, a share at a time; only those are compared."""
    for _ in range(4):
        await sealed.owner.execute(EVENT.replace("$1", "1"))
        await seal.seal(sealed.database)
    async with sealed.database.transaction() as connection:
        assert sorted(await seal.due_blocks(connection, 0.25)) == [1, 2, 3, 4]
        await seal.verify(connection, blocks=[1, 2, 3, 4])
    seen = []
    for _ in range(4):
        async with sealed.database.transaction() as connection:
            due = await seal.due_blocks(connection, 0.25)
            await seal.verify(connection, blocks=due)
            assert await seal.unseen_seconds(connection) < 3600
        seen += due
    assert sorted(seen) == [1, 2, 3, 4]
    await tamper(sealed, "UPDATE transfer SET amount = 8")
    assert await kinds(sealed, blocks=[4]) == {}
    assert await kinds(sealed, blocks=[1]) == {"edited": 1}


async def test_a_chain_reckoned_again_differs_from_the_digest_that_was_noted(sealed: Sealed) -> None:
    """Whoever removes all seals and seals anew is found by a digest kept elsewhere."""
    await seal.seal(sealed.database)
    async with sealed.database.transaction() as connection:
        noted = (await seal.verify(connection)).head
    await tamper(sealed, "DELETE FROM seal_member", "DELETE FROM seal_block", "UPDATE transfer SET amount = 8")
    await seal.seal(sealed.database)
    assert await kinds(sealed) == {}
    assert await kinds(sealed, expected=noted) == {"noted": 1}


@pytest.mark.thorough
async def test_the_command_says_what_is_wrong(sealed: Sealed) -> None:
    """``onestop seal verify`` leaves with 0 when all is in order, with 1 and words when it isn't."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return commanded(("seal", "verify", *arguments), os.environ | {"ONESTOP_DATABASE_URL": sealed.url})

    await seal.seal(sealed.database)
    fine = run()
    assert (fine.returncode, "没有问题" in fine.stdout) == (0, True), fine.stderr
    await tamper(sealed, "UPDATE transfer SET amount = 8")
    wrong = run()
    assert wrong.returncode == 1
    assert "被改动" in wrong.stderr
    assert "transfer 1" in wrong.stderr
