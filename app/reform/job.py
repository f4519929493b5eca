"""The job of a simulation: persons in buckets, each counted and kept, encrypted, before the next is read; then the
answer of all of them. After a crash it goes on behind the last bucket that was kept. It writes nothing else."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from msgspec import Raw, Struct

from app.basics.errors import Conflict, NotFound, OnestopError
from app.basics.money import fen
from app.batch.compared import ComputedTwice, Laws, Tally, compare_person
from app.batch.simulation_answer import Simulation, answer_of
from app.batch.simulation_report import report_page, write_workbook
from app.jobs import store
from app.jobs.asker import caller_of_run
from app.jobs.kinds import SIMULATION, Form, ResultFile
from app.jobs.row import Job
from app.jobs.store import Run
from app.policies import shipped_book
from app.reform.request import SimulationOptions, reform_of
from app.reform.stored import PackLaw, SimulatedDays, by_person
from app.service.caller import Caller, Service
from app.service.export import XLSX_TYPE
from app.service.sheet import FileFault
from app.tiers.load import load_book
from app.tiers.policy import PolicyBook
from app.version import VERSION

KIND: Final = SIMULATION
AT_ONCE: Final = 100
MOST_AT_ONCE: Final = 800
"""Persons in the first bucket, and in a later one, each twice the one before: their documents are in memory together,
and the more there are, the more of their bills are alike."""
JSON_TYPE: Final = "application/json"
HTML_TYPE: Final = "text/html; charset=utf-8"


class KeptBucket(Struct):
    """What a bucket of persons came to, under which law, and who was the last of them."""

    law: bytes
    last: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Simulating:
    """A simulation under way. ``law``: what tells it from one of other texts or another release."""

    service: Service
    run: Run
    wanted: SimulatedDays
    laws: Laws
    law: bytes


async def run(service: Service, run_: Run) -> None:
    """Simulate, and keep the answer as the job's file. Failed when the asker's token has ended or the reform can't be
    used any more."""
    options = msgspec.convert(run_.options, SimulationOptions)
    service = replace(service, book=shipped_book(service.settings.policy_dir))
    reform = reform_of(options.reform)
    wanted = SimulatedDays(options.pack, run_.caller.principal.area_code, options.from_, options.to)
    try:
        book, changed = _books(service.book, options.pack, options.reform)
        laws = PackLaw(book, options.pack), PackLaw(changed, reform.name)
        law = sha256(f"{VERSION} {book.packs[options.pack].digest} {changed.packs[reform.name].digest}".encode())
        mine = replace(run_, caller=caller_of_run(run_))
        tally = await _counted(Simulating(service, mine, wanted, laws, law.digest()))
        budget = None if options.budget is None else fen(options.budget)
        answer = answer_of(tally, (options.pack, reform.name), book, budget, stored=True)
        with TemporaryDirectory(prefix="onestop-simulation-") as folder:
            path = Path(folder) / "answer"
            path.write_bytes(msgspec.json.encode(answer))
            await store.finish_with_file(service, mine, path)
    except OnestopError as error:
        if error.retryable:
            raise
        await store.finish(service, run_, "failed", faults=[FileFault(error.code, values=dict(error.values))])


def _books(served: PolicyBook, pack: str, text: str) -> tuple[PolicyBook, PolicyBook]:
    """The book of the pack alone, and that of the reform, which covers the same insurance types. NotFound when
    the pack isn't served any more."""
    reform = reform_of(text)
    if pack not in served.packs:
        raise NotFound("pack_unknown")
    own = served.packs[pack]
    changed = load_book(reform.beside(served), {reform.name}).packs[reform.name]
    return PolicyBook({pack: own}), PolicyBook({reform.name: replace(changed, insurance_types=own.insurance_types)})


async def _counted(simulating: Simulating) -> Tally:
    """What all persons come to: of the buckets that were kept, and of those behind them."""
    service, run_, wanted = simulating.service, simulating.run, simulating.wanted
    whole, last, number, count = Tally(), "", 0, counter()
    async for content in store.parts_kept(service, run_):
        kept = msgspec.msgpack.decode(content, type=KeptBucket)
        if kept.law != simulating.law:  # another release, or another text of the pack
            await store.forget_parts(service, run_)
            whole, last, number = Tally(), "", 0
            break
        whole.add(kept.tally)
        last, number = kept.last, number + 1
    async with run_.transaction(service) as connection:
        await store.expect(connection, run_, await wanted.how_many(connection))
    while True:
        async with run_.transaction(service) as connection:
            persons = await wanted.persons(connection, after=last, most=min(MOST_AT_ONCE, AT_ONCE << number))
            bills = await wanted.chains(connection, persons)
        if not persons:
            return whole
        tally = count(list(by_person(bills, wanted, simulating.laws, service.book)))
        last = persons[-1]
        content = msgspec.msgpack.encode(KeptBucket(simulating.law, last, tally))
        await store.keep_part(service, run_, number, content, further=len(persons))
        whole.add(tally)
        number += 1


def counter() -> Callable[[Sequence[list[ComputedTwice]]], Tally]:
    """Counts the chains of some persons: by column where what batches need is installed, else one by one, with the same
    answer."""
    try:
        # here, because the service never loads what only this job needs
        from app.batch.twofold_settled import tally_of_chains
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "pyarrow"):
            raise
        return one_by_one
    return tally_of_chains


def one_by_one(chains: Sequence[list[ComputedTwice]]) -> Tally:
    """Count the chains of some persons without columns."""
    tally = Tally()
    for chain in chains:
        compare_person(chain, tally)
    return tally


# ---------------------------------------------------------------- what is shown of it, to whom


async def answered(service: Service, caller: Caller, job: Job) -> Raw | None:
    """The answer of a simulation that is done, as it is kept; None before, and when it was dropped."""
    if job.state != "done":
        return None
    content = b"".join([part async for part in store.file_parts(service, caller, job.job_id)])
    return Raw(content) if content else None


async def simulation_of(service: Service, caller: Caller, job: Job) -> Simulation:
    """The answer of a simulation. Conflict ``result_not_ready``, NotFound ``result_expired``."""
    if job.state != "done":
        raise Conflict("result_not_ready")
    found = await answered(service, caller, job)
    if found is None:
        raise NotFound("result_expired")
    return msgspec.json.decode(found, type=Simulation)


async def formed(service: Service, caller: Caller, job: Job, form: Form) -> ResultFile:
    """The answer as a file."""
    answer = await simulation_of(service, caller, job)
    name = f"simulation-{job.shown}.{form}"
    if form == "html":
        return name, HTML_TYPE, _content(report_page(answer, service.book.classes).encode())
    if form == "xlsx":
        with TemporaryDirectory(prefix="onestop-simulation-") as folder:
            path = Path(folder) / "file.xlsx"
            write_workbook(answer, path)
            return name, XLSX_TYPE, _content(path.read_bytes())
    return name, JSON_TYPE, _content(msgspec.json.encode(answer))


async def _content(content: bytes) -> AsyncIterator[bytes]:
    yield content
