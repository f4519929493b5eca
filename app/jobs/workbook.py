"""The result of a job as a workbook, made by a process of its own: ``python -m app.jobs.workbook``.

Writing a million rows takes the processor for a minute and more. In a process of its own it takes no time from
settling, and gives its memory back. What it reads is within the reach of whoever asked.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from openpyxl import Workbook

from app.basics.errors import Language, Unavailable
from app.config import Settings
from app.database.engine import open_database
from app.jobs import store
from app.jobs.outcome import shown_row
from app.service import logs
from app.service.caller import Caller, Service
from app.service.http import check_context
from app.service.security import Keys, Principal, derive_keys
from app.tiers.policy import PolicyBook

HEADINGS: Final = ("行号 row", "结果 outcome", "原因 reason", "字段 field", "对象 reference", "说明 message")
READ_ROWS: Final = 5000
MOST_SECONDS: Final = 600
AT_ONCE: Final = asyncio.Semaphore(1)  # in each process of the service; others wait


class WorkbookRequest(Struct):
    """What the process is told on its standard input: which rows, for whom, where to."""

    job_id: int
    outcome: str | None
    path: str
    token_id: int
    subject: str
    hospital_code: str | None
    area_code: str | None
    request_id: str
    language: Language


async def made(caller: Caller, job_id: int, outcome: str | None, path: Path) -> None:
    """Make the workbook of a job's rows at a path. Unavailable when it isn't there in time."""
    principal = caller.principal
    whom = (principal.token_id, principal.subject, principal.hospital_code, principal.area_code)
    wanted = WorkbookRequest(job_id, outcome, str(path), *whom, caller.request_id, caller.language)
    async with AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.jobs.workbook", stdin=asyncio.subprocess.PIPE
        )
        try:
            await asyncio.wait_for(process.communicate(msgspec.json.encode(wanted)), MOST_SECONDS)
        except TimeoutError:
            raise Unavailable("busy", headers={"Retry-After": "60"}) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode != 0:
        raise Unavailable("busy", headers={"Retry-After": "60"})


async def make(wanted: WorkbookRequest) -> None:
    """The process: read page by page, write as it goes."""
    settings = Settings(pool_size=1, hot_pool_size=1)
    logs.configure_logging(settings.log_level)
    assert settings.database_url is not None
    database = await open_database(settings.database_url.get_secret_value(), settings)
    whom = Principal(wanted.token_id, wanted.subject, frozenset(), wanted.hospital_code, wanted.area_code, None, None)
    caller = Caller(whom, wanted.request_id, wanted.language)
    service = Service(settings, database, PolicyBook({}), _NO_KEYS, False)
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("result")
    sheet.append(HEADINGS)
    after = 0
    try:
        while True:
            async with database.hot() as connection:
                await check_context(service, connection, caller)
                rows = await store.read_rows(
                    connection, wanted.job_id, outcome=wanted.outcome, after=after, limit=READ_ROWS
                )
            if not rows:
                break
            for row in rows:
                sheet.append(msgspec.structs.astuple(shown_row(row, wanted.language)))
            after = rows[-1].row_no
    finally:
        await database.close()
    workbook.save(wanted.path)


_NO_KEYS: Final[Keys] = derive_keys(bytes(32))  # outcomes are not encrypted


if __name__ == "__main__":
    asyncio.run(make(msgspec.json.decode(sys.stdin.buffer.read(), type=WorkbookRequest)))
