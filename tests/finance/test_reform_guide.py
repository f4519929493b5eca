"""The guides of a reform: their commands are run, and every number and table of theirs is what comes out."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser

from app.basics.names import CLASS_NAMES
from app.batch.simulation_answer import Simulation
from app.batch.simulation_report import change, word
from tests.conftest import ROOT

pytestmark = pytest.mark.thorough

GUIDES = ROOT / "docs"
REFORM = GUIDES / "assistance_75.yaml"
PAGES = {"en": GUIDES / "reform.md", "zh": GUIDES / "reform.zh-CN.md"}
HEADS = {
    "en": ("| class | persons | bills | in force | reformed | difference | change |", "kept back"),
    "zh": ("| 类别 | 人数 | 账单 | 现行 | 改革后 | 相差 | 变化 |", "不公布"),
}


def commands(page: str) -> list[list[str]]:
    """The commands of a guide that need no service."""
    (block,) = [one for one in re.findall(r"```sh\n(.*?)```", page, re.S) if "onestop simulate" in one]
    lines = block.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the guide's commands were run, and the last line."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "docs").mkdir()
    shutil.copy(REFORM, folder / "docs")
    output = ""
    for words in commands(PAGES["en"].read_text(encoding="utf-8")):
        assert words[0] == "onestop"
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words[1:]],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        output = done.stdout
    return folder, output.strip()


def read(folder: Path) -> Simulation:
    """The answer that the commands left."""
    return msgspec.json.decode((folder / "report" / "simulation.json").read_bytes(), type=Simulation)


def table_by_class(answer: Simulation, language: str) -> str:
    """The table of what the funds pay by class."""
    head, kept_back = HEADS[language]
    rows = [head, "|---|--:|--:|--:|--:|--:|--:|"]
    for cell in answer.cells:
        if cell.by == "class":
            money = [kept_back if one is None else one for one in (cell.baseline, cell.reform, cell.difference)]
            name = CLASS_NAMES["en" if language == "en" else "zh"][cell.key]
            rows.append(f"| {name} | {cell.persons} | {cell.bills} | {' | '.join(money)} | {change(cell)} |")
    return "\n".join(rows)


def table_of_floor(answer: Simulation, language: str) -> str:
    """The table of what must be paid by the end of the year."""
    head = {"en": "| fund | year | rate | in force | reformed |", "zh": "| 基金 | 年度 | 比例 | 现行 | 改革后 |"}[
        language
    ]
    rows = [head, "|---|--:|--:|--:|--:|"]
    for row in answer.floor:
        fund = word("fund", row.fund, "en" if language == "en" else "zh")
        rows.append(f"| {fund} | {row.year} | {row.ratio} | {row.baseline} | {row.reform} |")
    return "\n".join(rows)


def sentences(answer: Simulation, language: str) -> dict[str, str]:
    """What the guide says in words."""
    english = language == "en"
    names = CLASS_NAMES["en" if english else "zh"]
    gainers = [
        f"{group.persons} {names[group.class_]}, {group.amount} yuan"
        if english
        else f"{names[group.class_]} {group.persons} 人年，共 {group.amount} 元"
        for group in answer.gainers
    ]
    heavy = [f"{row.above}: {part(row.baseline)} → {part(row.reform)}" for row in answer.heavy if not row.suppressed]
    assert answer.budget is not None
    left = answer.budget.baseline_left, answer.budget.reform_left
    return {
        "GAINERS": ("; " if english else "；").join(gainers),
        "LOSERS": f"`losers: {msgspec.json.encode(answer.losers).decode()}`",
        "BUDGET": f"{left[0]} → {left[1]} are left" if english else f"剩余 {left[0]} → {left[1]} 元",
        "HEAVY": ("; " if english else "；").join(heavy),
    }


def part(share: int | None) -> str:
    """A share in 1/10000 as percent."""
    return "—" if share is None else f"{share // 100}.{share % 100:02d}%"


def fragments(answer: Simulation, last: str, language: str) -> dict[str, str]:
    """Everything that a guide has to say of the answer."""
    return {
        "REFORM": REFORM.read_text(encoding="utf-8").rstrip(),
        "LAST": last,
        "BY_CLASS": table_by_class(answer, language),
        "FLOOR": table_of_floor(answer, language),
        **sentences(answer, language),
    }


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_guide_says_what_comes_out(worked: tuple[Path, str], language: str) -> None:
    """Commands, last line, tables and sentences of both guides are those of the run."""
    folder, last = worked
    page = PAGES[language].read_text(encoding="utf-8")
    assert commands(page) == commands(PAGES["en"].read_text(encoding="utf-8"))
    missing = {name: text for name, text in fragments(read(folder), last, language).items() if text not in page}
    assert missing == {}


async def test_the_picture_is_that_of_the_report(worked: tuple[Path, str], browser: Browser, tmp_path: Path) -> None:
    """The report's first part is a picture (``ONESTOP_PICTURES=1`` writes that of the guide), and needs nothing from
    elsewhere."""
    folder, _ = worked
    target = ROOT / "docs" / "pictures" if os.environ.get("ONESTOP_PICTURES") else tmp_path
    page: Any = await browser.new_page(viewport={"width": 1040, "height": 980})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto((folder / "report" / "simulation.html").as_uri())
    await page.screenshot(path=target / "reform.png")
    assert [url for url in asked if not url.startswith("file:")] == []
    assert (target / "reform.png").stat().st_size > 20_000
    assert (ROOT / "docs" / "pictures" / "reform.png").exists()
