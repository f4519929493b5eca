"""What one process of the whole service does: seal, sum up, prove the ledger, show clearing's figures.

It is elected by a row of the database with its heartbeat; when that stops, another takes over. Being outvoted for a
moment does no harm: sealing and summing have locks of their own, and the rest only reads.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy import func, select

from app.basics.errors import OnestopError
from app.clearing.metrics import (
    clearing_figures,
    ledger_figures,
    liveness,
    money_figures,
    seal_figures,
    service_figures,
)
from app.clearing.moves import business_now, today
from app.clearing.to_money import days_to_money
from app.database.election import Election, election
from app.jobs import store
from app.ledger import rollup, seal, seal_finding
from app.ledger.overpaid import overpaid
from app.ledger.passes import ProofPasses
from app.readjudication.metrics import readjudication_figures
from app.service import elected, tokens
from app.service.caller import Service
from app.service.loops import Beat, Loop
from app.service.metrics import uncaught_errors
from app.service.tables import backup

TICK_SECONDS: Final = 1.0
PROOF_WAITS_SECONDS: Final = 5.0  # a service that has just started serves before it looks back
CANDIDATE_SECONDS: Final = 1.0
LONGEST_QUERY_SECONDS: Final = 600
ROUND_SECONDS: Final = 6 * 86_400  # every block is compared within 7 days; a day is left for what stands still
HANGS_SECONDS: Final = 3 * LONGEST_QUERY_SECONDS  # one part is several queries
LOGGER: Final = logging.getLogger("onestop.watch")


def watching(service: Service) -> Loop:
    """The loop that stands for election, and leads while elected."""

    async def turn(beat: Beat) -> None:
        try:
            async with election(service.database) as term:
                if term is not None:
                    await _Lead(service, beat).go_on(term)
        finally:
            elected.withdraw()

    return Loop("watching", turn, pause=CANDIDATE_SECONDS, hangs=HANGS_SECONDS)


class _Lead:
    """The state of one term: when each part ran, and what it last showed."""

    def __init__(self, service: Service, beat: Beat) -> None:
        self.service = service
        self.beat = beat
        self.ran: dict[str, float] = {}
        self.shown: dict[str, bytes] = {}
        self.proof = ProofPasses(LONGEST_QUERY_SECONDS)

    async def go_on(self, term: Election) -> None:
        settings = self.service.settings
        parts = (
            (self._seal, settings.seal_seconds),
            (self._roll, settings.roll_seconds),
            (self._check, settings.check_seconds),
            (self._observe, settings.observe_seconds),
        )
        wait = min(PROOF_WAITS_SECONDS, settings.check_seconds)
        self.ran[self._check.__name__] = time.monotonic() + wait - settings.check_seconds
        while True:
            term.confirm()
            self.beat()
            for act, seconds in parts:
                if self._time_for(act.__name__, seconds):
                    await self._guarded(act)
            await asyncio.sleep(TICK_SECONDS)

    def _time_for(self, part: str, seconds: float) -> bool:
        now = time.monotonic()
        if now - self.ran.get(part, -seconds) < seconds:
            return False
        self.ran[part] = now
        return True

    async def _guarded(self, act: Callable[[], Awaitable[None]]) -> None:
        """One part that fails doesn't keep the others from their work; it is tried again in its own time."""
        try:
            await act()
        except OnestopError as error:
            LOGGER.warning(
                "the watch couldn't %s and tries again (%s); see the database if this goes on",
                *(act.__name__.strip("_"), error.code),
            )
        except Exception:
            uncaught_errors.inc()
            LOGGER.exception(
                "the watch couldn't %s and tries again; report it with its traceback", act.__name__.strip("_")
            )

    async def _seal(self) -> None:
        await seal.seal(self.service.database)

    async def _roll(self) -> None:
        await rollup.roll(self.service.database)

    async def _check(self) -> None:
        """Count what is in no block though a pass must have met it, make a pass, prove, look at the blocks that are
        due."""
        database = self.service.database
        async with database.transaction() as connection:
            waiting = await seal.unsealed(connection)
        await seal.seal(database, everything=True)
        async with database.transaction() as connection:
            checked = await self.proof.go_on(connection)
            too_much = await overpaid(connection)
            block = await seal.last_block(connection)
            passed = await days_to_money(connection, today(await business_now(self.service, connection)))
        seals = await self._verify()
        broken = {result.check: result.count for result in self.proof.found.values() if result.count}
        for result in checked:
            for violation in result.violations:
                LOGGER.error(
                    "the ledger's invariant %s is broken at %s; run onestop ledger check and stop paying",
                    *(result.check, violation.place),
                )
        self._show("ledger", ledger_figures(broken, too_much, waiting, block) + seals + money_figures(passed))

    async def _verify(self) -> bytes:
        """Compare the new blocks, and so many of the others that all come round in time, with their rows."""
        share = self.service.settings.check_seconds / ROUND_SECONDS
        async with self.service.database.transaction() as connection:
            due = await seal.due_blocks(connection, min(1.0, share))
            verified = await seal.verify(connection, blocks=due)
            unseen = await seal.unseen_seconds(connection)
            stand = await seal_finding.standing(connection)
        for finding in verified.findings:
            for place in finding.places:
                LOGGER.error(
                    "a seal is broken (%s, finding sfd_%s): block %s, %s %s; run onestop seal verify, stop paying and "
                    "find out who changed the database",
                    *(finding.kind, place.finding_id, place.block_no, place.source, place.row_id),
                )
        return seal_figures(stand, unseen)

    async def _observe(self) -> None:
        async with self.service.database.transaction() as connection:
            content = await clearing_figures(self.service, connection, seconds=LONGEST_QUERY_SECONDS)
            ends = await tokens.ending(connection)
            backed_up = await connection.scalar(select(func.max(backup.c.taken_at)))
            jobs = await store.figures(connection)
            readjudicated = await readjudication_figures(connection)
        self._show("clearing", content)
        self._show("readjudication", readjudicated)
        self._show("service", service_figures(ends, backed_up, jobs))

    def _show(self, part: str, content: bytes) -> None:
        self.shown[part] = content
        self.shown["live"] = liveness(time.time())
        elected.publish(b"".join(self.shown.values()))
