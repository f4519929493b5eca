"""Every metric of the service, right with several workers.

The ``serve`` parent calls :func:`prepare_multiprocess` before it starts workers; each of them then writes to its own
files, which :func:`render_metrics` adds up. Floats are fine in here: nothing that is measured flows back into a
calculation.
"""

import os
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from app import ENGINE_VERSION
from app.tiers.model import FUNDS

MULTIPROCESS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
PORTIONS: Final[Mapping[str, str]] = {**FUNDS, "hospital": "", "patient": ""}

GATHERED: Final = ("done", "refused", "alone", "later", "failed")
IDEMPOTENCY_RESULTS: Final = ("new", "replayed", "reused", "in_progress")

_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ENGINE_BUCKETS = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1)
_LOCK_BUCKETS = (1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)

http_requests = Counter("onestop_http_requests_total", "Requests answered.", ("method", "route", "status"))
http_request_duration_seconds = Histogram(
    "onestop_http_request_duration_seconds",
    "From the arrival of a request to the last byte of its answer.",
    ("method", "route"),
    buckets=_REQUEST_BUCKETS,
)
http_requests_in_progress = Gauge(
    "onestop_http_requests_in_progress", "Requests being answered now.", multiprocess_mode="livesum"
)
settlements = Counter("onestop_settlements_total", "Settlements committed.", ("kind", "medical_type", "paid_by"))
portion_yuan = Counter("onestop_portion_yuan_total", "Yuan settled, by who bears it.", ("portion", "fund"))
reversed_portion_yuan = Counter(
    "onestop_reversed_portion_yuan_total", "Yuan taken back, by who had borne it.", ("portion", "fund")
)
idempotency = Counter("onestop_idempotency_total", "What became of an idempotency key.", ("result",))
gathered = Counter(
    "onestop_gathered_total",
    "Bills taken to be settled with others in one transaction, by how that ended.",
    ("outcome",),
)
rejections = Counter("onestop_rejections_total", "Requests refused, by the codes of their faults.", ("code", "route"))
nhsa_transactions = Counter(
    "onestop_nhsa_transactions_total", "Transactions of the national interface.", ("infno", "outcome")
)
audit_errors = Counter("onestop_audit_errors_total", "Rows of the audit log that couldn't be written.")
person_reads = Counter(
    "onestop_person_reads_total",
    "Reads of persons by hospitals: their own, others', and others' that were refused.",
    ("kind",),
)
connections_refused = Counter(
    "onestop_connections_refused_total", "Connections ended before a request was whole, by the bound.", ("reason",)
)
rate_limited = Counter("onestop_rate_limited_total", "Requests refused because their sender asks too often.")
uncaught_errors = Counter("onestop_uncaught_errors_total", "Exceptions nobody expected; each one is a defect.")
ready = Gauge(
    "onestop_ready", "1 when the instance can settle; of several workers the least.", multiprocess_mode="livemin"
)
degraded = Gauge(
    "onestop_degraded",
    "How many things of the instance aren't as they should be although it can settle.",
    multiprocess_mode="livemax",
)
pool_connections = Gauge(
    "onestop_pool_connections",
    "Connections to the database, of all workers: in use at the last probe (every 5 s), and the most there may be.",
    ("pool", "kind"),
    multiprocess_mode="livesum",
)
pool_timeouts = Counter("onestop_pool_timeouts_total", "Requests and jobs that waited for a connection in vain.")
loop_errors = Counter("onestop_loop_errors_total", "Failed rounds of a background loop.", ("loop",))
loop_turned_at = Gauge(
    "onestop_loop_turned_at_seconds",
    "When a background loop was last seen alive, Unix time; of several workers the oldest.",
    ("loop",),
    multiprocess_mode="livemin",
)
engine_seconds = Histogram(
    "onestop_engine_seconds", "One bill computed, from its faults to its document.", buckets=_ENGINE_BUCKETS
)
lock_wait_seconds = Histogram("onestop_lock_wait_seconds", "Waiting for a person's lock.", buckets=_LOCK_BUCKETS)
oldest_open_list_seconds = Gauge(
    "onestop_oldest_open_list_seconds",
    "Business time since the oldest poverty list was received that isn't matched yet; 0: none.",
    multiprocess_mode="mostrecent",
)
build_info = Gauge("onestop_build_info", "Always 1.", ("version", "engine", "python"), multiprocess_mode="livemax")


def _start_at_zero() -> None:
    """Make every series whose labels are known appear with 0, so that its first increase is seen by ``rate()``."""
    for result in IDEMPOTENCY_RESULTS:
        idempotency.labels(result)
    for outcome in GATHERED:
        gathered.labels(outcome)
    for portion, fund in PORTIONS.items():
        portion_yuan.labels(portion, fund)
        reversed_portion_yuan.labels(portion, fund)
    try:
        version = metadata.version("onestop")
    except metadata.PackageNotFoundError:
        version = "unknown"
    build_info.labels(version, ENGINE_VERSION, platform.python_version()).set(1)


_start_at_zero()


def observe_settlement(
    *, kind: str, medical_type: str, paid_by: str, portions: Mapping[str, int], funds: Mapping[str, str] | None = None
) -> None:
    """Count one settlement, reversal or adjustment and its portions in fen. Call it after the commit. ``funds`` says
    which fund pays by tier; of a tier that isn't there the residents' does.

    A counter never goes down: every amount of a ``reversal``, of either sign, and every negative amount of another
    kind goes to the counter of what was taken back. Never raises for an unknown portion: it is counted as ``other``.
    """
    settlements.labels(kind, medical_type, paid_by).inc()
    for portion, amount_fen in portions.items():
        if amount_fen:
            labels = (portion, (funds or {}).get(portion, PORTIONS[portion])) if portion in PORTIONS else ("other", "")
            taken_back = kind == "reversal" or amount_fen < 0
            counter = reversed_portion_yuan if taken_back else portion_yuan
            counter.labels(*labels).inc(abs(amount_fen) / 100)


def observe_idempotency(result: str) -> None:
    """Count what became of one idempotency key."""
    idempotency.labels(result).inc()


def observe_rejection(codes: Iterable[str], *, route: str) -> None:
    """Count a refused request once for each of its different codes. ``route`` is a template, never a raw path."""
    for code in set(codes):
        rejections.labels(code, route).inc()


def prepare_multiprocess(directory: Path) -> None:
    """Empty a folder of earlier metrics and name it to the workers. Call it in the parent, before it starts them.

    The folder belongs to one server alone. The parent's own observations are not in it: it imported this module before.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stale in directory.glob("*.db"):
        stale.unlink(missing_ok=True)
    os.environ[MULTIPROCESS_VARIABLE] = str(directory)


def forget_dead_workers(*, besides: int = 0) -> None:
    """Drop the gauges of workers that are gone; their counters stay, so that totals never go down.

    Each worker calls it when it starts, since a crashed one can't. ``besides`` is a living process that is no worker.
    Does nothing with one process.
    """
    directory = os.environ.get(MULTIPROCESS_VARIABLE)
    for path in Path(directory).glob("gauge_live*_*.db") if directory else ():
        pid = int(path.stem.rpartition("_")[2])
        if pid == besides or _gone(pid):
            multiprocess.mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def render_metrics() -> tuple[bytes, str]:
    """The metrics of all workers in Prometheus' text form, with their content type.

    Reads files when there are several workers, some milliseconds: call it in a thread. ``process_*`` are absent then.
    """
    directory = os.environ.get(MULTIPROCESS_VARIABLE)
    if not directory:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
