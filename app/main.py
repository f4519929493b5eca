"""The composition root: the only place that puts the parts together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from app.clearing import api as statements
from app.clearing import deduction_api as deductions
from app.clearing import disbursement_api as disbursements
from app.clearing import month_api as months
from app.clearing import rates_api as rates
from app.clearing import reconciliation_api as reconciliations
from app.clearing import report_api as reports
from app.config import Settings
from app.database.embedded import default_data_dir
from app.database.engine import open_database
from app.exports import api as exports
from app.exports import job as export
from app.finance import routes as pages
from app.jobs import api as jobs_api
from app.jobs.kinds import Export, JobKind, JobKinds
from app.jobs.worker import work
from app.ledger import api as ledger
from app.nhsa import api as nhsa
from app.nhsa.dictionary import dictionaries
from app.nhsa.retention import keep_erasing
from app.policies import api as law
from app.policies import shipped_book
from app.registry import api as registry
from app.registry import catalogue_import, item_code_import, poverty_list
from app.registry import hospitals_api as hospitals
from app.registry import imports_api as imports
from app.registry import records_api as records
from app.registry.worklists import observe_open_lists
from app.service import clock, logs, openapi, operations, problem, requests, tokens
from app.service.caller import Service
from app.service.security import load_keys
from app.settlement import api as settlement
from app.settlement import year_api as person_years
from app.version import VERSION
from app.watch import watch

JOB_KINDS: Final[JobKinds] = {
    poverty_list.KIND: JobKind(poverty_list.run),
    catalogue_import.KIND: JobKind(catalogue_import.run, catalogue_import.accept),
    item_code_import.KIND: JobKind(item_code_import.run),
    export.KIND: JobKind(export.run, export=Export(export.check_mine, export.result)),
}
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
        database = await open_database(database_url, settings)
        async with database.transaction() as connection:
            await law.keep_texts(connection, book)
            if start is not None:
                await clock.start_manual(connection, start)
        app.state.service = Service(settings, database, book, keys, start is not None)
        app.state.dictionaries, app.state.job_kinds = code_lists, JOB_KINDS
        tasks = [asyncio.create_task(act(app.state.service)) for act in (_work, watch, keep_erasing)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            await database.close()

    api = describe_app(lifespan)
    return Application(requests.RequestMiddleware(api, quiet=operations.QUIET), api)


async def _work(service: Service) -> None:
    await work(service, observe=observe_open_lists)


def describe_app(lifespan: object = None) -> FastAPI:
    """The FastAPI application with every route; enough by itself to write ``openapi.yaml``."""
    api = FastAPI(
        title="onestop",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,  # type: ignore[arg-type]
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for module in (
        settlement,
        person_years,
        statements,
        reconciliations,
        deductions,
        months,
        disbursements,
        rates,
        reports,
        ledger,
        imports,
        registry,
        hospitals,
        records,
        jobs_api,
        exports,
        law,
        tokens,
        nhsa,
        operations,
    ):
        api.include_router(module.router)
    pages.install(api)
    problem.install(api)
    openapi.install(api)
    return api
