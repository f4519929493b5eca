"""The routes of runs of readjudication. They translate, nothing more."""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing.api import ReasonRequest, opened, reading
from app.clearing.machine import Act
from app.clearing.payment_api import done, sent
from app.readjudication import run as runs
from app.readjudication.answer import ReadjudicationRunAnswer, shown
from app.readjudication.lists import RUNS, YEARS
from app.readjudication.run import ReadjudicationRun, ReadjudicationRunRequest
from app.service.audit import noted
from app.service.http import answer
from app.service.lists import add_route
from app.service.openapi import KEYED, body, gives
from app.service.security import OFFICE_READERS

router = APIRouter(prefix="/v1", tags=["readjudications"])
RUN: Final = gives(200, ReadjudicationRunAnswer)


async def _moved(
    request: Request, wanted: object, act: Callable[[Act], Awaitable[ReadjudicationRun]], status: int = 200
) -> Response:
    """A move of a run that finance makes, once per key, and the run after it."""

    async def made(doing: Act) -> Struct:
        run = await act(doing)
        return await shown(doing.connection, run)

    return await done(request, wanted, made, status)


@router.post(
    "/readjudications",
    openapi_extra=body(ReadjudicationRunRequest, keyed=True),
    responses=gives(202, ReadjudicationRunAnswer),
)
async def post_readjudications(request: Request) -> Response:
    """Find the person-years that are touched and compute them all again, by a job. Nothing is posted before another
    person approves what it found."""
    wanted = await sent(request, ReadjudicationRunRequest)
    return await _moved(request, wanted, lambda act: runs.make(act, wanted), 202)


add_route(router, "/readjudications", RUNS)


@router.get("/readjudications/{readjudication_id}", responses=RUN)
async def get_readjudication(request: Request, readjudication_id: str) -> Response:
    """A run: what its dry run found, and how far it is posted."""
    caller, service = await opened(request, *OFFICE_READERS)

    async def read(connection: AsyncConnection) -> ReadjudicationRunAnswer:
        return await shown(connection, await runs.read(connection, readjudication_id))

    found = await reading(caller, service, read)
    noted().saw(found.biggest)
    return answer(found)


add_route(router, "/readjudications/{readjudication_id}/rows", YEARS)


@router.post("/readjudications/{readjudication_id}/approval", openapi_extra=KEYED, responses=RUN)
async def post_readjudication_approval(request: Request, readjudication_id: str) -> Response:
    """Approve what another subject had computed: a job posts it, person-year by person-year."""
    return await _moved(request, None, lambda act: runs.approve(act, readjudication_id))


@router.post("/readjudications/{readjudication_id}/stop", openapi_extra=body(ReasonRequest, keyed=True), responses=RUN)
async def post_stop(request: Request, readjudication_id: str) -> Response:
    """Stop posting. Nothing more is posted once this has answered; what was posted stays."""
    wanted = await sent(request, ReasonRequest)
    return await _moved(request, wanted, lambda act: runs.stop(act, readjudication_id, wanted.reason))


@router.post("/readjudications/{readjudication_id}/resumption", openapi_extra=KEYED, responses=RUN)
async def post_resumption(request: Request, readjudication_id: str) -> Response:
    """Go on posting what is left of a stopped run."""
    return await _moved(request, None, lambda act: runs.resume(act, readjudication_id))


@router.post(
    "/readjudications/{readjudication_id}/cancellation", openapi_extra=body(ReasonRequest, keyed=True), responses=RUN
)
async def post_readjudication_cancellation(request: Request, readjudication_id: str) -> Response:
    """Give up a dry run, or what is left of a stopped run."""
    wanted = await sent(request, ReasonRequest)
    return await _moved(request, wanted, lambda act: runs.cancel(act, readjudication_id, wanted.reason))
