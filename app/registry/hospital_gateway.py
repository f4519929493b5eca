"""How a hospital's system signs at the national door: a profile, a key id, an encrypted secret. The first record of a
hospital holds at once, a later one when another person approves it; until then only the former secret is good."""

from hmac import compare_digest
from typing import Final, NamedTuple

from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shanghai_day
from app.basics.errors import NotFound
from app.basics.ids import GATEWAY_CHANGE, shown_id
from app.database.locks import Lock
from app.registry import change
from app.registry.change import ChangeKind
from app.registry.hospital_facts import (
    AskedChange,
    GatewayAnswer,
    GatewayCredentials,
    GatewayRequest,
    Profile,
    gateway_faults,
)
from app.registry.hospitals import locked_hospital
from app.registry.service import refuse, sent_code
from app.registry.tables import hospital_gateway
from app.service import clock
from app.service.caller import Caller, Service
from app.service.conditions import hold_to
from app.service.http import open_request
from app.service.security import Keys, decrypt, encrypt
from app.service.wire import is_code

GATEWAYS: Final = ChangeKind(hospital_gateway, "hospital_code", Lock.HOSPITAL, GATEWAY_CHANGE)


class WaitingGateway(NamedTuple):
    """A change that waits for another person: how the hospital would sign, without the secret."""

    change_id: str
    hospital_code: str
    profile: Profile
    key_id: str | None
    asked_by: str


async def put_gateway(service: Service, caller: Caller, code: str, wanted: GatewayRequest) -> GatewayAnswer:
    """Say how a hospital's system signs. Answers what holds, with the change that waits for another person. What holds
    already changes nothing: a change that waits is withdrawn. Refused with every fault."""
    refuse(sent_code(code, "/code") + gateway_faults(wanted))
    signs = wanted.profile != "none"
    key_id, secret = (wanted.key_id, wanted.secret) if signs else (None, None)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        if await locked_hospital(connection, caller, code) is None:
            raise NotFound("not_found")
        await hold_to(caller.if_match, lambda: _answer(connection, code))
        held = await gateway_credentials(service.keys, connection, code)
        if held is not None and _same(held, GatewayCredentials(wanted.profile, key_id, secret)):
            await change.withdraw(connection, GATEWAYS, code)
        else:
            sealed = None if secret is None else encrypt(service.keys, secret, associated=secret_place(code))
            values = {"profile": wanted.profile, "key_id": key_id, "secret": sealed}
            await change.ask(connection, caller, GATEWAYS, code, values, at_once=held is None)
        return await _answer(connection, code)


async def read_gateway(service: Service, caller: Caller, code: str) -> GatewayAnswer:
    """How a hospital's system signs, without its secret, and the change that waits; NotFound without a profile of its
    own."""
    if not is_code(code):
        raise NotFound("not_found")
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        return await _answer(connection, code)


async def approve(service: Service, connection: AsyncConnection, caller: Caller, shown: str) -> AskedChange:
    """Let a change hold that another person asked for; from then on the former secret is good no more."""
    day = shanghai_day(await clock.now(connection, manual=service.manual_clock))
    return await change.approve(connection, caller, day, GATEWAYS, shown)


async def waiting(connection: AsyncConnection) -> list[WaitingGateway]:
    """The changes within reach that wait, the oldest first."""
    return [
        WaitingGateway(
            shown_id(GATEWAY_CHANGE, row["change_id"]),
            row["hospital_code"],
            row["profile"],
            row["key_id"],
            row["subject"],
        )
        for row in await change.waiting(connection, GATEWAYS)
    ]


async def gateway_credentials(keys: Keys, connection: AsyncConnection, code: str) -> GatewayCredentials | None:
    """What a hospital's signatures are checked with, never shown; None without a profile of its own."""
    row = await change.holding(connection, GATEWAYS, code)
    if row is None:
        return None
    secret = None if row["secret"] is None else decrypt(keys, row["secret"], associated=secret_place(code))
    return GatewayCredentials(row["profile"], row["key_id"], secret, row["change_id"])


async def _answer(connection: AsyncConnection, code: str) -> GatewayAnswer:
    row = await change.holding(connection, GATEWAYS, code)
    if row is None:
        raise NotFound("not_found")
    waits = await change.pending(connection, GATEWAYS, code)
    return GatewayAnswer(code, row["profile"], row["key_id"], UNSET if waits is None else waits)


def _same(one: GatewayCredentials, other: GatewayCredentials) -> bool:
    """Whether both sign alike; how much of two secrets is equal shows in no time."""
    secrets = ((one.secret or "").encode(), (other.secret or "").encode())
    return (one.profile, one.key_id) == (other.profile, other.key_id) and compare_digest(*secrets)


def secret_place(code: str) -> bytes:
    """Where an encrypted secret belongs."""
    return f"hospital_gateway.secret {code}".encode()
