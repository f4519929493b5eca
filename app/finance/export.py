"""Lists as files: at once when they are short, by a job with progress when they are long. The filters are the page's."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, Select, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from app.clearing.moves import business_now
from app.context import Service
from app.export import CSV_TYPE, Column, file_of
from app.finance.listing import ordered
from app.finance.page import Visitor, reading
from app.jobs.store import ID_PREFIX
from app.jobs.tables import job
from app.tables import token

KIND: Final = "export"
ROWS_AT_ONCE: Final = 5000
"""A longer list is written by a job."""
KEPT: Final = timedelta(days=7)
NO_AREA: Final = "000000"
Form = Literal["xlsx", "csv"]


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list as a file: which rows a query of its page asks for, what each cell is. ``title`` is Chinese."""

    name: str
    title: str
    columns: Sequence[Column]
    asked: Callable[[Service, AsyncConnection, Mapping[str, str]], Awaitable[Select[Any]]]
    cells: Callable[[Mapping[Any, Any]], Sequence[Any]]
    sorts: Mapping[str, ColumnElement[Any]]
    default: str
    key: ColumnElement[Any]

    def in_order(self, wanted: Select[Any], query: Mapping[str, str]) -> Select[Any]:
        """The rows in the order of the page."""
        sort = query.get("sort", self.default)
        sort = sort if sort.removeprefix("-") in self.sorts else self.default
        return wanted.order_by(None).order_by(*ordered(sort, self.sorts, self.key))

    def heading(self, query: Mapping[str, str]) -> str:
        """The title with the filters."""
        filters = "，".join(f"{name}={value}" for name, value in sorted(query.items()) if value and name not in UNNAMED)
        return f"{self.title}（{filters}）" if filters else self.title


UNNAMED: Final = frozenset({"form", "page", "sort", "cursor"})


async def exported(visitor: Visitor, made: ListFile, **fixed: str) -> Response:
    """A list's file, or the page of the job that writes it. ``fixed`` are parameters from the address's path."""
    query = {**visitor.request.query_params, **fixed}
    form: Form = "csv" if query.get("form") == "csv" else "xlsx"

    async def read(connection: AsyncConnection) -> list[Sequence[Any]] | None:
        wanted = await made.asked(visitor.service, connection, query)
        counted = select(func.count()).select_from(wanted.order_by(None).subquery())
        if (await connection.execute(counted)).scalar_one() > ROWS_AT_ONCE:
            return None
        rows = (await connection.execute(made.in_order(wanted, query))).mappings()
        return [made.cells(row) for row in rows]

    rows = await reading(visitor, read)
    if rows is None:
        return RedirectResponse(f"/finance/exports/{await queued(visitor, made, query, form)}", 303)
    accept = CSV_TYPE if form == "csv" else None
    return await asyncio.to_thread(file_of, made.name, accept, made.columns, rows, made.heading(query))


async def queued(visitor: Visitor, made: ListFile, query: Mapping[str, str], form: Form) -> str:
    """Queue the job that writes a list, with the visitor's roles as they are now; its shown id. The same list asked for again
    while its job waits or runs is that job."""
    principal = visitor.principal
    roles = {
        "scopes": sorted(principal.scopes),
        "hospital_code": principal.hospital_code,
        "area_code": principal.area_code,
        "funds": None if principal.funds is None else sorted(principal.funds),
    }

    digest = sha256(msgspec.json.encode([made.name, dict(query), form, roles], order="deterministic")).digest()

    async def write(connection: AsyncConnection) -> str:
        columns = job.c
        same = (columns.kind == KIND) & (columns.subject == principal.subject) & (columns.file_digest == digest)
        waiting = select(columns.job_id).where(same, columns.state.in_(("queued", "running"))).limit(1)
        if (already := await connection.scalar(waiting)) is not None:
            return f"{ID_PREFIX}{already}"
        lasting = roles | {
            "digest": secrets.token_bytes(32),
            "subject": principal.subject,
            "expires_at": datetime.now(UTC) + timedelta(days=1),
            "created_by": principal.subject,
            "request_id": visitor.caller.request_id,
        }
        token_id = (await connection.execute(insert(token).values(lasting).returning(token.c.token_id))).scalar_one()
        options = {"list": made.name, "query": dict(query), "form": form, "token_id": token_id, "roles": roles}
        values = {
            "kind": KIND,
            "options": options,
            "area_code": principal.area_code or NO_AREA,
            "file_digest": digest,
            "reach_area": principal.area_code,
            "subject": principal.subject,
            "request_id": visitor.caller.request_id,
            "received_at": await business_now(visitor.service, connection),
        }
        job_id = (await connection.execute(insert(job).values(values).returning(job.c.job_id))).scalar_one()
        return f"{ID_PREFIX}{job_id}"

    return await reading(visitor, write)
