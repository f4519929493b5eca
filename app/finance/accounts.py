"""Accounts of persons and hospitals, and how hospitals sign: changes that wait for another person's approval; asking
for a change of a person's account."""

from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import person_account
from app.clearing.machine import acting
from app.clearing.person_account import PersonAccountRequest, WaitingChange
from app.finance.page import Move, PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.registry import hospital_gateway
from app.registry.hospital_facts import BankAccount
from app.service.security import REGISTRY_READERS

router = APIRouter(prefix="/finance/accounts", route_class=PageRoute, include_in_schema=False)
FIELDS: Final = ("bank_name", "account_name", "account_number")


@router.get("")
async def get_accounts(request: Request) -> Response:
    """The changes that wait."""
    return await _page(await visit(request, *REGISTRY_READERS))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    changes, gateways = await reading(visitor, lambda connection: _waiting(visitor, connection))
    return shown(visitor, "accounts.html", refusal=refusal, changes=changes, gateways=gateways)


async def _waiting(
    visitor: Visitor, connection: AsyncConnection
) -> tuple[list[WaitingChange], list[hospital_gateway.WaitingGateway]]:
    accounts = await person_account.waiting(visitor.service.keys, connection)
    return accounts, await hospital_gateway.waiting(connection)


@router.post("/{change_id}/approve")
async def post_approve(request: Request, change_id: str) -> Response:
    """Let a change hold that another person asked for."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await person_account.approve_any(await acting(visitor.service, connection, visitor.caller), change_id)

    return await _act(request, move, "finance", notice="notice.account.approved")


@router.post("/gateways/{change_id}/approve")
async def post_gateway_approve(request: Request, change_id: str) -> Response:
    """Let hold how a hospital signs, which another person asked for."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await hospital_gateway.approve(visitor.service, connection, visitor.caller, change_id)

    return await _act(request, move, "registry", "finance", notice="notice.gateway.approved")


@router.post("")
async def post_account(request: Request) -> Response:
    """Ask for a person's account to be changed."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        wanted = PersonAccountRequest(struct_of(form, BankAccount, *FIELDS))
        keys = visitor.service.keys
        return await person_account.ask(keys, connection, visitor.caller, form.get("person_id", ""), wanted)

    return await _act(request, move, "registry", "finance", notice="notice.account.asked")


async def _act(request: Request, move: Move, *scopes: str, notice: str) -> Response:
    return await stepped(request, move, *scopes, location="/finance/accounts", notice=notice, show=_page)
