"""The container image, as far as it can be checked without an engine that builds it."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from app.cli.service import serve
from app.config import Settings
from app.settlement.typesetting import RARE_FONTS

ROOT = Path(__file__).parent.parent.parent
FREE_PORT = "9"


class Instruction(NamedTuple):
    """One instruction of the Dockerfile."""

    name: str
    value: str


def stages() -> list[list[Instruction]]:
    """What stands before the first FROM, then the instructions of each stage."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: list[list[Instruction]] = [[]]
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, value = line.strip().partition(" ")
            found += [[]] if name == "FROM" else []
            found[-1].append(Instruction(name, value))
    return found


def values(stage: list[Instruction], name: str) -> list[str]:
    """The values of the instructions of a name."""
    return [one.value for one in stage if one.name == name]


HEAD, BUILD, FINAL = stages()


def test_both_stages_come_from_the_base_image_that_is_an_argument() -> None:
    """The base is chosen with ``--build-arg BASE_IMAGE=…``; its default has a tag."""
    (base,) = values(HEAD, "ARG")
    assert re.fullmatch(r"BASE_IMAGE=[^:]+:(?!latest)\S+", base)
    assert values(BUILD, "FROM") == ["${BASE_IMAGE} AS build"]
    assert values(FINAL, "FROM") == ["${BASE_IMAGE}"]


def test_the_image_runs_as_a_user_that_is_not_root() -> None:
    """The user is a number that is named in /etc/passwd, and nothing runs as root after it was set."""
    names = [one.name for one in FINAL]
    (user,) = values(FINAL, "USER")
    uid, gid = user.split(":")
    assert int(uid) >= 10_000
    assert f"useradd --uid {uid}" in values(FINAL, "RUN")[0]
    assert f"groupadd --gid {gid}" in values(FINAL, "RUN")[0]
    assert "RUN" not in names[names.index("USER") :]


def test_what_is_written_lies_in_the_volume() -> None:
    """The root filesystem can be read-only: the data directory is the volume, and Python writes no bytecode."""
    (environment,) = values(FINAL, "ENV")
    (volume,) = json.loads(values(FINAL, "VOLUME")[0])
    assert f"ONESTOP_DATA_DIR={volume}" in environment
    assert f"--mode 0700 {volume}" in values(FINAL, "RUN")[0]
    assert "PYTHONDONTWRITEBYTECODE=1" in environment
    assert "data_dir" in Settings.model_fields


def test_only_what_the_lock_has_hashes_for_is_installed() -> None:
    """The steps that use the network check hashes and take wheels only, npm's packages by the integrity digests of
    their lock; what is built afterwards stays offline."""
    pip = [step for run in values(BUILD, "RUN") for step in run.split("&&") if "/pip" in step]
    downloads, installs = [[step for step in pip if ("download" in step) == loads] for loads in (True, False)]
    assert len(downloads) == 2
    assert all("--require-hashes --only-binary :all:" in step for step in downloads)
    assert len(installs) == 3
    assert all("--no-index --find-links /wheels" in step for step in installs)
    packages = json.loads((ROOT / "assets/package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert all(one["integrity"].startswith("sha512-") for name, one in packages.items() if name)


def test_the_wheel_has_the_assets_with_their_licences() -> None:
    """What ``assets/install.py`` fetched lies where the wheel takes it from, each package's licence beside it."""
    vendor, fonts = ROOT / "app/finance/static/vendor", ROOT / "app/settlement/fonts"
    names = {path.name for folder in (vendor, fonts) for path in folder.iterdir()}
    assert {"htmx.min.js", "tabler.min.css", "echarts.common.min.js", "NotoSansSC-Regular.ttf"} <= names
    assert {"htmx.LICENSE", "tabler.LICENSE", "echarts.LICENSE", "echarts.NOTICE", "zrender.LICENSE"} <= names
    assert "NotoSansSC.LICENSE" in names


def test_the_final_stage_adds_nothing_but_the_installed_service() -> None:
    """No package manager and no source: one folder from the first stage, whose environment has no pip."""
    assert values(FINAL, "COPY") == ["--from=build /opt/onestop /opt/onestop"]
    assert not re.search(r"\b(apt|apk|pip|curl|gcc)\b", " ".join(values(FINAL, "RUN")))
    assert "venv --without-pip /opt/onestop" in values(BUILD, "RUN")[0]


def test_the_image_holds_the_font_of_rare_characters() -> None:
    """The first stage takes Debian's font, with its licence, into the folder of the environment, where setting a slip
    looks for it; apt checks it and nothing of apt's goes on to the final stage."""
    (run,) = (one for one in values(BUILD, "RUN") if "apt-get" in one)
    folder = re.search(r"--target-directory (\S+)", run)
    assert folder is not None
    assert folder[1].removeprefix("/opt/onestop/") == str(RARE_FONTS[0].parent.relative_to(sys.prefix))
    assert RARE_FONTS[0].name in run
    assert run.endswith("/copyright")
    assert "allow-unauthenticated" not in run


def test_signals_reach_the_service() -> None:
    """Entry point and command are exec forms, without a shell between, and the command line understands them."""
    (entry,) = json.loads(values(FINAL, "ENTRYPOINT")[0])
    command = json.loads(values(FINAL, "CMD")[0])
    assert entry == "onestop"
    assert command[0] == "serve"
    assert serve.make_context("serve", command[1:]).params["host"] == "0.0.0.0"


def test_the_health_check_tells_a_living_service_from_none(service_url: str) -> None:
    """The image's own command, at the service's port and at one where nothing answers; it needs no curl."""
    (check,) = values(FINAL, "HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    assert command[:2] == ["python3", "-c"]
    port = service_url.rpartition(":")[2]
    assert _health(command[2].replace("8000", port)) == 0
    assert _health(command[2].replace("8000", FREE_PORT)) == 1
    assert values(FINAL, "EXPOSE") == ["8000"]


def _health(code: str) -> int:
    return subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL, check=False).returncode


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    """.dockerignore shuts everything out but what the first stage copies."""
    shut, *let_in = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    copied = [source for value in values(BUILD, "COPY") for source in value.split()[:-1]]
    assert shut == "*"
    assert {line.removeprefix("!") for line in let_in if line.startswith("!")} == set(copied)
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_says_what_it_is() -> None:
    """Title, description, version and revision are OCI labels; the last two are arguments of the build."""
    (labels,) = values(FINAL, "LABEL")
    assert re.findall(r"org\.opencontainers\.image\.(\w+)=", labels) == ["title", "description", "version", "revision"]
    assert [value.partition("=")[0] for value in values(FINAL, "ARG")] == ["VERSION", "REVISION"]


def test_the_wheel_holds_all_that_the_service_reads(tmp_path: Path) -> None:
    """Templates, policy packs, migrations and the database's SQL are inside: the image has no checkout beside it."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("onestop-*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    templates, packs = (ROOT / "app/settlement/templates").iterdir(), (ROOT / "app/policies").glob("*.yaml")
    pages = [path for path in (ROOT / "app/finance").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    fonts = (ROOT / "app/settlement/fonts").iterdir()
    assert {str(path.relative_to(ROOT)) for path in (*templates, *packs, *pages, *fonts)} <= inside
    migrations = (ROOT / "migrations").rglob("*.py")
    assert {f"app/_migrations/{path.relative_to(ROOT / 'migrations')}" for path in migrations} <= inside
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "app/database/sql").rglob("*.sql")} <= inside
