"""A synthetic year made and computed: processor time of a bill, memory, disk, seconds. Run: python -m bench.batch

``--bills`` and ``--line-bills`` say about how many with their scope only, and with 20 lines; 0 leaves a size out. In a
``--folder`` that is kept, a run that was stopped goes on.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

BILLS_OF_100_PERSONS: Final = 158
LINES: Final = 20
RESULT: Final = Path("build/bench-batch.json")
MIB: Final = 1 << 20


@dataclass(frozen=True)
class Measured:
    """One command over one year: what it said of itself, and the most that it and its results took on the disk."""

    what: str
    bills: int
    seconds: float
    cpu_us_per_bill: float
    peak_mib: float
    disk_mib: float
    sha256: str


def size(*paths: Path) -> int:
    """Bytes of files and folders that may be changing."""
    total = 0
    for path in paths:
        for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
            try:
                total += file.stat().st_size if file.is_file() else 0
            except OSError:
                continue
    return total


def measured(what: str, note: Path, out: Path, words: list[str]) -> Measured:
    """Run a command of ``onestop batch`` that writes ``out``; once it has ended well, what the note says."""
    if note.exists() and out.exists():
        return Measured(**json.loads(note.read_text(encoding="utf-8")))
    process = subprocess.Popen([sys.executable, "-m", "app.cli", "batch", *words], stdout=subprocess.PIPE, text=True)
    most = 0
    unfinished = out.with_name(out.name + ".unfinished")
    while process.poll() is None:
        most = max(most, size(out, unfinished))
        time.sleep(0.2)
    most = max(most, size(out))
    said = process.stdout.read() if process.stdout is not None else ""
    if process.returncode:
        raise SystemExit(process.returncode)
    found = dict(re.findall(r"(\w+)=(\S+)", said.splitlines()[-1]))
    if int(found.get("faults", "0")):
        raise SystemExit(f"{what}: {found['faults']} bills have a fault")
    seconds, micros, peak = (float(found[name]) for name in ("seconds", "cpu_us_per_bill", "peak_mib"))
    result = Measured(what, int(found["bills"]), seconds, micros, peak, most / MIB, found["sha256"])
    note.write_text(json.dumps(asdict(result)), encoding="utf-8")
    return result


def case(folder: Path, name: str, bills: int, lines: str) -> list[Measured]:
    """A year of so many bills, made and computed."""
    place = folder / f"{name}-{bills}"
    place.mkdir(parents=True, exist_ok=True)
    year, results = place / "bills", place / "results"
    persons = str(max(1, bills * 100 // BILLS_OF_100_PERSONS))
    made = ["synthetic", str(year), "--persons", persons, "--lines", lines]
    return [
        measured(f"{name}, made", place / "made.json", year, made),
        measured(f"{name}, computed", place / "computed.json", results, ["compute", str(year), str(results)]),
    ]


def main() -> None:
    """Make and compute both sizes, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bills", type=int, default=300_000)
    parser.add_argument("--line-bills", type=int, default=60_000)
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onestop-bench-") as temporary:
        folder = asked.folder or Path(temporary)
        sizes = (("scope only", asked.bills, "none"), (f"{LINES} lines", asked.line_bills, str(LINES)))
        rows = [row for name, bills, lines in sizes if bills for row in case(folder, name, bills, lines)]
    sys.stdout.write(f"{'':22}{'bills':>11}{'seconds':>10}{'µs a bill':>11}{'peak MiB':>10}{'disk MiB':>10}\n")
    for row in rows:
        sys.stdout.write(
            f"{row.what:22}{row.bills:11}{row.seconds:10.1f}{row.cpu_us_per_bill:11.1f}{row.peak_mib:10.0f}"
            f"{row.disk_mib:10.0f}\n"
        )
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
