"""An office whose persons were settled as ordinary residents, before it was known that they were poor."""

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.clearing.office import Office
from tests.world import id_number

Identities = list[dict[str, str]]
NONE: Identities = []
POOR: Identities = [{"class": "registered_poor", "from": "2016-01-01"}]
SETTLED = ("18000.00", "4000.00")


async def late(desk: Office, *, area: str = "530127", known: Identities = NONE, found: Identities = POOR) -> str:
    """A person whose bills were settled with the identities that were known, before others were found; their
    number."""
    number = f"P{secrets.token_hex(6)}"
    facts = {"name": "李某", "id_number": id_number(), "area_code": area, "insurance_type": "390"}
    await desk.world.put(f"/v1/persons/{number}", facts | {"identities": known})
    for amount in SETTLED:
        await desk.settled(amount, "2018-05-10", person_id=number)
    if found != known:
        await desk.world.put(f"/v1/persons/{number}", facts | {"identities": found})
    return number


async def many_late(desk: Office, count: int, **changes: Any) -> list[str]:
    """Several of them, in the order of their numbers."""
    return sorted([await late(desk, **changes) for _ in range(count)])


async def until(desk: Office, run: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The run once it is so far."""
    found: dict[str, Any] = {}
    for _ in range(1200):
        found = await desk.get(f"/readjudications/{run}", "li")
        if reached(found):
            return found
        if found["job_state"] == "failed" and found["state"] != "stopped":
            break
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def computed(desk: Office, **wanted: Any) -> dict[str, Any]:
    """A run of ``li`` whose dry run is done."""
    made = await desk.do("li", "/readjudications", {"reason": "名单晚到"} | wanted)
    return await until(desk, made["readjudication_id"], lambda found: found["state"] != "computing")


async def posted(desk: Office, run: str, who: str = "wang") -> dict[str, Any]:
    """The run, approved and posted to its end."""
    await desk.do(who, f"/readjudications/{run}/approval")
    return await until(desk, run, lambda found: found["state"] == "done")


async def rows(desk: Office, run: str, **wanted: Any) -> list[dict[str, Any]]:
    """Every row of a run."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await desk.get(f"/readjudications/{run}/rows", "li", limit=100, **wanted, **cursor)
        found += page["data"]
        if not page["has_more"]:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def alone(desk: Office, person: str) -> dict[str, Any]:
    """What the single readjudication would change of a person's 2018."""
    return await desk.do("li", f"/persons/{person}/years/2018/readjudication", {"reason": "x"})


async def poor_from_the_start(desk: Office) -> dict[str, Any]:
    """The year of a person who was known to be poor when the same bills were settled."""
    number = f"P{secrets.token_hex(6)}"
    facts = {"name": "李某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
    await desk.world.put(f"/v1/persons/{number}", facts | {"identities": POOR})
    for amount in SETTLED:
        await desk.settled(amount, "2018-05-10", person_id=number)
    return await desk.get(f"/persons/{number}/years/2018", "li")


def own_processes(command: str) -> list[int]:
    """The processes that this test process has started, through others or not, whose command line holds this."""
    return [number for number in _numbers() if command in _command(number) and os.getpid() in _ancestors(number)]


def _numbers() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(number: int, name: str) -> str:
    """A file of a process; empty when the process has ended."""
    try:
        return Path(f"/proc/{number}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _command(number: int) -> str:
    return _read(number, "cmdline")


def _ancestors(number: int) -> set[int]:
    found: set[int] = set()
    while number > 1 and (stat := _read(number, "stat")):
        number = int(stat.rpartition(")")[2].split()[1])
        found.add(number)
    return found
