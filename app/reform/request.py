"""A simulation as it is asked for: the pack, the reform's text, the days of settling, a budget. Checked before a job
begins, with all that is wrong with the reform at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Fault, Forbidden, Refused
from app.jobs import store
from app.jobs.asker import Asker, asker_of
from app.jobs.kinds import SIMULATION
from app.jobs.store import NewJob
from app.policies.checking import checked_apart
from app.service import clock
from app.service.caller import Caller, Service
from app.service.wire import Day, Money
from app.tiers.policy import PolicyBook
from app.tiers.yamltext import MAX_PACK_BYTES

UNNAMED: Final = "reform"
"""How a reform is called that doesn't say how it is."""
_PACK: Final = re.compile(r"(?m)^pack:[ \t]*[\"']?([a-z][a-z0-9_]{0,39})[\"']?[ \t]*(?:#.*)?\r?$")
_INHERITS: Final = re.compile(r"(?m)^inherits:[ \t]*[\"']?([a-z][a-z0-9_]{0,39})")


class SimulationRequest(Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """What is to be simulated: the settlements of a pack that were settled on days (both included), under the pack and
    under a reform: the text of a pack that inherits it, with only the changed figures. ``budget``: what the funds may
    cost together, yuan."""

    pack: Annotated[str, Meta(max_length=64)]
    reform: Annotated[str, Meta(min_length=1, max_length=MAX_PACK_BYTES)]
    from_: Day
    to: Day
    budget: Money | None = None


class SimulationOptions(Struct, frozen=True, rename={"from_": "from"}):
    """What a job simulates; ``asker`` isn't shown."""

    pack: str
    reform: str
    from_: date
    to: date
    budget: str | None
    asker: Asker


@dataclass(frozen=True, slots=True)
class ReformText:
    """A reform's name and text."""

    name: str
    text: str

    def beside(self, book: PolicyBook) -> dict[str, str]:
        """The texts of the packs in use, and its own."""
        return {name: pack.texts[name] for name, pack in book.packs.items()} | {self.name: self.text}


def reform_of(text: str) -> ReformText:
    """A reform from its text."""
    found = _PACK.search(text)
    return ReformText(UNNAMED if found is None else found[1], text)


async def check(service: Service, caller: Caller, wanted: SimulationRequest) -> None:
    """Refused with everything that is wrong with what is asked for, Forbidden for who acts for some funds only."""
    if caller.principal.funds is not None:
        raise Forbidden("all_funds_needed")
    faults = []
    pack = service.book.packs.get(wanted.pack)
    if pack is None:
        faults.append(Fault("/pack", "pack_unknown"))
    if wanted.to < wanted.from_:
        faults.append(Fault("/to", "days_reversed"))
    faults += await _faults_of(service.book, wanted)
    if faults:
        raise Refused(faults)


async def _faults_of(book: PolicyBook, wanted: SimulationRequest) -> list[Fault]:
    """What is wrong with a reform, each finding with its line and what to write instead."""
    reform = reform_of(wanted.reform)
    if reform.name in book.packs:
        line = wanted.reform[: _place(_PACK, wanted.reform)].count("\n") + 1
        return [Fault("/reform", "reform_named_as_pack", {"line": str(line), "name": reform.name})]
    found = await checked_apart(reform.beside(book), reform.name, drafts=(reform.name,))
    findings = [Fault("/reform", "reform_at_fault", {"finding": finding}) for finding in found.findings]
    if wanted.pack in book.packs and not findings and wanted.pack not in _ancestors(book, wanted.reform):
        line = wanted.reform[: _place(_INHERITS, wanted.reform)].count("\n") + 1
        findings.append(Fault("/reform", "reform_inherits_not", {"line": str(line), "pack": wanted.pack}))
    return findings


def _ancestors(book: PolicyBook, text: str) -> Iterator[str]:
    """The packs that a checked reform inherits, the nearest first."""
    found = _INHERITS.search(text)
    name = None if found is None else found[1]
    while name is not None:
        yield name
        name = book.packs[name].inherits if name in book.packs else None


def _place(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    return 0 if found is None else found.start()


async def queue(service: Service, connection: AsyncConnection, caller: Caller, wanted: SimulationRequest) -> int:
    """Queue a simulation that was checked; the job's id."""
    asker = asker_of(caller.principal)
    options = SimulationOptions(wanted.pack, wanted.reform, wanted.from_, wanted.to, wanted.budget, asker)
    stored: Mapping[str, Any] = msgspec.to_builtins(options)
    new = NewJob(
        kind=SIMULATION,
        options=stored,
        area_code=caller.principal.area_code or "",
        file_digest=sha256(msgspec.json.encode(stored, order="deterministic")).digest(),
        received_at=await clock.now(connection, manual=service.manual_clock),
    )
    return await store.add_job(service, connection, caller, new)
