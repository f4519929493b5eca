"""One message being answered: what every transaction works with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Fault, Refused
from app.basics.ids import VISIT, read_id
from app.database.engine import HotConnection
from app.nhsa import store, visit_store
from app.nhsa.dictionary import Dictionary, open_end
from app.nhsa.envelope import Envelope
from app.nhsa.fields import TRANSACTIONS, Nodes, Row, shown
from app.nhsa.store import Hospital
from app.nhsa.vault import visit_place
from app.nhsa.visit_store import Visit
from app.service.caller import Caller, Keyed, Service
from app.service.security import decrypt, encrypt
from app.settlement.bill import BillRequest
from app.settlement.entry import Entry

Output = dict[str, object] | list[dict[str, object]]


class FileOutput(Struct, frozen=True):
    """A file instead of an answer in JSON."""

    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ToSettle:
    """A settlement that is written together with its message: under which key, and which lines of the visit it has."""

    entry: Entry
    keyed: Keyed
    bill: BillRequest
    visit_no: int
    line_nos: Sequence[int]


@dataclass(slots=True)
class Call:
    """A checked message inside its transaction.

    ``settlement_id``, ``visit_no`` and ``person_id`` are what it turned out to be about, ``to_settle`` what has still
    to be written; ``after`` is what is left to do once it is committed. ``connection`` is the driver's under
    ``session``: both are one transaction. Settling and cancelling have no session.
    """

    service: Service
    _session: AsyncConnection | None
    connection: HotConnection
    caller: Caller
    envelope: Envelope
    nodes: Nodes
    dictionary: Dictionary
    hospital: Hospital
    now: datetime
    settlement_id: int | None = None
    visit_no: int | None = None
    person_id: str | None = None
    to_settle: ToSettle | None = None
    after: list[Callable[[], None]] = field(default_factory=list)

    def one(self, node: str = "data") -> Row:
        """The only row of a node; its fields that are lacking may stand in the envelope or the visit."""
        return self.nodes[node][0]

    def shown(self, node: str, values: dict[str, object]) -> dict[str, object]:
        """A complete row of an output node."""
        return shown(TRANSACTIONS[self.envelope.infno].output[node], values)

    @property
    def session(self) -> AsyncConnection:
        """SQLAlchemy's side of the transaction."""
        assert self._session is not None, "what settles and cancels works with the driver's connection"
        return self._session

    @property
    def hospital_code(self) -> str:
        """The hospital that sent the message."""
        return self.envelope.hospital_code


def refused(code: str, pointer: str, **values: str) -> Refused:
    """A refusal of one field."""
    return Refused([Fault(pointer, code, values)])


# ---------------------------------------------------------------- visits


class Details(Struct):
    """What else was sent of a visit: the last fields of each node, and the diagnoses of admission and discharge."""

    fields: Row = {}
    diagnoses: list[Row] = []
    discharge_diagnoses: list[Row] = []


def sealed_details(call: Call, visit_id: str, details: Details) -> bytes:
    """Details as they are stored."""
    return encrypt(call.service.keys, msgspec.json.encode(details).decode(), associated=visit_place(visit_id))


def details_of(call: Call, visit: Visit) -> Details:
    """The stored details of a visit."""
    return msgspec.json.decode(
        decrypt(call.service.keys, visit.details, associated=visit_place(visit.visit_id)), type=Details
    )


async def visit_for(
    call: Call, row: Row, pointer: str = "/data/0", *, setting: str | None = None, lock: bool = True
) -> Visit:
    """The visit that a row names, for its person; with ``lock`` under the person's lock, which settling takes too."""
    if lock:
        await store.lock_person(call.connection, row["psn_no"])
    number = read_id(VISIT, row["mdtrt_id"])
    visit = None if number is None else await visit_store.visit(call.connection, number, call.hospital_code)
    return visit_named(call, row, visit, pointer, setting=setting)


def visit_named(
    call: Call, row: Row, visit: Visit | None, pointer: str = "/data/0", *, setting: str | None = None
) -> Visit:
    """The visit that was read for a row, if it is the row's person's and of the setting."""
    if visit is None or visit.state == "withdrawn":
        raise refused("nhsa_visit_unknown", f"{pointer}/mdtrt_id")
    if visit.person_id != row["psn_no"]:
        raise refused("nhsa_person_differs", f"{pointer}/psn_no")
    if setting is not None and visit.setting != setting:
        raise refused("nhsa_visit_setting", f"{pointer}/mdtrt_id")
    call.visit_no, call.person_id = visit.visit_no, visit.person_id
    return visit


def instant(text: str) -> datetime:
    """A row's instant."""
    return datetime.fromisoformat(text)


def day(text: str) -> date:
    """A row's day."""
    return date.fromisoformat(text[:10])


def until_of(last: str | None) -> date | None:
    """The end of an interval from its last day; None when it has no end."""
    if last is None or open_end(day(last)):
        return None
    return day(last) + timedelta(days=1)


def last_of(until: date | None) -> date | None:
    """The last day of an interval, as the national interface says it."""
    return None if until is None else until - timedelta(days=1)
