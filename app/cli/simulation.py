"""What a reform would have cost: bills from files, under a pack and under the reform of it."""

import os
from pathlib import Path

import click

from app.basics.money import fen
from app.cli.batch import MISSING, Shown, said
from app.cli.config import configured
from app.cli.output import fail, out


@click.command()
@click.option("--bills", "source", required=True, type=click.Path(path_type=Path), help="Bills, as of batch compute.")
@click.option("--pack", required=True, help="The pack as it is, by name or file.")
@click.option("--reform", required=True, type=click.Path(path_type=Path), help="A pack that inherits it.")
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="A new folder for the report.")
@click.option("--budget", default=None, help="What the funds may cost, yuan.")
@click.option("--workers", type=click.IntRange(1, 256), default=None, help="Processes; as many as there are cores.")
def simulate(source: Path, pack: str, reform: Path, folder: Path, budget: str | None, workers: int | None) -> None:
    """Compute bills under a pack and under a reform of it, and report the differences as JSON, XLSX and HTML."""
    try:
        from app.batch.simulation import ReformNamed, SimulationOrder, simulated
        from app.batch.simulation_report import change, write_report
        from app.batch.source import Rejected
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "pyarrow"):
            raise
        fail(MISSING)
    if reform.suffix not in (".yaml", ".yml"):
        fail(f"--reform {reform}：改革方案是一个 .yaml 文件。")
    try:
        most = None if budget is None else fen(budget)
    except ValueError:
        fail(f"--budget {budget}：写元，至多两位小数，如 1000000.00。")
    named = ReformNamed(pack, str(reform), configured().policy_dir)
    order = SimulationOrder(source, folder, named, workers or len(os.sched_getaffinity(0)), most)
    try:
        with Shown() as shown:
            answer = simulated(order, shown.told, write_report)
    except Rejected as error:
        fail(str(error))
    except OSError as error:
        fail(said(error, folder))
    total = answer.total
    amounts = "不公布" if total.suppressed else f"{total.baseline} → {total.reform}（{change(total)}）"
    out.print(f"{answer.persons} 人，{answer.bills} 张账单，基金支出 {amounts}。报告：{folder / 'simulation.html'}")
