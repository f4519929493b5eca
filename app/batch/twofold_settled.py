"""Settlements as columns to be compared under two laws: each with its own facts, law and scope."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, cast

import numpy as np
import pyarrow as pa
from msgspec import structs

from app.batch.alike import FACTS, Bills, alone, whole_persons
from app.batch.columns import BILL, PORTIONS, SCOPE
from app.batch.compared import ComputedTwice, StandsAt, Tally
from app.batch.many import Answers, Whole
from app.batch.ready import Coded, Ready, coded, few_values, numbers, stays
from app.batch.sent import Sent
from app.batch.twofold import BOTH, COST, Twofold, tally_of
from app.tiers.model import FUND_TIERS
from app.tiers.policy import Policy
from app.tiers.scope import scope_of

COLUMNS: Final = (*FACTS, "person_id", "visit_id", "transfer_from", "admitted_on", "discharged_on", "total")
SCHEMA: Final = pa.schema([(name, BILL[name]) for name in COLUMNS])


@dataclass(slots=True)
class SettledBills(Bills):
    """Bills that were settled, by column, each as it is computed again."""

    known: list[Sent]

    def some(self, rows: Whole) -> Iterator[tuple[int, Sent]]:
        """Some of them with their rows."""
        yield from ((row, self.known[row]) for row in rows.tolist())


def tally_of_chains(chains: Sequence[Sequence[ComputedTwice]]) -> Tally:
    """Compute the chains of some persons under both laws and count them."""
    asked = list(chain.from_iterable(chains))
    return tally_of(_twofold(asked)) if asked else Tally()


def _twofold(asked: list[ComputedTwice]) -> Twofold:
    sents = [one.sent for one in asked]
    table = pa.Table.from_pylist([_row(sent) for sent in sents], SCHEMA)
    texts = few_values(table, FACTS)
    who, visit = (coded(table.column(name).combine_chunks()) for name in ("person_id", "visit_id"))
    year = stays(table)[1].astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    total = numbers(table.column("total").combine_chunks())
    laws = [_policies(asked, side) for side in BOTH]
    ready = Ready(np.ones(len(asked), bool), [np.zeros(len(asked), np.int64) for _ in SCOPE])
    one = SettledBills(table, texts, ready, who, visit, year, total, *laws[0], sents)
    sides = one, replace(one, policy=laws[1][0], policies=laws[1][1])
    odd = np.array([len(sent.episode or ()) != 1 or sent.bill.paid_by_patient for sent in sents])
    apart = whole_persons(one, odd | alone(sides[0]) | alone(sides[1]))
    _know_scopes(ready, sents, ~apart)
    counts = np.array([one.counts for one in asked])
    return Twofold(sides, lambda row, sent: asked[row], counts, _funds(sents), _standing(asked), apart)


def _row(sent: Sent) -> dict[str, object]:
    bill, facts = sent.bill, sent.facts
    retired = None if facts.retired is None else "retired" if facts.retired else "active"
    return {
        "area_code": facts.area_code,
        "benefit_class": facts.benefit_class,
        "hospital_code": facts.hospital_code,
        "hospital_area": facts.hospital_area_code,
        "hospital_rank": facts.hospital_rank,
        "hospital_level": facts.hospital_level,
        "medical_type": bill.medical_type,
        "referral": bill.referral,
        "work_injury": bill.work_injury,
        "disease_code": bill.disease_code,
        "delivery_mode": bill.delivery_mode,
        "disease_registered": facts.disease_registered,
        "insurance_type": facts.insurance_type,
        "person_type": retired,
        "person_id": facts.person_id,
        "visit_id": sent.visit,
        "transfer_from": sent.source,
        "admitted_on": bill.admitted_on,
        "discharged_on": bill.discharged_on,
        "total": bill.total,
    }


def _policies(asked: list[ComputedTwice], side: int) -> tuple[Whole, list[Policy | None]]:
    """The number of each bill's policy under a law, with the own figures of its area; None of those that none rules."""
    policies: list[Policy | None] = [None]
    numbered: dict[int, int] = {}
    known: dict[object, int] = {}
    found = []
    for one in asked:
        law, bill, facts = one.laws[side], one.sent.bill, one.sent.facts
        key = (id(law), bill.discharged_on, facts.area_code, facts.insurance_type, facts.own_figures)
        if key not in known:
            policy, gaps = law(bill.discharged_on, facts.area_code, facts.insurance_type)
            if policy is None or gaps:
                known[key] = 0
            else:
                policy = policy.with_own(facts.own_figures)
                known[key] = numbered.setdefault(id(policy), len(policies))
                policies += [policy] * (known[key] == len(policies))
        found.append(known[key])
    return np.array(found), policies


def _know_scopes(ready: Ready, sents: list[Sent], chosen: Answers) -> None:
    """The scope of each chosen bill by its lines and the catalogue entries that it was settled with."""
    for row in np.flatnonzero(chosen).tolist():
        sent = sents[row]
        scope = sent.scope or scope_of(sent.bill.lines, sent.catalogue, sent.facts.hospital_level)[0]
        for column, amount in zip(ready.scope, structs.astuple(scope), strict=True):
            column[row] = amount


def _funds(sents: list[Sent]) -> dict[str, Coded]:
    """The fund of each bill by tier."""
    named = {tier: coded(pa.array([sent.facts.fund(tier) for sent in sents])) for tier in FUND_TIERS}
    return {tier: Coded(found.codes, found.words[:-1]) for tier, found in named.items()}


def _standing(asked: list[ComputedTwice]) -> dict[str, Whole]:
    """What each settlement stands at."""
    stands = [cast(StandsAt, one.standing) for one in asked]
    columns = {name: np.array([getattr(one.portions, name) for one in stands]) for name in PORTIONS}
    return columns | {COST: np.array([one.cost for one in stands])}
