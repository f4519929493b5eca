"""A bill as it is computed in a chain: of a row of a file, or settled before and computed again. Pure."""

from typing import NamedTuple

from app.tiers.model import Bill, Facts, Scope
from app.tiers.scope import Catalogue


class Sent(NamedTuple):
    """A bill with all that is known of it. With ``codes`` it can't be read, and nothing else of it counts.

    ``episode``: of a bill that was settled before, the visits of its episode. What it was settled with is not doubted
    again, and ``own_figures`` among its facts count. ``dated``: whether each of its lines says its day.
    """

    bill: Bill
    facts: Facts
    visit: str
    seq: int
    source: str | None
    scope: Scope | None
    catalogue: Catalogue
    codes: tuple[str, ...] = ()
    episode: tuple[str, ...] | None = None
    dated: bool = False


def named_visit(text: str) -> tuple[str, str]:
    """Hospital and visit of ``<hospital_code>/<visit_id>``."""
    hospital, _, visit = text.partition("/")
    return hospital, visit
