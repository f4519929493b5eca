"""The conformance kit against the running service, for every gateway profile."""

import asyncio
import os
import subprocess

import httpx
import pytest

from app.nhsa.conformance import STEPS
from tests.nhsa.national import signing
from tests.served import commanded
from tests.world import World


async def kit(world: World, url: str, profile: str, secret: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """What ``onestop nhsa conformance`` says of the township hospital of a world."""
    options = {
        "url": url,
        "profile": profile,
        "hospital": world.township,
        "key-id": f"key-{world.township}",
        "area": "530127",
        "person": world.person,
        "id-number": world.id_number,
        "name": "李某",
        "item": world.item("A"),
        "day": "2018-05-02",
    } | changes
    words = [part for name, value in options.items() for part in (f"--{name}", value)]
    environment = os.environ | {"ONESTOP_NHSA_SECRET": secret}
    return await asyncio.to_thread(commanded, ("nhsa", "conformance", *words), environment)


@pytest.mark.thorough
@pytest.mark.parametrize("profile", ["A", "B", "none"])
async def test_the_service_passes_its_own_kit(client: httpx.AsyncClient, service_url: str, profile: str) -> None:
    """Every step passes, is told in a line, and nothing is left in the person's year."""
    world = await World(client).build()
    hospital = await signing(world, profile)
    done = await kit(world, service_url, profile, hospital.sender.credential.secret)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split("  ", 1) for line in lines] == [["通过", name] for name in STEPS]
    assert (await world.year())["own_total"] == "0.00"


@pytest.mark.thorough
async def test_the_kit_says_what_is_wrong(client: httpx.AsyncClient, service_url: str) -> None:
    """What fails is told with its reason, what needs it isn't played, the rest is, and the status is 1."""
    world = await World(client).build()
    done = await kit(world, service_url, "none", "", item=world.item("C"))
    assert done.returncode == 1
    assert "未通过  2301、2302" in done.stdout
    assert "甲类明细应全部在政策范围内" in done.stdout
    assert "通过  9002 签退" in done.stdout
    done = await kit(world, service_url, "none", "", person="P0")
    assert "未通过  2401" in done.stdout
    assert "未进行  2301、2302" in done.stdout


async def test_the_kit_survives_a_service_that_isnt_there(client: httpx.AsyncClient) -> None:
    """Nothing listens: every step fails or isn't played, and no traceback is shown."""
    world = await World(client).build()
    done = await kit(world, "http://127.0.0.1:9", "none", "")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "通过  9001" not in done.stdout.replace("未通过", "")
