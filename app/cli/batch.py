"""Many bills at once, from files to files."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.config import configured
from app.cli.output import fail
from app.demo.follow import ImportRefused

if TYPE_CHECKING:
    from app.batch.synthetic.bills import Year

AREA_DIGITS: Final = 6
MISSING = "onestop batch 需要 numpy 和 pyarrow：请运行 make setup，或安装 onestop[batch]。"


@click.group()
def batch() -> None:
    """Compute many bills at once, person by person, from Parquet files to Parquet files."""


@batch.command("compute")
@click.argument("names", metavar="IN OUT", nargs=-1, required=True)
@click.option(
    "--pack", "packs", multiple=True, help="A pack, by name or file; further ones may follow. Default: the service's."
)
@click.option("--workers", type=click.IntRange(1, 256), default=None, help="Processes; as many as there are cores.")
@click.option("--start", type=click.Path(path_type=Path), default=None, help="A folder that --years-out wrote.")
@click.option("--years-out", type=click.Path(path_type=Path), default=None, help="Write what later bills start with.")
@click.option(
    "--figures", type=click.Path(path_type=Path), default=None, help="Areas' own figures, as GET /v1/areas answers."
)
def compute(
    names: tuple[str, ...],
    packs: tuple[str, ...],
    workers: int | None,
    start: Path | None,
    years_out: Path | None,
    figures: Path | None,
) -> None:
    """Compute the bills of IN (a Parquet file or a folder of them) and write their results to OUT.

    A run that was stopped goes on where it was when it is called again.
    """
    try:
        from app.batch.run import BatchOrder, run
        from app.batch.source import Rejected
        from app.batch.workers import LawNamed
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "pyarrow"):
            raise
        fail(MISSING)
    if len(names) < 2 or (len(names) > 2 and not packs):
        raise click.UsageError("give IN and OUT")
    (source, out), more_packs = map(Path, names[:2]), names[2:]
    law = LawNamed((*packs, *more_packs), configured().policy_dir, figures)
    order = BatchOrder(source, out, law, workers or len(os.sched_getaffinity(0)), start, years_out)
    try:
        with Shown() as shown:
            report = run(order, shown.told)
    except Rejected as error:
        fail(str(error))
    except OSError as error:
        fail(said(error, out))
    click.echo(str(report))


@batch.command("spark")
@click.argument("source", metavar="IN")
@click.argument("out", metavar="OUT")
@click.option("--master", required=True, help="Spark's master, as local[2] or spark://host:7077.")
@click.option(
    "--pack", "packs", multiple=True, help="A pack, by name or file; may be repeated. Default: the service's."
)
@click.option(
    "--figures", type=click.Path(path_type=Path), default=None, help="Areas' own figures, as GET /v1/areas answers."
)
def spark(source: str, out: str, master: str, packs: tuple[str, ...], figures: Path | None) -> None:
    """Compute the bills of IN on Spark and write their results to OUT, a folder; both are paths that Hadoop reads.

    The rows and their checksum are those of compute. Every executor needs this package and its packs.
    """
    try:
        from app.batch.source import Rejected
        from app.batch.spark import SparkOrder, run
        from app.batch.workers import LawNamed
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "pyarrow", "pyspark"):
            raise
        fail("onestop batch spark 需要 pyspark：请运行 make spark，或安装 onestop[spark]。")
    try:
        report = run(SparkOrder(source, out, LawNamed(packs, configured().policy_dir, figures), master))
    except Rejected as error:
        fail(str(error))
    click.echo(str(report))


@batch.command("synthetic")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--persons", type=click.IntRange(1, 999_999_999), required=True, help="Insured persons, with bills or not."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, help="Other seed, other bills."
)
@click.option("--year", type=click.IntRange(2000, 2100), default=2018, show_default=True, help="The calendar year.")
@click.option("--lines", default="none", show_default=True, help="Lines of each bill, 1 to 200; none: the scope only.")
@click.option(
    "--area", "areas", multiple=True, help="Where persons live, six digits; may be repeated. Default: Yunnan."
)
@click.option(
    "--faults", type=click.FloatRange(0, 1), default=0, help="The share of bills that are to have a fault. Default: 0."
)
@click.option("--workers", type=click.IntRange(1, 256), default=None, help="Processes; as many as there are cores.")
def synthetic(out: Path, workers: int | None, **said_of_year: Any) -> None:
    """Write a year of invented bills to OUT, a Parquet file (a folder of parts when there are many).

    The distributions and where they are from are in app/batch/synthetic/figures.yaml. The same seed gives the same
    bytes. A run that was stopped goes on where it was when it is called again.
    """
    try:
        from app.batch.source import Rejected
        from app.batch.synthetic.write import write_year
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "pyarrow"):
            raise
        fail(MISSING)
    try:
        with Shown() as shown:
            made = write_year(_year(**said_of_year), out, workers or len(os.sched_getaffinity(0)), shown.told)
    except Rejected as error:
        fail(str(error))
    except OSError as error:
        fail(said(error, out))
    click.echo(str(made))


@batch.command("load")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option("--url", envvar="ONESTOP_URL", default="http://127.0.0.1:8000", show_default=True)
@click.option("--token", envvar="ONESTOP_TOKEN", required=True, help="Better in the environment: ONESTOP_TOKEN.")
def load(source: Path, url: str, token: str) -> None:
    """Send a synthetic year with lines to a running service: hospitals, items and persons, then bill by bill.

    The token needs scopes admin, registry and hospital. The same command again goes on and does no harm.
    """
    try:
        from app.batch.source import Rejected
        from app.demo.load import load_year
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "pyarrow"):
            raise
        fail(MISSING)
    try:
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=600) as client:
            click.echo(f"settled={load_year(client, source, Console(stderr=True))}")
    except (Rejected, ImportRefused) as error:
        fail(str(error))
    except httpx.HTTPError as error:
        fail(f"服务 {url} 无法访问：{error}。请检查地址，稍后用同一命令重试。")


def _year(persons: int, seed: int, year: int, lines: str, areas: tuple[str, ...], faults: float) -> "Year":
    """The year that the options ask for."""
    from app.batch.synthetic.bills import MOST_LINES, Year

    if lines != "none" and not (lines.isascii() and lines.isdigit() and 1 <= int(lines) <= MOST_LINES):
        raise click.BadParameter(f"1 to {MOST_LINES}, or none", param_hint="--lines")
    for area in areas:
        if not (area.isascii() and area.isdigit() and len(area) == AREA_DIGITS):
            raise click.BadParameter("six digits", param_hint="--area")
    return Year(persons, seed, year, None if lines == "none" else int(lines), faults, tuple(dict.fromkeys(areas)))


def said(error: OSError, out: Path) -> str:
    """What the machine refused, and of which file."""
    return f"{Path(error.filename).name if error.filename else out.name}：{os.strerror(error.errno or 0)}"


class Shown:
    """A bar for the stage that a run is in."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> "Shown":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._bar.stop()

    def told(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        self._bar.update(self._task, description=stage, completed=done, total=total)
