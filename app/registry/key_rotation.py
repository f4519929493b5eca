"""A new secret: what was encrypted and indexed with a former one is written anew, in batches, beside a running service.

Persons (name, id number, both indexes), hospitals' accounts and gateway secrets. Repeating it goes on where it stopped:
what is written with the current secret already stays. Not written anew: files of jobs, which end by themselves, and
remembered answers, which live as long as their idempotency key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.basics.errors import Conflict
from app.database.engine import HotConnection, HotRecord
from app.registry.facts import name_and_birth
from app.registry.hospital_account import account_place
from app.registry.hospital_gateway import secret_place
from app.registry.poverty_list import KIND
from app.registry.service import id_number_place, name_place
from app.service import key_check
from app.service.caller import Caller, Service
from app.service.http import check_context
from app.service.security import (
    Keys,
    birth_date,
    blind_index,
    decrypt,
    decrypt_bytes,
    encrypt,
    encrypt_bytes,
    is_current,
)

BATCH: Final = 500

_RUNNING: Final = "SELECT EXISTS (SELECT FROM job WHERE kind = $1 AND state IN ('queued', 'running'))"
# Held until the batch is written: a PUT in between would be overwritten with what was read before it.
_PERSONS: Final = """
SELECT person_id AS id, name, id_number, id_number_index, name_birth_index FROM person
 WHERE person_id > $1 ORDER BY person_id LIMIT $2 FOR UPDATE"""
_WRITE_PERSON: Final = """
UPDATE person SET name = $2, id_number = $3, id_number_index = $4, name_birth_index = $5 WHERE person_id = $1"""
_ACCOUNTS: Final = """
SELECT change_id::text AS id, hospital_code, content FROM hospital_account
 WHERE change_id > coalesce(nullif($1, '')::bigint, 0) AND content IS NOT NULL ORDER BY change_id LIMIT $2 FOR UPDATE"""
_WRITE_ACCOUNT: Final = "UPDATE hospital_account SET content = $2 WHERE change_id = $1::text::bigint"
_GATEWAYS: Final = """
SELECT change_id::text AS id, hospital_code, secret FROM hospital_gateway
 WHERE change_id > coalesce(nullif($1, '')::bigint, 0) AND secret IS NOT NULL ORDER BY change_id LIMIT $2 FOR UPDATE"""
_WRITE_GATEWAY: Final = "UPDATE hospital_gateway SET secret = $2 WHERE change_id = $1::text::bigint"


@dataclass(slots=True)
class Rotated:
    """How many rows were looked at and written anew, and which can't be read with any secret, by table and key."""

    seen: int = 0
    written: int = 0
    unreadable: list[str] = field(default_factory=list)


Renew = Callable[[Keys, HotRecord], tuple[bytes, ...] | None]
Table = tuple[str, str, str, Renew]
"""A table: its name, the statement that reads rows behind an ``id``, the one that writes a row, what makes it new."""


async def rotate(
    service: Service, caller: Caller, told: Callable[[Rotated], None], further: Sequence[Table] = ()
) -> Rotated:
    """Write everything anew that isn't written with the current secret; ``told`` after each batch, which is a
    transaction. ``further``: the tables of other domains. When all of it could be read, the check values of former
    secrets are forgotten: the service starts without them.

    Conflict ``list_running`` while a poverty list is queued or running: its rows were read with indexes of their own
    time.
    """
    found = Rotated()
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        if await connection.fetchval(_RUNNING, KIND):
            raise Conflict("list_running")
    for table, select, write, renew in (
        ("person", _PERSONS, _WRITE_PERSON, renewed_person),
        ("hospital_account", _ACCOUNTS, _WRITE_ACCOUNT, renewed_account),
        ("hospital_gateway", _GATEWAYS, _WRITE_GATEWAY, renewed_secret),
        *further,
    ):
        after: str | None = ""
        while after is not None:
            async with service.database.hot() as connection:
                await check_context(service, connection, caller)
                after = await _batch(service.keys, connection, (table, select, write), renew, after, found)
            told(found)
    if not found.unreadable:
        async with service.database.transaction() as session:
            await key_check.forget_former(session, service.keys)
    return found


async def _batch(
    keys: Keys, connection: HotConnection, statements: tuple[str, str, str], renew: Renew, after: str, found: Rotated
) -> str | None:
    """Renew the rows behind a key; answers the last one's, None when there was none left."""
    table, select, write = statements
    rows = await connection.fetch(select, after, BATCH)
    changes = []
    for row in rows:
        try:
            values = renew(keys, row)
        except ValueError:
            found.unreadable.append(f"{table} {row['id']}")
            continue
        if values is not None:
            changes.append((row["id"], *values))
    if changes:
        await connection.executemany(write, changes)
    found.seen += len(rows)
    found.written += len(changes)
    return rows[-1]["id"] if rows else None


def renewed_person(keys: Keys, row: HotRecord) -> tuple[bytes, bytes, bytes, bytes] | None:
    """A person's columns with the current secret; None when they are. ValueError when no secret reads them."""
    person_id = row["id"]
    name = decrypt(keys, row["name"], associated=name_place(person_id))
    id_number = decrypt(keys, row["id_number"], associated=id_number_place(person_id))
    indexes = (blind_index(keys, id_number), blind_index(keys, name_and_birth(name, birth_date(id_number))))
    sealed = ((row["name"], name_place(person_id)), (row["id_number"], id_number_place(person_id)))
    current = all(is_current(keys, content, associated=place) for content, place in sealed)
    if current and indexes == (row["id_number_index"], row["name_birth_index"]):
        return None
    return (
        encrypt(keys, name, associated=name_place(person_id)),
        encrypt(keys, id_number, associated=id_number_place(person_id)),
        *indexes,
    )


def renewed_account(keys: Keys, row: HotRecord) -> tuple[bytes] | None:
    """A bank account with the current secret; None when it is."""
    return renewed(keys, row["content"], account_place(row["hospital_code"]))


def renewed_secret(keys: Keys, row: HotRecord) -> tuple[bytes] | None:
    """A gateway's secret with the current secret; None when it is."""
    return renewed(keys, row["secret"], secret_place(row["hospital_code"]))


def renewed(keys: Keys, content: bytes, place: bytes) -> tuple[bytes] | None:
    """A content with the current secret; None when it is. ValueError when no secret reads it."""
    plain = decrypt_bytes(keys, content, associated=place)
    return None if is_current(keys, content, associated=place) else (encrypt_bytes(keys, plain, associated=place),)
