"""A reform simulated over bills from files: computed under a pack and its reform, bucket by bucket."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.basics.classes import ClassWords
from app.batch.bucket import BucketTask, sorted_bucket
from app.batch.compared import Laws, Tally
from app.batch.law import BatchLaw, reformed
from app.batch.run import Progress, spread_all, unfinished
from app.batch.simulation_answer import Simulation, answer_of
from app.batch.source import Rejected, checked, parts_of
from app.batch.twofold import tally_of, twofold
from app.batch.workers import computed

Writing = Callable[[Simulation, Path, Mapping[str, ClassWords]], None]
"""Writes an answer into a folder, told what the classes of both laws are called."""


@dataclass(frozen=True, slots=True)
class ReformNamed:
    """A pack and its reform as a worker finds them again."""

    pack: str
    reform: str
    extra: Path | None

    def found(self) -> Laws:
        """Both laws."""
        one, two = reformed(self.pack, self.reform, self.extra)
        return BatchLaw(one), BatchLaw(two)


@dataclass(frozen=True, slots=True)
class SimulationOrder:
    """What is to be simulated, and where what is made on the way lies."""

    source: Path
    out: Path
    named: ReformNamed
    workers: int
    budget: int | None = None


def simulated(order: SimulationOrder, progress: Progress, write: Writing) -> Simulation:
    """Simulate and write the answer into a folder that then gets its name. Rejected when an input can't be used; then
    nothing is left."""
    parts = parts_of(order.source)
    book, changed = reformed(order.named.pack, order.named.reform, order.named.extra)
    rows = [checked(path) for path in parts]
    if order.out.exists() and any(order.out.iterdir() if order.out.is_dir() else [order.out]):
        raise Rejected(f"{order.out.name}：已经存在，请换一个名字或先删去。")
    with unfinished(order.out) as folder:
        try:
            for path in folder.iterdir():
                if path.name != "lock":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            spreading = spread_all(folder, parts, rows, progress)
            task = BucketTask(folder, [path.name for path in parts], None, False)
            tally, numbers = Tally(), list(range(spreading.buckets))
            work = computed(partial(compare_bucket, task), numbers, order.named, order.workers)
            for done, found in enumerate(work, 1):
                tally.add(found)
                progress("计算", done, len(numbers))
            names = order.named.pack, Path(order.named.reform).stem
            answer = answer_of(tally, names, book, order.budget)
            made = folder / "report"
            made.mkdir()
            write(answer, made, {**book.classes, **changed.classes})
        except Rejected:
            shutil.rmtree(folder)
            raise
        if order.out.exists():
            order.out.rmdir()
        made.replace(order.out)
        shutil.rmtree(folder)
    return answer


def compare_bucket(task: BucketTask, number: int, laws: Laws) -> Tally:
    """Count the persons of a bucket."""
    table, _ = sorted_bucket(task, number)
    return tally_of(twofold(table, laws))
