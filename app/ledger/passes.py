"""The proof of the ledger as the service makes it by itself: in passes of a few seconds, however much is to prove."""

import logging
import time
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import sqlstate
from app.ledger.proof import CHECKS, CheckResult, checked, open_all

PASS_SECONDS: Final = 5.0
CANCELED: Final = "57014"
LOGGER: Final = logging.getLogger("onestop.ledger")


@dataclass(slots=True)
class ProofPasses:
    """What the passes of one term found last of each invariant. ``turns``: the invariants, the one first that was
    longest not looked at. ``seconds`` bounds a query, and the first pass, which proves everything."""

    seconds: int
    found: dict[str, CheckResult] = field(default_factory=dict)
    turns: list[str] = field(default_factory=lambda: list(CHECKS))

    async def go_on(self, connection: AsyncConnection, *, most: float = PASS_SECONDS) -> list[CheckResult]:
        """Prove every invariant the first time; then, until ``most`` seconds are over, one at least, those that were
        longest not looked at. One that takes longer than a query may keeps no other from its turn."""
        await open_all(connection, seconds=self.seconds)
        until = time.monotonic() + (most if self.found else self.seconds)
        made: list[CheckResult] = []
        for at, name in enumerate(list(self.turns)):
            if at and time.monotonic() >= until:
                break
            self.turns.remove(name)
            self.turns.append(name)
            result = await self._proven(connection, name)
            if result is not None:
                self.found[name] = result
                made.append(result)
        return made

    async def _proven(self, connection: AsyncConnection, name: str) -> CheckResult | None:
        """One invariant; None when it can't be proven in the time of a query, which is said."""
        try:
            async with connection.begin_nested():
                return await checked(connection, name)
        except DBAPIError as error:
            if sqlstate(error) != CANCELED:
                raise
        LOGGER.error(
            "the ledger's invariant %s is not proven within %s seconds; run onestop ledger check, which takes its time",
            *(name, self.seconds),
        )
        return None
