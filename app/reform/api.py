"""The route of simulations over stored settlements. It translates, nothing more."""

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import JOB, shown_id
from app.reform.request import SimulationRequest, check, queue
from app.service.http import caller_of, encoded, service_of
from app.service.idempotency import once
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import require
from app.service.wire import decode

router = APIRouter(prefix="/v1", tags=["policies"])


class SimulationJobAnswer(Struct):
    """A job that waits to be run."""

    job_id: str
    state: str


@router.post(
    "/simulations", openapi_extra=body(SimulationRequest, keyed=True), responses=gives(202, SimulationJobAnswer)
)
async def post_simulation(request: Request) -> Response:
    """Simulate a reform over stored settlements by a job: nothing of theirs is changed. All that is wrong with the
    reform's text is told at once, with its line. ``GET /v1/jobs/{job_id}`` counts the persons and has the answer as
    ``result``; ``…/result?format=json|xlsx|html`` is it as a file, for whoever asked and for some days."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "finance")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), SimulationRequest)
    await check(service, caller, wanted)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        return 202, encoded(
            SimulationJobAnswer(shown_id(JOB, await queue(service, connection, caller, wanted)), "queued")
        )

    response = await once(request, caller, wanted, act)
    response.headers["Location"] = f"/v1/jobs/{msgspec.json.decode(response.body)['job_id']}"
    return response
