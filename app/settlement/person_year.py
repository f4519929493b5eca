"""A person-year computed again: each live settlement in the order of settling, after what now stands before it. Pure.

At all times a settlement with its adjustments is what the engine gives for its own inputs, less its refunds, after the
settlements before it (docs/specification/calculation.md, section 5). A correction of one year reaches into another only
by a settlement that is split between them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from app.settlement.computing import PolicyOf, asked_by, outcome_of
from app.settlement.document import Document, Inputs, Whole, decode_inputs, in_todays_words, is_nothing, less, whole_of
from app.settlement.rows import Original, Standing
from app.tiers.episode import Stay, episode_of, moved_by
from app.tiers.model import Facts, Outcome


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
        return self.material or not is_nothing(self.difference)


def laws_kept(standing: Iterable[Standing]) -> Iterator[str]:
    """The digests of the packs that settlements were computed under last."""
    for item in standing:
        yield item.row.policy_digest
        if item.row.older_entry_no is not None and item.document is not None:
            yield from decode_inputs(item.document).laws


def in_order(standing: Sequence[Standing]) -> list[Standing]:
    """Settlements of one person in the order of settling: each after those before it in every year that it counts in,
    the older year first where neither is before the other."""
    lines: dict[int, list[Standing]] = {}
    for item in standing:
        for year in item.row.places:
            lines.setdefault(year, []).append(item)
    for year, items in lines.items():
        items.sort(key=lambda item: item.row.places[year], reverse=True)
    ordered = []
    while any(lines.values()):
        heads = [items[-1] for _, items in sorted(lines.items()) if items]
        item = next(one for one in heads if all(lines[year][-1] is one for year in one.row.places))
        for year in item.row.places:
            lines[year].pop()
        ordered.append(item)
    return ordered


def computed_again(
    standing: Sequence[Standing],
    stays: Sequence[Stay],
    before: Mapping[int, Mapping[str, int]],
    policy_of: PolicyOf,
    revised: Callable[[Standing, Inputs], Inputs] | None = None,
) -> Iterator[Recomputed]:
    """Compute settlements again, in the order of settling, after the accumulators of the years ``before`` the first.

    ``stays`` are the person's as they stand, without what is being reversed; ``revised`` says what is different of a
    settlement besides what comes before it.
    """
    years = {year: dict(accumulators) for year, accumulators in before.items()}
    current = list(stays)
    for item in standing:
        assert item.document is not None
        document = in_todays_words(item.document)
        last = decode_inputs(document)
        inputs = last if revised is None else revised(item, last)
        outcome, inputs = _computed(item.row, inputs, years, current, policy_of)
        whole = whole_of(outcome)
        current = [
            structs.replace(stay, deductible=whole.deductible, moved=moved_by(outcome))
            if stay.settlement_id == item.row.settlement_id
            else stay
            for stay in current
        ]
        years |= {part.benefit_year: part.after for part in outcome.years or (outcome,)}
        material = any(getattr(inputs, name) != getattr(last, name) for name in ("policy_digest", "facts", "refunds"))
        material = material or _law_of_older(inputs) != _law_of_older(last)
        yield Recomputed(item.row, item.reached, item.whole, document, inputs, outcome, whole, material)


def _law_of_older(inputs: Inputs) -> tuple[str, Facts] | None:
    return None if inputs.older is None else (inputs.older.policy_digest, inputs.older.facts)


def _computed(
    row: Original, inputs: Inputs, years: Mapping[int, dict[str, int]], stays: Sequence[Stay], policy_of: PolicyOf
) -> tuple[Outcome, Inputs]:
    earlier = [stay for stay in stays if _before(stay, row)]
    laws = [policy_of(inputs.policy_digest, inputs.policy_day)]
    older = inputs.older
    if older is not None:
        laws.append(policy_of(older.policy_digest, older.policy_day))
        older = structs.replace(older, before=dict(years.get(row.benefit_year - 1, {})))
    episode = episode_of(
        earlier,
        tuple(row.episode),
        benefit_year=inputs.admission_year,
        split=older is not None,
        other_years=inputs.episode.deductible_other_years,
        asked=asked_by(laws, inputs.facts),
    )
    before = dict(years.get(row.benefit_year, {}))
    inputs = structs.replace(inputs, before=before, episode=episode, adjusts=None, older=older)
    return outcome_of(inputs, policy_of), inputs


def _before(stay: Stay, row: Original) -> bool:
    """Whether a stay was settled before a settlement in a year that both count in."""
    mine, places = row.places, {stay.benefit_year: stay.entry_no}
    if stay.older_entry_no is not None:
        places[stay.benefit_year - 1] = stay.older_entry_no
    return any(year in mine and number < mine[year] for year, number in places.items())
