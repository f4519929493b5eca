"""What operators ask: is it alive, is it ready, which version, which numbers; and the business clock."""

from typing import Final, cast

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import PlainTextResponse, Response

from app import ENGINE_VERSION
from app.basics.days import shown_instant
from app.database.schema import head
from app.service import clock, elected
from app.service.audit_list import AUDIT_LOG
from app.service.clock import ClockRequest
from app.service.health import Health
from app.service.http import answer, caller_of, open_request, service_of
from app.service.lists import add_route
from app.service.metrics import render_metrics
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import require_unrestricted_admin
from app.service.wire import decode
from app.version import VERSION

router = APIRouter(tags=["operations"])
add_route(router, "/v1/audit-log", AUDIT_LOG)
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
    """Whether this instance can settle, as its last probe found, at most ten seconds ago: the database answers and
    can be written, its schema and this release fit each other. What is only worth a look stands under ``degraded``,
    with 200."""
    found = cast(Health, request.app.state.health).report()
    status = "unavailable" if not found.ready else "degraded" if found.degraded else "ok"
    content = {"status": status, "checks": found.checks, "degraded": found.degraded}
    return answer(content, 200 if found.ready else 503)


@router.get("/version")
async def version() -> Response:
    """Which release and which engine this is."""
    return answer({"version": VERSION, "engine_version": ENGINE_VERSION, "migration": head()})


@router.get("/metrics", response_class=PlainTextResponse)
def metrics() -> Response:
    """Prometheus metrics, summed over all workers, and on the host of the elected process those of clearing and
    ledger."""
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
    require_unrestricted_admin(caller.principal)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), ClockRequest)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        now = await clock.move(connection, wanted.now, manual=service.manual_clock)
    return answer(ClockAnswer(shown_instant(now), service.manual_clock))
