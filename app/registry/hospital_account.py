"""The account to which a hospital's money goes: encrypted, shown masked, changed by two people, every change kept."""

from typing import Final, NamedTuple

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.ids import HOSPITAL_ACCOUNT, shown_id
from app.database.locks import Lock
from app.registry import change
from app.registry.change import ChangeKind
from app.registry.hospital_facts import BankAccount, masked
from app.registry.tables import hospital_account
from app.service.caller import Caller
from app.service.security import Keys, decrypt, encrypt

ACCOUNTS: Final = ChangeKind(hospital_account, "hospital_code", Lock.HOSPITAL, HOSPITAL_ACCOUNT)


class WaitingHospitalChange(NamedTuple):
    """A change that waits for another person, its account masked; None where it removes the account."""

    change_id: str
    hospital_code: str
    bank_account: BankAccount | None
    asked_by: str


async def ask(
    keys: Keys, connection: AsyncConnection, caller: Caller, code: str, wanted: BankAccount | None, *, at_once: bool
) -> None:
    """Ask for a change; None removes the account. It replaces one that waits, and holds ``at_once`` with a new
    hospital. The account that holds changes nothing: one that waits is withdrawn."""
    if wanted == await holding(keys, connection, code):
        await change.withdraw(connection, ACCOUNTS, code)
        return
    content = None
    if wanted is not None:
        content = encrypt(keys, msgspec.json.encode(wanted).decode(), associated=account_place(code))
    await change.ask(connection, caller, ACCOUNTS, code, {"content": content}, at_once=at_once)


async def holding(keys: Keys, connection: AsyncConnection, code: str) -> BankAccount | None:
    """Where a hospital's money goes, unmasked; None without an account, or out of the caller's reach."""
    row = await change.holding(connection, ACCOUNTS, code)
    return None if row is None or row["content"] is None else _decoded(keys, code, row["content"])


async def waiting(keys: Keys, connection: AsyncConnection) -> list[WaitingHospitalChange]:
    """The changes within reach that wait, the oldest first."""
    found = []
    for row in await change.waiting(connection, ACCOUNTS):
        code, content = row["hospital_code"], row["content"]
        account = None if content is None else masked(_decoded(keys, code, content))
        found.append(WaitingHospitalChange(shown_id(HOSPITAL_ACCOUNT, row["change_id"]), code, account, row["subject"]))
    return found


async def of_change(keys: Keys, connection: AsyncConnection, change_id: int) -> BankAccount | None:
    """The account of a change that a payment pinned, unmasked; None where it is out of reach or removed the account."""
    wanted = select(hospital_account.c.hospital_code, hospital_account.c.content)
    row = (await connection.execute(wanted.where(hospital_account.c.change_id == change_id))).first()
    return None if row is None or row.content is None else _decoded(keys, row.hospital_code, row.content)


async def current(connection: AsyncConnection, code: str) -> int | None:
    """The number of the change that a hospital's account comes from, also for who may not see the account; None where
    none was ever set. A payment pins it at its approval."""
    number: int | None = (await connection.execute(select(func.hospital_account_of(code)))).scalar_one()
    return number


def _decoded(keys: Keys, code: str, content: bytes) -> BankAccount:
    return msgspec.json.decode(decrypt(keys, content, associated=account_place(code)), type=BankAccount)


def account_place(code: str) -> bytes:
    """Where an encrypted account belongs."""
    return f"hospital_account.content {code}".encode()
