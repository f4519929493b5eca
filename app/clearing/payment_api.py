"""The steps of payments as routes: approval, sending, payments, returns, cancellation; once for every kind.

They translate, nothing more. Paths, names of ids and fields are each kind's own.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any, Generic, TypeVar

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from app.clearing import machine
from app.clearing.api import ReasonRequest, opened, writing
from app.clearing.bank import PaymentRequest, ReturnRequest
from app.clearing.machine import Act, Checked, Paying, acting
from app.clearing.payment import Paid, Payment
from app.service.openapi import KEYED, body, gives
from app.service.problem import read_body
from app.service.wire import decode

P = TypeVar("P", bound=Payment)
B = TypeVar("B", bound=Paid)


@dataclass(frozen=True, slots=True)
class Door(Generic[P]):
    """Where a kind's steps are found: the path, the name of the id in it, the noun of its routes' names, and how it is
    shown."""

    path: str
    id_name: str
    noun: str
    answer: type[Struct]
    show: Callable[[Act, P], Awaitable[Struct]]


async def done(request: Request, wanted: Any, act: Callable[[Act], Awaitable[Struct]], status: int = 200) -> Response:
    """What finance does, once per key, and its answer."""
    caller, service = await opened(request, "finance")

    async def written(connection: Any) -> Struct:
        return await act(await acting(service, connection, caller))

    return await writing(request, caller, wanted, status, written)


async def sent(request: Request, type_: type[Any]) -> Any:
    """What finance sent, decoded; Forbidden for anybody else before it is read."""
    _, service = await opened(request, "finance")
    return decode(await read_body(request, service.settings.max_body_bytes), type_)


def add_checked(router: APIRouter, door: Door[P], kind: Checked[P]) -> None:
    """Add approval and cancellation of a kind that two people make."""

    async def approval(request: Request, shown: str) -> Response:
        """Approve a draft made by another subject."""

        async def act(act: Act) -> Struct:
            return await door.show(act, await machine.approve(act, kind, shown))

        return await done(request, None, act)

    async def cancellation(request: Request, shown: str) -> Response:
        """Cancel one of which nothing is paid: what hangs on it is free again."""
        wanted = await sent(request, ReasonRequest)

        async def act(act: Act) -> Struct:
            return await door.show(act, await machine.cancel(act, kind, shown, wanted.reason))

        return await done(request, wanted, act)

    _add(router, door, "approval", approval, None)
    _add(router, door, "cancellation", cancellation, ReasonRequest)


def add_paying(router: APIRouter, door: Door[B], kind: Paying[B]) -> None:
    """Add every step of a kind that the bank carries out."""

    async def sending(request: Request, shown: str) -> Response:
        """Give an approved one to the bank."""

        async def act(act: Act) -> Struct:
            return await door.show(act, await machine.send(act, kind, shown))

        return await done(request, None, act)

    async def payment(request: Request, shown: str) -> Response:
        """Record the bank's confirmation of a payment, whole or part."""
        wanted = await sent(request, PaymentRequest)

        async def act(act: Act) -> Struct:
            return await door.show(act, await machine.pay(act, kind, shown, wanted))

        return await done(request, wanted, act)

    async def return_(request: Request, shown: str) -> Response:
        """Record money that came back: of an order that much is due again."""
        wanted = await sent(request, ReturnRequest)

        async def act(act: Act) -> Struct:
            return await door.show(act, await machine.give_back(act, kind, shown, wanted))

        return await done(request, wanted, act)

    add_checked(router, door, kind)
    _add(router, door, "sending", sending, None)
    _add(router, door, "payment", payment, PaymentRequest)
    _add(router, door, "return", return_, ReturnRequest)


_PLURAL = {"payment": "payments", "return": "returns"}


def _add(
    router: APIRouter,
    door: Door[P],
    step: str,
    act: Callable[[Request, str], Awaitable[Response]],
    wanted: type[Struct] | None,
) -> None:
    """Add a step's route. Its name and its parameter are the kind's: they stand in ``openapi.yaml``."""

    async def endpoint(request: Request, **ids: str) -> Response:
        return await act(request, ids[door.id_name])

    endpoint.__doc__ = act.__doc__
    keyword = Parameter.KEYWORD_ONLY
    named = [Parameter("request", keyword, annotation=Request), Parameter(door.id_name, keyword, annotation=str)]
    endpoint.__signature__ = Signature(named, return_annotation=Response)  # type: ignore[attr-defined]
    router.add_api_route(
        f"{door.path}/{{{door.id_name}}}/{_PLURAL.get(step, step)}",
        endpoint,
        methods=["POST"],
        name=f"post_{door.noun}_{step}",
        openapi_extra=KEYED if wanted is None else body(wanted, keyed=True),
        responses=gives(200, door.answer),
    )
