"""What settling 20 lines by the national door costs the service and PostgreSQL. Run: python -m bench.door [bills]

Bills are uploaded first; only settling (2207) is measured, by one client, in processor µs from ``/proc``. Beside it the
same bills over ``/v1``, on the same service in the same run.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import httpx

from app.database import embedded
from bench import cpu
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.nhsa.national import Hospital, signing
from tests.world import World

BILLS: Final = 60
LINES: Final = 20
PROFILES: Final = ("none", "A", "B")


async def _uploaded(hospital: Hospital, number: int) -> str:
    """An outpatient's visit with its lines."""
    mdtrt_id = await hospital.registered(f"MZ{number}")
    rows = [hospital.outpatient_line(mdtrt_id, f"{line}") for line in range(LINES)]
    await hospital.done("2204", {"feedetail": rows})
    return mdtrt_id


async def _measured(url: str, service: int, postgres: int, bills: int) -> None:
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        world, total = await World(client).build(), f"{25 * LINES}.00"
        for turn, profile in enumerate(PROFILES):
            hospital = await signing(world, profile)
            visits = [await _uploaded(hospital, turn * 10**6 + number) for number in range(bills + 1)]
            wanted = [hospital.settling("2207", visit, total) for visit in visits]
            await hospital.done("2207", wanted.pop())

            async def door(number: int, by: Hospital = hospital, wanted: list[dict[str, object]] = wanted) -> None:
                await by.done("2207", wanted[number])

            await _turn(f"national door, {profile}", door, service, postgres, bills)
        lines = [world.line("25.00", line_no=number) for number in range(1, LINES + 1)]

        async def api(number: int) -> None:
            answer = await client.post(
                "/v1/settlements",
                json=world.bill(lines=lines, total=total, medical_type="11", discharged_on="2018-05-02"),
                headers={"Idempotency-Key": f"bench-door-{number:020d}"},
            )
            assert answer.status_code == 201, answer.text

        await api(bills)
        await _turn("over /v1", api, service, postgres, bills)


async def _turn(what: str, act: Callable[[int], Awaitable[None]], service: int, postgres: int, bills: int) -> None:
    before = cpu.seconds(service), cpu.seconds(postgres)
    for number in range(bills):
        await act(number)
    used = [1e6 * (cpu.seconds(of) - since) / bills for of, since in zip((service, postgres), before, strict=True)]
    sys.stdout.write(f"{what:24} {used[0]:8.0f} µs of the service {used[1]:8.0f} µs of PostgreSQL\n")


def main() -> None:
    """Measure and print."""
    bills = int(sys.argv[1]) if len(sys.argv) > 1 else BILLS
    folder = Path(tempfile.mkdtemp(prefix="onestop-bench-"))
    folder.chmod(0o755)
    with embedded.start(folder / "data") as server:
        url = asyncio.run(migrated_database(server.url))
        secret = {"ONESTOP_SECRET_KEY": "ab" * 32, "ONESTOP_SEAL_SECONDS": "86400"}
        service, base_url = start_service(url, folder, workers=1, **secret)
        try:
            postmaster = int(next((folder / "data").rglob("postmaster.pid")).read_text().split()[0])
            asyncio.run(_measured(base_url, service.pid, postmaster, bills))
        finally:
            service.terminate()
            service.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
