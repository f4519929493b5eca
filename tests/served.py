"""A service, or a command, in a process of its own, forked from one that has its code loaded: starting Python anew for
each would be most of what the tests do."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from app.cli.main import main
from app.cli.output import out
from app.cli.service import serve
from app.policies import shipped_book
from app.serving.server import WORKER

ROOT: Final = Path(__file__).parent.parent
COMMAND_SECONDS: Final = 180
COLUMNS: Final = 200
CONTEXT: Final = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__, WORKER])
shipped_book()  # checked once for all


def run(words: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """Become ``onestop serve`` with these words, which says what it has to say at the end of a file."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    serve.main(list(words), prog_name="onestop serve")


class Served:
    """``onestop serve`` in its own process, with what the tests use of ``subprocess.Popen``."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._process = CONTEXT.Process(target=run, args=(words, dict(environment), log), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its status, None while it runs."""
        return self._process.exitcode

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Its status once it has ended; killed, with subprocess.TimeoutExpired, when that takes longer than ``timeout``
        seconds."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self._process.kill()  # or the test process would wait for it at its own end
            raise subprocess.TimeoutExpired("onestop", timeout or 0)
        return self._process.exitcode


def commanded(
    words: Sequence[str], environment: Mapping[str, str], typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """What ``onestop`` with these words says in the repository's folder, and its status; ``typed`` is its input."""
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("typed", "said", "complained")]
        streams[0].write_text(typed, encoding="utf-8")
        process = CONTEXT.Process(target=_command, args=(words, dict(environment), streams))
        process.start()
        process.join(COMMAND_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired("onestop", COMMAND_SECONDS)
        said, complained = (path.read_text(encoding="utf-8") for path in streams[1:])
    return subprocess.CompletedProcess(["onestop", *words], process.exitcode, said, complained)


def _command(words: Sequence[str], environment: Mapping[str, str], streams: Sequence[Path]) -> None:
    for number, path in enumerate(streams):
        with path.open("r+b" if number == 0 else "ab") as file:
            os.dup2(file.fileno(), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    out.width = COLUMNS
    main.main(list(words), prog_name="onestop")
