"""Policy packs over HTTP: which packs there are, and every parameter that holds on a day."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import shanghai_day
from app.basics.errors import Fault, NotFound, Refused
from app.policies.checking import CheckAnswer, assumed_rows, checked_apart
from app.service import clock
from app.service.http import QueryDay, answer, caller_of, open_request, service_of
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import require
from app.service.tables import policy_text
from app.service.wire import decode
from app.tiers.pack import Pack, Row
from app.tiers.policy import Policy, PolicyBook
from app.tiers.units import shown
from app.tiers.yamltext import MAX_PACK_BYTES

router = APIRouter(prefix="/v1", tags=["policies"])


class FigureAnswer(Struct, rename={"from_": "from"}):
    """One dated figure: whom it is for, its value, its interval [from, until), where it comes from."""

    applies_to: dict[str, list[str]]
    value: Any
    from_: str
    until: str | None
    status: str
    document: str
    clause: str
    quote: str | None = None


class ParameterAnswer(Struct):
    """A parameter and the figures that hold on the day."""

    name: str
    title: str
    unit: str
    figures: list[FigureAnswer]


class CheckRequest(Struct, forbid_unknown_fields=True):
    """A pack's text, to be checked."""

    text: Annotated[str, Meta(max_length=MAX_PACK_BYTES)]


class PolicyDayAnswer(Struct):
    """A pack on a day."""

    pack: str
    title: str
    version: str
    on: str
    digest: str
    areas: list[str]
    assumed: int
    documents: dict[str, dict[str, str]]
    groups: dict[str, list[str]]
    precedence: list[str]
    parameters: list[ParameterAnswer]


@router.get("/policies")
async def list_policies(request: Request) -> Response:
    """All packs with their versions."""
    await caller_of(request)
    packs = service_of(request).book.packs.values()
    return answer({"data": [_summary(pack) for pack in packs], "has_more": False, "next_cursor": None})


@router.get("/policies/{pack}", responses=gives(200, PolicyDayAnswer))
async def get_policy(request: Request, pack: str, on: QueryDay = None) -> Response:
    """Every parameter of a pack on a day (today without one)."""
    caller, service = await caller_of(request), service_of(request)
    if pack not in service.book.packs:
        raise NotFound("not_found")
    if on is None:
        async with service.database.transaction() as connection:
            await open_request(service, connection, caller)
            on = shanghai_day(await clock.now(connection, manual=service.manual_clock))
    try:
        policy = service.book.policy(pack, on)
    except Refused as refused:
        raise Refused([Fault("/query/on", fault.code, fault.values) for fault in refused.faults]) from None
    return answer(policy_answer(policy, on))


@router.post("/policies/{pack}/check", openapi_extra=body(CheckRequest), responses=gives(200, CheckAnswer))
async def check_policy(request: Request, pack: str) -> Response:
    """Check a pack's YAML text against the packs of this service. Nothing is stored. A text that takes more than ten
    seconds or a gigabyte is told so as a finding."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "policy")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), CheckRequest)
    texts = {name: known.texts[name] for name, known in service.book.packs.items()} | {pack: wanted.text}
    return answer(await checked_apart(texts, pack))


def _summary(pack: Pack) -> dict[str, Any]:
    return {
        "pack": pack.name,
        "title": pack.title,
        "inherits": pack.inherits,
        "areas": list(pack.areas),
        "digest": pack.digest,
        "assumed": assumed_rows(pack),
        "versions": [
            {
                "version": version.name,
                "title": version.title,
                "from": version.since.isoformat(),
                "until": None if version.until is None else version.until.isoformat(),
            }
            for version in pack.versions
        ],
    }


def policy_answer(policy: Policy, on: date) -> PolicyDayAnswer:
    """A policy as the API shows it."""
    pack, version = policy.pack, policy.version
    parameters = [
        ParameterAnswer(name, item.title, item.unit, [_figure(row, item.unit) for row in policy.rows(name)])
        for name, item in sorted(pack.parameters.items())
    ]
    return PolicyDayAnswer(
        pack=pack.name,
        title=pack.title,
        version=version.name,
        on=on.isoformat(),
        digest=pack.digest,
        areas=list(pack.areas),
        assumed=sum(figure.status == "assumed" for item in parameters for figure in item.figures),
        documents={name: dict(item) for name, item in pack.documents.items()},
        groups={name: sorted(members) for name, members in version.groups.items()},
        precedence=list(version.precedence),
        parameters=[item for item in parameters if item.figures],
    )


def _figure(row: Row, unit: str) -> FigureAnswer:
    return FigureAnswer(
        applies_to={key: list(values) for key, values in row.selectors},
        value=shown(row.value, unit),
        from_=row.since.isoformat(),
        until=None if row.until is None else row.until.isoformat(),
        status=row.status,
        document=row.document,
        clause=row.clause,
        quote=row.quote or None,
    )


async def keep_texts(connection: AsyncConnection, book: PolicyBook) -> None:
    """Keep every pack text in use by its digest, so that any settlement can be replayed."""
    for pack in book.packs.values():
        statement = insert(policy_text).values(digest=pack.digest, pack=pack.name, texts=dict(pack.texts))
        await connection.execute(statement.on_conflict_do_nothing())
