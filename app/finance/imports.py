"""Uploads: poverty lists, the catalogue, hospitals' own codes, a hospital's detail file. The same functions and jobs as
the API's; what became of each row is on the page of the job."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, get_args

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import JOB, shown_id
from app.clearing import reconciliation
from app.clearing.detail_file import COLUMNS as DETAIL_COLUMNS
from app.clearing.detail_file import read_detail
from app.clearing.moves import business_now, today
from app.clearing.reconciliation import FileOptions
from app.clearing.reconciliation_api import MAX_FILE_BYTES
from app.finance.look import link
from app.finance.page import Contents, PageRoute, Refusal, Visitor, gone_to, reading, shown, struct_of, visit
from app.finance.registered import every_hospital, hospital_typed
from app.finance.uploads import once_uploaded, own_upload, refusing
from app.registry import catalogue_import, item_code_import, poverty_list
from app.registry.catalogue_import import CatalogueOptions
from app.registry.item_code_import import ItemCodeOptions
from app.registry.poverty_list import ListKind, ListOptions
from app.service.sheet import SheetColumn
from app.service.upload import Upload

router = APIRouter(prefix="/finance/imports", route_class=PageRoute, include_in_schema=False)
PATH: Final = "/finance/imports"
REGISTRY: Final = ("registry",)
Queue = Callable[[Visitor, AsyncConnection, Upload], Awaitable[int]]


async def _queue_list(visitor: Visitor, connection: AsyncConnection, upload: Upload) -> int:
    options = struct_of(upload.fields, ListOptions, "kind", "area_code", "received_on")
    return await poverty_list.queue(visitor.service, connection, visitor.caller, upload, options)


async def _queue_catalogue(visitor: Visitor, connection: AsyncConnection, upload: Upload) -> int:
    options = struct_of(upload.fields, CatalogueOptions, "complete", "effective_on")
    return await catalogue_import.queue(visitor.service, connection, visitor.caller, upload, options)


async def _queue_codes(visitor: Visitor, connection: AsyncConnection, upload: Upload) -> int:
    meant = await hospital_typed(connection, upload.fields)
    fields = {**meant, "kind": item_code_import.KIND}
    options = struct_of(fields, ItemCodeOptions, "kind", "hospital_code")
    return await item_code_import.queue(visitor.service, connection, visitor.caller, upload, options)


@dataclass(frozen=True, slots=True)
class Import:
    """A kind of upload: who sends it, the columns of its file, and the job that it makes; without one it is done at
    once."""

    scopes: tuple[str, ...]
    columns: tuple[SheetColumn, ...]
    queue: Queue | None = None


IMPORTS: Final[Mapping[str, Import]] = {
    "poverty-list": Import(REGISTRY, poverty_list.COLUMNS, _queue_list),
    "catalogue": Import(REGISTRY, catalogue_import.COLUMNS, _queue_catalogue),
    "hospital-codes": Import(REGISTRY, item_code_import.COLUMNS, _queue_codes),
    "detail": Import(("finance", "hospital"), DETAIL_COLUMNS),
}


@router.get("")
async def get_imports(request: Request) -> Response:
    """What can be uploaded, and where."""
    visitor = await visit(request, "registry", "finance", "hospital")
    return shown(visitor, "imports.html", imports=IMPORTS)


async def _page(visitor: Visitor, kind: str, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        return {
            "hospitals": await every_hospital(connection),
            "today": today(await business_now(visitor.service, connection)),
        }

    found = await reading(visitor, read)
    visitor.request.state.page = f"{PATH}/{kind}"
    further = {"kind": kind, "columns": IMPORTS[kind].columns, "list_kinds": get_args(ListKind)}
    return shown(visitor, "import.html", {**found, **further}, refusal=refusal)


def _get(kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await _page(await visit(request, *IMPORTS[kind].scopes), kind)

    return endpoint


def _post(kind: str, queue: Queue) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        visitor = await visit(request, *IMPORTS[kind].scopes)

        async def queued(fields: dict[str, str]) -> Response:
            async with own_upload(visitor, visitor.service.settings.max_import_bytes) as upload:
                fields.update(upload.fields)

                async def act(connection: AsyncConnection) -> tuple[int, bytes]:
                    return 303, msgspec.json.encode(await queue(visitor, connection, upload))

                number = msgspec.json.decode(await once_uploaded(visitor, upload, act), type=int)
            return gone_to(f"/finance/jobs/{shown_id(JOB, number)}", "notice.import.queued")

        return await refusing(visitor, {}, queued, lambda refusal: _page(visitor, kind, refusal))

    return endpoint


async def post_detail(request: Request) -> Response:
    """Compare a statement with a hospital's detail file; what differs is the list of differences."""
    visitor = await visit(request, *IMPORTS["detail"].scopes)

    async def compared(fields: dict[str, str]) -> Response:
        async with own_upload(visitor, min(MAX_FILE_BYTES, visitor.service.settings.max_import_bytes)) as upload:
            fields.update(upload.fields)
            wanted = struct_of(upload.fields, FileOptions, "statement_id")
            detail = await asyncio.to_thread(read_detail, upload.path, "/file", funds=visitor.principal.funds)

            async def act(connection: AsyncConnection) -> tuple[int, bytes]:
                found = await reconciliation.compare(
                    visitor.service, connection, visitor.caller, wanted.statement_id, detail
                )
                return 303, msgspec.json.encode(found.reconciliation_id)

            made = msgspec.json.decode(await once_uploaded(visitor, upload, act), type=str)
        differences = {"statement_id": wanted.statement_id, "reconciliation_id": made}
        return gone_to(link("/finance/reconciliation", differences), "notice.statement.compared")

    return await refusing(visitor, {}, compared, lambda refusal: _page(visitor, "detail", refusal))


for _kind, _import in IMPORTS.items():
    router.add_api_route(f"/{_kind}", _get(_kind), methods=["GET"], include_in_schema=False)
    _endpoint = post_detail if _import.queue is None else _post(_kind, _import.queue)
    router.add_api_route(f"/{_kind}", _endpoint, methods=["POST"], include_in_schema=False)
