"""A person-year computed again: each live settlement in the order of settling, after what now stands before it. Pure.

At all times a settlement with its adjustments is what the engine gives for its own inputs, less its refunds, after the
settlements before it (docs/specification/calculation.md, section 5). A correction of one year never reaches into
another.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct, structs

from app.settlement.computing import outcome_of, place_of
from app.settlement.document import NOTHING, Document, Inputs, Whole, decode_inputs, in_todays_words, less, whole_of
from app.settlement.rows import Original, Standing
from app.tiers.episode import Stay, episode_of
from app.tiers.model import Outcome
from app.tiers.policy import Policy

PolicyOf = Callable[[str, date], Policy]
"""The policy of a pack's digest on a day."""


class Recomputed(Struct, frozen=True):
    """A settlement computed again: what it was computed from last and is now, what it comes to, the difference in
    fen."""

    row: Original
    reached: bool
    former: Whole
    former_document: Document
    inputs: Inputs
    outcome: Outcome
    whole: Whole
    material: bool

    @property
    def difference(self) -> Whole:
        """By how much the settlement changes."""
        return less(self.whole, self.former)

    @property
    def changed(self) -> bool:
        """Whether there is anything to write: other money, or other facts, law or lines than it was computed from."""
        return self.material or self.difference != NOTHING


def computed_again(
    standing: Sequence[Standing],
    stays: Sequence[Stay],
    before: Mapping[str, int],
    policy_of: PolicyOf,
    revised: Callable[[Standing, Inputs], Inputs] | None = None,
) -> Iterator[Recomputed]:
    """Compute settlements again, in their order, after the accumulators ``before`` the first one.

    ``stays`` are the person's as they stand, without what is being reversed; ``revised`` says what is different of a
    settlement besides what comes before it.
    """
    year = dict(before)
    current = list(stays)
    for item in standing:
        assert item.document is not None
        document = in_todays_words(item.document)
        last = decode_inputs(document)
        inputs = last if revised is None else revised(item, last)
        outcome, inputs = _computed(item.row, inputs, year, current, policy_of)
        whole = whole_of(outcome)
        current = [
            structs.replace(stay, deductible=whole.deductible) if stay.settlement_id == item.row.settlement_id else stay
            for stay in current
        ]
        year = outcome.after
        material = any(getattr(inputs, name) != getattr(last, name) for name in ("policy_digest", "facts", "refunds"))
        yield Recomputed(item.row, item.reached, item.whole, document, inputs, outcome, whole, material)


def _computed(
    row: Original, inputs: Inputs, year: dict[str, int], stays: Sequence[Stay], policy_of: PolicyOf
) -> tuple[Outcome, Inputs]:
    earlier = [stay for stay in stays if stay.benefit_year == row.benefit_year and stay.entry_no < row.entry_no]
    policy = policy_of(inputs.policy_digest, inputs.policy_day)
    episode = episode_of(
        earlier,
        tuple(row.episode),
        benefit_year=row.benefit_year,
        other_years=inputs.episode.deductible_other_years,
        place=place_of(inputs.facts, policy),
    )
    inputs = structs.replace(inputs, before=dict(year), episode=episode, adjusts=None)
    return outcome_of(inputs, policy), inputs
