"""The account to which a person's claims are paid: encrypted, shown masked, changed by two people."""

from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.ids import ACCOUNT_CHANGE, HOSPITAL_ACCOUNT, shown_id
from app.clearing.machine import Act
from app.clearing.tables import person_account
from app.database.engine import HotRecord
from app.database.locks import Lock, hold
from app.registry import change, hospital_account
from app.registry.change import ChangeKind
from app.registry.hospital_facts import AskedChange, BankAccount, masked
from app.registry.key_rotation import Table, renewed
from app.registry.service import person_row
from app.service.caller import Caller
from app.service.conditions import hold_to
from app.service.security import Keys, decrypt, encrypt

ACCOUNTS: Final = ChangeKind(person_account, "person_id", Lock.PERSON, ACCOUNT_CHANGE)
_ACCOUNTS: Final = """
SELECT change_id::text AS id, person_id, account FROM person_account
 WHERE change_id > coalesce(nullif($1, '')::bigint, 0) AND account IS NOT NULL ORDER BY change_id LIMIT $2 FOR UPDATE"""
# A claim pins an account by its content, so what it pinned becomes the same anew.
_WRITE_ACCOUNT: Final = """
WITH former AS (SELECT person_id, account FROM person_account WHERE change_id = $1::text::bigint),
     pinned AS (UPDATE claim k SET account = $2 FROM former f
                 WHERE k.person_id = f.person_id AND k.account = f.account)
UPDATE person_account SET account = $2 WHERE change_id = $1::text::bigint"""


class PersonAccountRequest(Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/persons/{id}/bank-account``; null removes the account."""

    bank_account: BankAccount | None


class PersonAccountAnswer(Struct):
    """The account that holds, its number masked, null without one; and the change that waits, if any."""

    person_id: str
    bank_account: BankAccount | None
    bank_account_change: AskedChange | None


class WaitingChange(Struct):
    """A change that waits for another person, its account masked; null where it removes the account."""

    change_id: str
    payee: str
    address: str
    bank_account: BankAccount | None
    asked_by: str


async def waiting(keys: Keys, connection: AsyncConnection) -> list[WaitingChange]:
    """The changes within reach that wait: of persons, then of hospitals, the oldest first."""
    return [
        WaitingChange(
            shown_id(ACCOUNT_CHANGE, row["change_id"]),
            row["person_id"],
            f"/finance/persons/{row['person_id']}",
            masked_account(keys, row["person_id"], row["account"]),
            row["subject"],
        )
        for row in await change.waiting(connection, ACCOUNTS)
    ] + [
        WaitingChange(one.change_id, one.hospital_code, f"/finance/hospitals/{one.hospital_code}", *one[2:])
        for one in await hospital_account.waiting(keys, connection)
    ]


async def ask(
    keys: Keys, connection: AsyncConnection, caller: Caller, person_id: str, wanted: PersonAccountRequest
) -> PersonAccountAnswer:
    """Ask for a change. It replaces one that waits; the account that holds changes nothing: one that waits is
    withdrawn."""
    await person_row(connection, person_id)
    await hold(connection, Lock.PERSON, person_id)  # of two who ask at once, the second replaces the first
    await hold_to(caller.if_match, lambda: account_within(keys, connection, person_id))
    if wanted.bank_account == await _holding(keys, connection, person_id):
        await change.withdraw(connection, ACCOUNTS, person_id)
    else:
        content = None
        if wanted.bank_account is not None:
            content = encrypt(keys, msgspec.json.encode(wanted.bank_account).decode(), associated=_place(person_id))
        await change.ask(connection, caller, ACCOUNTS, person_id, {"account": content})
    return await account_of(keys, connection, person_id)


async def account_of(keys: Keys, connection: AsyncConnection, person_id: str) -> PersonAccountAnswer:
    """A person's account, masked, with the change that waits; NotFound for a person out of reach."""
    await person_row(connection, person_id)
    return await account_within(keys, connection, person_id)


async def account_within(keys: Keys, connection: AsyncConnection, person_id: str) -> PersonAccountAnswer:
    """The same for whoever reaches a claim of the person, who may live elsewhere by now."""
    holding = await _holding(keys, connection, person_id)
    waits = await change.pending(connection, ACCOUNTS, person_id)
    return PersonAccountAnswer(person_id, None if holding is None else masked(holding), waits)


async def approve_any(act: Act, shown: str) -> AskedChange:
    """Let a change of a person's account hold, or of a hospital's, whichever the id is of."""
    if shown.startswith(HOSPITAL_ACCOUNT):
        return await change.approve(act.connection, act.caller, act.day, hospital_account.ACCOUNTS, shown)
    return await change.approve(act.connection, act.caller, act.day, ACCOUNTS, shown)


async def _holding(keys: Keys, connection: AsyncConnection, person_id: str) -> BankAccount | None:
    row = await change.holding(connection, ACCOUNTS, person_id)
    return None if row is None or row["account"] is None else _decoded(keys, person_id, row["account"])


def masked_account(keys: Keys, person_id: str, content: bytes | None) -> BankAccount | None:
    """A person's account as it was stored, its number masked; None without one."""
    return None if content is None else masked(_decoded(keys, person_id, content))


def pinned_account(keys: Keys, person_id: str, content: bytes | None) -> BankAccount | None:
    """The account that a claim pinned, as the bank needs it; None without one."""
    return None if content is None else _decoded(keys, person_id, content)


def _decoded(keys: Keys, person_id: str, content: bytes) -> BankAccount:
    return msgspec.json.decode(decrypt(keys, content, associated=_place(person_id)), type=BankAccount)


def _place(person_id: str) -> bytes:
    """Where an encrypted account belongs."""
    return f"person_account.account {person_id}".encode()


def _renewed(keys: Keys, row: HotRecord) -> tuple[bytes] | None:
    return renewed(keys, row["account"], _place(row["person_id"]))


PERSONS_ACCOUNTS: Final[Table] = ("person_account", _ACCOUNTS, _WRITE_ACCOUNT, _renewed)
"""What a new secret of the service writes anew here (``app/registry/key_rotation.py``)."""
