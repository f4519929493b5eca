"""Stored settlements as chains of bills that can be computed again: each with its own facts, catalogue entries and
refunds, a person's in the order of settling."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final

from msgspec import Struct

from app.basics.areas import area_prefix
from app.basics.days import shanghai_day
from app.basics.errors import Refused
from app.batch.compared import ComputedTwice, Laws, StandsAt
from app.batch.sent import Sent
from app.database.engine import HotConnection
from app.settlement.computing import bill_of, by_item
from app.settlement.document import decode_document, decode_inputs
from app.tiers.episode import visit_name
from app.tiers.model import FUND_TIERS, Portions
from app.tiers.policy import Policy, PolicyBook

_MIDNIGHT: Final = "(${}::date)::timestamp AT TIME ZONE 'Asia/Shanghai'"
_COUNTED: Final = f"""
  FROM settlement s
 WHERE s.kind = 'settlement' AND s.policy_pack = $1 AND starts_with(s.paying_area, $2)
   AND s.settled_at >= {_MIDNIGHT.format(3)} AND s.settled_at < {_MIDNIGHT.format(4)}"""
_HOW_MANY: Final = f"SELECT count(DISTINCT s.person_id) {_COUNTED}"
_PERSONS: Final = f"SELECT DISTINCT s.person_id {_COUNTED} AND s.person_id > $5 ORDER BY s.person_id LIMIT $6"
_CHAINS: Final = f"SELECT * FROM person_chains($1, {_MIDNIGHT.format(2)})"


class StoredBill(Struct, frozen=True):
    """A live settlement as it stands, with the document that was computed last. Amounts in fen."""

    person_id: str
    settled_at: datetime
    paying_area: str
    policy_pack: str
    hospital_code: str
    visit_id: str
    settle_seq: int
    episode: list[str]
    basic: int
    serious_illness: int
    supplement: int
    medical_assistance: int
    safety_net: int
    hospital: int
    patient: int
    payable_adjustment: int
    document: str

    @property
    def visit(self) -> str:
        """The visit's name."""
        return visit_name(self.hospital_code, self.visit_id)

    @property
    def standing(self) -> StandsAt:
        """What it stands at."""
        portions = Portions(*(getattr(self, name) for name in Portions.__struct_fields__))
        return StandsAt(sum(getattr(portions, tier) for tier in FUND_TIERS) + self.payable_adjustment, portions)


@dataclass(frozen=True, slots=True)
class SimulatedDays:
    """Which settlements count: of a pack, of the funds of an area (None: every area's), of days of settling, both
    included."""

    pack: str
    area_code: str | None
    first: date
    last: date

    @property
    def _prefix(self) -> str:
        return "" if self.area_code is None else area_prefix(self.area_code)

    @property
    def _values(self) -> tuple[object, ...]:
        return self.pack, self._prefix, self.first, self.last + timedelta(days=1)

    def counts(self, bill: StoredBill) -> bool:
        """Whether a settlement of a chain counts itself."""
        of_area = bill.paying_area.startswith(self._prefix)
        return bill.policy_pack == self.pack and of_area and shanghai_day(bill.settled_at) >= self.first

    async def how_many(self, connection: HotConnection) -> int:
        """The persons who have such a settlement."""
        found: int = await connection.fetchval(_HOW_MANY, *self._values)
        return found

    async def persons(self, connection: HotConnection, *, after: str, most: int) -> list[str]:
        """The next of these persons, behind one."""
        return [row["person_id"] for row in await connection.fetch(_PERSONS, *self._values, after, most)]

    async def chains(self, connection: HotConnection, persons: Sequence[str]) -> list[StoredBill]:
        """All that was settled of some persons until the last day, person by person. Whole chains: the years' sums,
        deductibles and episodes come of what doesn't count as well."""
        rows = await connection.fetch(_CHAINS, list(persons), self.last + timedelta(days=1))
        return [StoredBill(**row) for row in rows]


class PackLaw:
    """The law of one pack, whichever the area: as a settlement was computed under it."""

    def __init__(self, book: PolicyBook, name: str) -> None:
        self._book, self._name = book, name

    def __call__(self, day: date, area_code: str, insurance_type: str) -> tuple[Policy | None, tuple[str, ...]]:
        """The policy of a day, or the codes of why there is none."""
        del area_code  # its own figures are among the facts of the settlement
        pack = self._book.packs.get(self._name)
        if pack is None:
            return None, ("policy_gap",)
        codes = () if insurance_type in pack.insurance_types else ("insurance_type_unsupported",)
        try:
            return self._book.policy(self._name, day), codes
        except Refused as refused:
            return None, (*codes, *(fault.code for fault in refused.faults))


def by_person(
    bills: Iterable[StoredBill], wanted: SimulatedDays, laws: Laws, book: PolicyBook
) -> Iterator[list[ComputedTwice]]:
    """The chains, one after the other, to be computed under both laws. What was settled under another pack keeps its
    law on both sides."""
    for _, chain in groupby(bills, key=lambda bill: bill.person_id):
        found = list(chain)
        live = {bill.visit for bill in found}
        yield [
            ComputedTwice(
                _sent(bill, live),
                laws if bill.policy_pack == wanted.pack else (PackLaw(book, bill.policy_pack),) * 2,
                wanted.counts(bill),
                bill.standing,
            )
            for bill in found
        ]


def _sent(bill: StoredBill, live: set[str]) -> Sent:
    inputs = decode_inputs(decode_document(bill.document))
    transfer = inputs.bill.transfer_from
    source = None if transfer is None else visit_name(transfer.hospital_code, transfer.visit_id)
    return Sent(
        bill=bill_of(inputs),
        facts=inputs.facts,
        visit=bill.visit,
        seq=bill.settle_seq,
        source=source if source in live else None,  # of one that was taken back since the episode still tells
        scope=None,
        catalogue=by_item(inputs.entries),
        episode=tuple(bill.episode),
    )
