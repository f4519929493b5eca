"""An import through a running service, followed on a terminal."""

import time
from collections.abc import Mapping
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

POLL_SECONDS: Final = 0.3
SHOWN_ROWS: Final = 20
SETTLED_BEFORE: Final = frozenset({"already_settled", "idempotency_key_reused"})
"""How a bill is refused that was settled when its key is no longer kept, or not of it."""
UNTROUBLED: Final = frozenset({"matched", "added", "changed", "ended", "unchanged"})
PHASES: Final[Mapping[str, str]] = {"reading": "读取", "applying": "比对"}
STATES: Final[Mapping[str, str]] = {
    "done": "已完成",
    "proposed": "差异待接受",
    "failed": "文件被拒绝",
    "cancelled": "已取消",
}


class ImportRefused(Exception):
    """The service refused; the message says why and what to do."""


def follow_import(
    client: httpx.Client, file: Path, kind: str, fields: Mapping[str, str], out: Console
) -> dict[str, Any]:
    """Upload a file, show a progress bar until its job has ended, and return the job. ImportRefused with the
    reasons."""
    path = "/v1/catalogue/imports" if kind == "catalogue" else "/v1/registry/imports"
    with file.open("rb") as content:
        headers = {"Idempotency-Key": token_urlsafe(24)}
        answer = client.post(path, files={"file": (file.name, content)}, data=fields, headers=headers)
    place = checked(answer).headers["Location"]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as progress:
        task = progress.add_task("等待", total=None)
        while True:
            job: dict[str, Any] = checked(client.get(place, params={"limit": 1})).json()
            progress.update(task, description=PHASES[job["phase"]], completed=job["done"], total=job["total"])
            if job["state"] in STATES:
                return job | {"troubled": _troubled(client, place, job)}
            time.sleep(POLL_SECONDS)


def _troubled(client: httpx.Client, place: str, job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The first rows of every outcome that somebody has to look at."""
    rows: list[dict[str, Any]] = []
    for outcome in sorted(set(job["summary"]) - UNTROUBLED):
        rows += checked(client.get(place, params={"outcome": outcome, "limit": SHOWN_ROWS})).json()["rows"]
    return rows


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer itself. ImportRefused with the reasons when it isn't 2xx."""
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
        reasons = [fault["message"] for fault in problem["errors"]] or [problem["detail"]]
    except (ValueError, KeyError):
        reasons = [f"HTTP {answer.status_code}"]
    raise ImportRefused("\n".join(reasons))


def show_import(job: Mapping[str, Any], out: Console) -> None:
    """What became of the file: faults, or rows by outcome and the first of those to look at."""
    out.print(f"{job['job_id']}：{STATES[job['state']]}")
    for fault in job["faults"]:
        where = " ".join(
            f"{name} {fault[key]}" for name, key in (("行", "row"), ("列", "column")) if fault[key] is not None
        )
        out.print(f"{where} {fault['message']}".strip(), highlight=False)
    for outcome, rows in sorted(job["summary"].items()):
        out.print(f"{outcome}  {rows}")
    if job["troubled"]:
        table = Table("行", "结果", "原因", "说明")
        for row in job["troubled"]:
            table.add_row(str(row["row"]), row["outcome"], row["reason"] or "", row["message"] or "")
        out.print(table)
    if job["state"] == "proposed":
        out.print(f"核对差异后接受：POST /v1/jobs/{job['job_id']}/acceptance")
