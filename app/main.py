"""The composition root: the only place that puts the parts together."""

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp

from app import tracing
from app.basics.errors import OnestopError
from app.clearing.routes import CLEARING_ROUTES
from app.config import Settings
from app.database.embedded import default_data_dir
from app.database.engine import open_database
from app.exports.api import router as export_routes
from app.finance.routes import install as install_pages
from app.job_kinds import JOB_KINDS
from app.jobs.api import router as job_routes
from app.jobs.worker import work
from app.ledger.api import router as ledger_routes
from app.nhsa.api import router as nhsa_routes
from app.nhsa.dictionary import dictionaries
from app.nhsa.retention import erasing
from app.policies import shipped_book
from app.policies.api import keep_texts
from app.policies.api import router as policy_routes
from app.readjudication.api import router as readjudication_routes
from app.reform.api import router as simulation_routes
from app.registry.person_reads import keeping_quoted
from app.registry.routes import REGISTRY_ROUTES
from app.registry.worklists import observe_open_lists
from app.service import audit, clock, guard, logs, openapi, operations, problem, requests, tokens
from app.service.caller import Service
from app.service.forwarded import Forwarded, Proxies
from app.service.health import Health
from app.service.loops import keep
from app.service.metrics import uncaught_errors
from app.service.rates import Rates
from app.service.retention import purging
from app.service.security import load_keys
from app.settlement import together
from app.settlement.routes import SETTLEMENT_ROUTES
from app.version import VERSION
from app.watch import watching

# In the order of the interface's description, and in which a request is looked up: what settles comes first, since each
# route that isn't meant costs it some microseconds.
ROUTERS: Final[tuple[APIRouter, ...]] = (
    *SETTLEMENT_ROUTES,
    nhsa_routes,
    *CLEARING_ROUTES,
    readjudication_routes,
    ledger_routes,
    *REGISTRY_ROUTES,
    job_routes,
    export_routes,
    policy_routes,
    simulation_routes,
    tokens.router,
    operations.router,
)
LOGGER: Final = logging.getLogger("onestop.main")
PREPARING_SECONDS: Final = 5.0
PREPARING_PAUSE: Final = 1.0
DESCRIPTION = "医疗费用“一站式”结算 · One-stop settlement of medical bills. Amounts are strings of yuan."


@dataclass(frozen=True, slots=True)
class Application:
    """The served application and the FastAPI inside it."""

    served: ASGIApp
    api: FastAPI


def create_app(settings: Settings, database_url: str) -> Application:
    """Build the service over a migrated database. Nothing is connected before the application starts."""
    book = shipped_book(settings.policy_dir)
    start = clock.manual_start(settings)
    data_dir: Path = settings.data_dir or default_data_dir()
    code_lists = dictionaries(settings.nhsa_dictionary_dir)
    keys = load_keys(settings, data_dir)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        logs.configure_logging(settings.log_level)
        if settings.traces_endpoint is not None:
            tracing.begin(
                settings.traces_endpoint,
                share=settings.traces_share,
                version=VERSION,
                instance=f"{socket.gethostname()}:{os.getpid()}",
            )
        database = await open_database(database_url, settings)
        service = Service(settings, database, book, keys, start is not None, Rates(settings.rate_limit))
        app.state.service = service
        app.state.settling = together.gathering(service)
        app.state.dictionaries, app.state.job_kinds = code_lists, JOB_KINDS
        preparing = asyncio.create_task(_prepare(service, start))
        await asyncio.wait([preparing], timeout=PREPARING_SECONDS)
        beside = (
            work(service, observe=observe_open_lists),
            watching(service),
            erasing(service),
            keeping_quoted(service),
            purging(service),
        )
        health = app.state.health = Health(service, beside)
        tasks = [preparing, asyncio.create_task(keep([*beside, health.loop()], ready=health.is_ready))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            await database.close()
            tracing.end()

    api = described()
    api.router.lifespan_context = lifespan
    guarded = guard.Guard(audit.AuditLayer(api), hosts=settings.allowed_hosts, open_to_all=operations.QUIET)
    seen = requests.RequestMiddleware(guarded, quiet=operations.QUIET)
    return Application(Forwarded(seen, Proxies(settings.proxies)), api)


async def _prepare(service: Service, start: datetime | None) -> None:
    """Write what serving needs of the database, as soon as that can be reached."""
    while not service.prepared:
        try:
            async with service.database.transaction() as connection:
                await keep_texts(connection, service.book)
                service.admin_token_id = await tokens.kept_admin(connection, service)
                if start is not None:
                    await clock.start_manual(connection, start)
            service.prepared = True
        except OnestopError as error:
            LOGGER.warning(
                "the service waits for its database (%s); see that it runs and lets the service in", error.code
            )
        except Exception:
            uncaught_errors.inc()
            LOGGER.exception("the service can't write what it needs of its database, and tries again; report this line")
        if not service.prepared:
            await asyncio.sleep(PREPARING_PAUSE)


@cache
def described() -> FastAPI:
    """The one application of this process, whose routes have been looked through. FastAPI does that at the first
    request, for a third of a second; processes that are forked from this one have it done."""
    api = describe_app()
    deque(iter_route_contexts(api.routes), maxlen=0)
    return api


def describe_app() -> FastAPI:
    """The FastAPI application with every route; enough by itself to write ``openapi.yaml``."""
    api = FastAPI(
        title="onestop",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # it would go where the Host header says; see RequestMiddleware
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for router in ROUTERS:
        api.include_router(router)
    install_pages(api)
    problem.install(api)
    openapi.install(api)
    return api
