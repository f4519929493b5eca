"""The job that writes a long list into a file, within the reach of whoever asked, and keeps it for him for a week."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from app.context import Caller, Service
from app.export import CsvSheet, XlsxSheet
from app.finance.export import KEPT, KIND, ListFile
from app.finance.lists import LISTS
from app.http import open_request
from app.jobs import store
from app.jobs.store import Run
from app.security import Principal, encrypt_bytes

__all__ = ["KIND", "part_place", "run"]
CHUNK_ROWS: Final = 2000
_FORGET: Final = """DELETE FROM export_file WHERE job_id IN (SELECT job_id FROM job WHERE kind = $1 AND ended_at < clock_timestamp() - $2::interval)"""


async def run(service: Service, run: Run) -> None:
    """Write the list row by row, store it part by part, and be done. A cancelled job writes nothing more."""
    made = LISTS[run.options["list"]]
    with tempfile.TemporaryDirectory(prefix="onestop-export-") as folder:
        path = Path(folder) / "export"
        await _write(service, run, made, path)
        async with run.transaction(service) as connection:
            await connection.execute("DELETE FROM export_file WHERE job_id = $1", run.job_id)
            await connection.execute(_FORGET, KIND, KEPT)
        for part_no, content in enumerate(_parts(path)):
            sealed = encrypt_bytes(service.keys, content, associated=part_place(run.job_id, part_no))
            async with run.transaction(service) as connection:
                statement = "INSERT INTO export_file (job_id, part_no, content) VALUES ($1, $2, $3)"
                await connection.execute(statement, run.job_id, part_no, sealed)
    await store.finish(service, run, "done")


def part_place(job_id: int, part_no: int) -> bytes:
    """Where an encrypted part belongs."""
    return f"export_file {job_id} {part_no}".encode()


async def _write(service: Service, run: Run, made: ListFile, path: Path) -> None:
    """One read of the whole list, so that it is of one moment; progress is written beside it."""
    query: Mapping[str, str] = run.options["query"]
    done = 0
    async with service.database.transaction() as connection:
        await open_request(service, connection, _caller(run))
        wanted = made.in_order(await made.asked(service, connection, query), query)
        with (
            path.open("w", encoding="utf-8-sig", newline="")
            if run.options["form"] == "csv"
            else path.open("wb") as file
        ):
            sheet: Any = (
                CsvSheet(file, made.columns)
                if run.options["form"] == "csv"
                else XlsxSheet(file, made.columns, made.heading(query))
            )
            found = await connection.stream(wanted)
            async for rows in found.mappings().partitions(CHUNK_ROWS):
                for row in rows:
                    sheet.add(made.cells(row))
                done += len(rows)
                async with run.transaction(service) as other:
                    await other.execute("UPDATE job SET done = $2 WHERE job_id = $1", run.job_id, done)
            if isinstance(sheet, XlsxSheet):
                sheet.close()


def _caller(run: Run) -> Caller:
    """Whoever asked, with the roles that he had then."""
    roles = run.options["roles"]
    funds = roles["funds"]
    principal = Principal(
        token_id=run.options["token_id"],
        subject=run.caller.principal.subject,
        scopes=frozenset(roles["scopes"]),
        hospital_code=roles["hospital_code"],
        area_code=roles["area_code"],
        funds=None if funds is None else frozenset(funds),
        expires_at=None,
    )
    return Caller(principal, run.caller.request_id, "zh")


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while content := file.read(store.PART_BYTES):
            yield content
