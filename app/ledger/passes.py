"""The proof of the ledger as the service makes it by itself: in passes of a few seconds, however much is to prove."""

import time
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.ledger.proof import CHECKS, CheckResult, checked, open_all

PASS_SECONDS: Final = 5.0


@dataclass(slots=True)
class ProofPasses:
    """What the passes of one term found last of each invariant, the latest last. ``seconds`` bounds a query, and the
    first pass, which proves everything."""

    seconds: int
    found: dict[str, CheckResult] = field(default_factory=dict)

    async def go_on(self, connection: AsyncConnection, *, most: float = PASS_SECONDS) -> list[CheckResult]:
        """Prove every invariant the first time; then, until ``most`` seconds are over, one at least, those that were
        longest not proven."""
        await open_all(connection, seconds=self.seconds)
        until = time.monotonic() + (most if self.found else self.seconds)
        names = [name for name in CHECKS if name not in self.found] or list(self.found)
        made: list[CheckResult] = []
        while len(made) < len(names) and (not made or time.monotonic() < until):
            made.append(await checked(connection, names[len(made)]))
        for result in made:
            self.found.pop(result.check, None)
            self.found[result.check] = result
        return made
