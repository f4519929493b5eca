"""What operators ask: is it alive, is it ready, which version, which numbers; and the business clock."""

from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from app import ENGINE_VERSION
from app.basics.days import shanghai_day, shown_instant
from app.basics.errors import OnestopError, Refused
from app.database.schema import head, misfit
from app.service import clock, elected
from app.service.caller import Service
from app.service.clock import ClockRequest
from app.service.http import answer, caller_of, open_request, service_of
from app.service.metrics import render_metrics
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import require
from app.service.wire import decode
from app.version import VERSION

router = APIRouter(tags=["operations"])
QUIET: Final = ("/livez", "/readyz", "/metrics")


class ClockAnswer(Struct):
    """The business clock."""

    now: str
    manual: bool


@router.get("/livez")
async def livez() -> Response:
    """The process answers. Looks at nothing else."""
    return answer({"status": "ok"})


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """The database answers, its schema and this release fit each other, and every pack has a policy for today."""
    checks = await _checks(request.app.state.service)
    ready = all(value == "ok" for value in checks.values())
    return answer({"status": "ok" if ready else "unavailable", "checks": checks}, 200 if ready else 503)


async def _checks(service: Service) -> dict[str, str]:
    try:
        async with service.database.transaction() as connection:
            now = await clock.now(connection, manual=service.manual_clock)
            wrong = await connection.run_sync(misfit)
    except OnestopError as error:
        return {"database": error.code}
    checks = {"database": "ok", "migrations": wrong or "ok"}
    today = shanghai_day(now)
    for name in service.book.packs:
        try:
            service.book.policy(name, today)
            checks[f"policy {name}"] = "ok"
        except Refused as refused:
            checks[f"policy {name}"] = refused.code
    return checks


@router.get("/version")
async def version() -> Response:
    """Which release and which engine this is."""
    return answer({"version": VERSION, "engine_version": ENGINE_VERSION, "migration": head()})


@router.get("/metrics")
def metrics() -> Response:
    """Prometheus metrics, summed over all workers, and on the host of the elected process those of clearing and ledger."""
    content, content_type = render_metrics()
    return Response(content + elected.published(), media_type=content_type)


@router.get("/v1/clock", responses=gives(200, ClockAnswer))
async def get_clock(request: Request) -> Response:
    """The business clock."""
    await caller_of(request)
    service = service_of(request)
    async with service.database.transaction() as connection:
        now = await clock.now(connection, manual=service.manual_clock)
    return answer(ClockAnswer(shown_instant(now), service.manual_clock))


@router.put("/v1/clock", openapi_extra=body(ClockRequest), responses=gives(200, ClockAnswer))
async def put_clock(request: Request) -> Response:
    """Move the manual clock forward."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "admin")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), ClockRequest)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        now = await clock.move(connection, wanted.now, manual=service.manual_clock)
    return answer(ClockAnswer(shown_instant(now), service.manual_clock))
