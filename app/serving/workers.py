"""The worker processes of one service: a dead one is replaced at once, and none is ever given up.

They are forked from a process that has loaded the service's code once (``load``), and that does nothing else: to load
it takes longer than all else that a worker does before it answers.
"""

import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import Pipe, forkserver
from typing import Final

from uvicorn import Config
from uvicorn._subprocess import subprocess_started
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

PING_SECONDS: Final = 1.0
HANGING_SECONDS: Final = 30.0
QUICK_SECONDS: Final = 10.0
LONGEST_PAUSE: Final = 5.0
LOGGER: Final = logging.getLogger("onestop.workers")
FORKED: Final = multiprocessing.get_context("forkserver")
PR_SET_PDEATHSIG: Final = 1
ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
CANNOT_FORK: Final = (OSError, EOFError)
"""What is raised when the process that workers are forked from ends while it is asked for one."""


def load(module: str) -> None:
    """Begin to load a module in the process that workers are forked from, with this process' environment."""
    FORKED.set_forkserver_preload(["app.serving.forking", module])
    forkserver.ensure_running()


def die_with(parent: int) -> None:
    """Stop this process when its parent is killed, so that nothing keeps a port or goes on with a job."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the parent process is gone")


class _Forked(Process):
    """A worker that is forked, with the environment that this process has when it is begun."""

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        self.config = config
        self._server = None
        self.parent_conn, self.child_conn = Pipe()
        words = {"config": config, "target": self.target, "sockets": sockets, "environment": dict(os.environ)}
        self.process = FORKED.Process(target=_begun, kwargs=words)  # type: ignore[assignment]


def _begun(
    *,
    config: Config,
    target: Callable[..., None],
    sockets: list[socket.socket],
    environment: Mapping[str, str],
) -> None:
    """What a worker does first: see to it that it doesn't outlive the service, nor whom it was forked from."""
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    die_with(os.getppid())
    threading.Thread(target=_leave_with_the_service, daemon=True).start()
    os.environ.clear()
    os.environ.update(environment)
    subprocess_started(config, target, sockets, None)


def _leave_with_the_service() -> None:
    service = multiprocessing.parent_process()
    assert service is not None
    service.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _started(config: Config, sockets: list[socket.socket]) -> Process:
    worker = _Forked(config, sockets)
    worker.start()
    return worker


@dataclass
class _Place:
    """What is known of the worker in one place: since when, when it was asked for an answer, and its quick deaths."""

    since: float
    answered: float
    asked: bool = False
    deaths: int = 0
    not_before: float = 0.0


class Workers(Multiprocess):
    """The parent of the workers. It never waits for one worker while it looks after the others.

    uvicorn's own parent waits up to a minute for the answer of each worker in turn, and ends everything, with status 0,
    when a worker that replaces another doesn't start.
    """

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.failed = False
        self._served = False
        now = time.monotonic()
        self._places = [_Place(now, now) for _ in range(self.processes_num)]

    def init_processes(self) -> None:
        """Start the first ones."""
        for _ in range(self.processes_num):
            self.processes.append(_started(self.config, self.sockets))

    def keep_subprocess_alive(self) -> None:
        """Look at every worker once, and replace those that have died or hang."""
        for index, (process, place) in enumerate(zip(list(self.processes), self._places, strict=True)):
            if self.should_exit.is_set():
                return
            if place.not_before:
                self._start_again(index, place)
            elif not process.process.is_alive():
                self._bury(process, place)
            elif not self._answers(process, place):
                LOGGER.error(
                    "worker %s doesn't answer and is replaced; when that goes on, look for a full machine", process.pid
                )
                self._bury(process, place)

    def _answers(self, process: Process, place: _Place) -> bool:
        """Ask the worker now and then, without waiting; False when it has been silent for too long."""
        now = time.monotonic()
        try:
            if place.asked and process.parent_conn.poll(0):
                self._served |= bool(process.parent_conn.recv())
                place.asked, place.answered = False, now
            if not place.asked and now - place.answered >= PING_SECONDS:
                process.parent_conn.send(b"ping")
                place.asked = True
        except (OSError, EOFError):
            return False
        return now - place.answered < HANGING_SECONDS

    def _bury(self, process: Process, place: _Place) -> None:
        """See that the worker is gone, and set when another takes its place: at once, later after several quick
        deaths."""
        process.kill()
        process.process.join()
        if process.exitcode in (1, STARTUP_FAILURE) and not self._served:
            LOGGER.error("no worker can start; the reason stands above")
            self.failed = True
            self.should_exit.set()
            return
        now = time.monotonic()
        place.deaths = place.deaths + 1 if now - place.since < QUICK_SECONDS else 0
        pause = min(LONGEST_PAUSE, 0.5 * 2**place.deaths) if place.deaths > 1 else 0.0
        place.not_before = now + pause
        LOGGER.error("worker %s ended with status %s; another starts in %.0f s", process.pid, process.exitcode, pause)
        self._start_again(self.processes.index(process), place)

    def _start_again(self, index: int, place: _Place) -> None:
        now = time.monotonic()
        if now >= place.not_before:
            try:
                self.processes[index] = _started(self.config, self.sockets)
            except CANNOT_FORK:
                place.not_before = now + LONGEST_PAUSE
                LOGGER.exception("no worker could be forked; it is tried again in %.0f s", LONGEST_PAUSE)
                return
            place.since = place.answered = now
            place.asked, place.not_before = False, 0.0

    def restart_all(self) -> None:
        """Replace each worker that serves by one that is ready, after a SIGHUP."""
        for index, old in enumerate(list(self.processes)):
            try:
                fresh = _started(self.config, self.sockets)
            except CANNOT_FORK:
                LOGGER.exception("no new worker could be forked; those that serve stay")
                return
            if not fresh.wait_until_ready(HANGING_SECONDS, self.should_exit):
                fresh.kill()
                LOGGER.error("a new worker isn't ready in time; those that serve stay")
                return
            now = time.monotonic()
            self.processes[index], self._places[index] = fresh, _Place(now, now)
            old.terminate()

    def terminate_all(self) -> None:
        """Tell every worker that lives to end; one that waits to be replaced is gone already."""
        for process in self.processes:
            if process.process.is_alive():
                process.terminate()
