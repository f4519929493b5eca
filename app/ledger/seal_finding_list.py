"""Findings of the seals as a list: where, when, and what two people said of each."""

from datetime import date
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import RowMapping, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shown_instant
from app.basics.ids import SEAL_ACKNOWLEDGEMENT, SEAL_FINDING, shown_id
from app.ledger.seal_finding import State
from app.ledger.tables import seal_acknowledgement, seal_finding
from app.service.caller import Service
from app.service.columns import ListColumn, columns_of
from app.service.lists import DeclaredList, Filters, Rows, Selected
from app.service.security import ADMIN


class SealFindingFilters(Filters, frozen=True):
    """Findings of a kind or a state: ``open``, ``asked`` (one person said why it may stay), ``acknowledged`` (another
    confirmed it), ``mended`` (it is as it was sealed again)."""

    kind: Literal["edited", "removed", "unsealed", "block", "chain"] | None = None
    state: State | None = None


class SealFindingAnswer(Struct):
    """What isn't as it was sealed: a row of a table, or a block; when it was found, and what was said of it."""

    seal_finding_id: str
    kind: str
    block: int | None
    table: str | None
    row: int | None
    state: State
    found_at: str
    mended_at: str | None
    acknowledgement_id: str | None
    reason: str | None
    asked_by: str | None
    confirmed_by: str | None
    confirmed_at: str | None


async def _findings(connection: AsyncConnection, wanted: SealFindingFilters, day: date) -> Rows:
    finding, first, second = seal_finding.c, seal_acknowledgement.alias(), seal_acknowledgement.alias()
    said = seal_acknowledgement.alias()
    newest = (
        select(func.max(said.c.acknowledgement_id))
        .where(said.c.finding_id == finding.finding_id, said.c.confirms.is_(None))
        .scalar_subquery()
    )
    confirmed = (second.c.finding_id == finding.finding_id) & second.c.confirms.is_not(None)
    of_first = first.c.acknowledgement_id == func.coalesce(second.c.confirms, newest)
    found: Rows = select(
        seal_finding,
        finding.finding_id.label("seal_finding_id"),
        first.c.acknowledgement_id,
        first.c.reason,
        first.c.subject.label("asked_by"),
        second.c.subject.label("confirmed_by"),
        second.c.recorded_at.label("confirmed_at"),
    ).select_from(seal_finding.outerjoin(second, confirmed).outerjoin(first, of_first))
    if wanted.kind is not None:
        found = found.where(finding.kind == wanted.kind)
    match wanted.state:
        case "mended":
            found = found.where(finding.mended_at.is_not(None))
        case "acknowledged":
            found = found.where(finding.mended_at.is_(None), second.c.confirms.is_not(None))
        case "asked" | "open":
            asked = first.c.acknowledgement_id
            is_asked = asked.is_not(None) if wanted.state == "asked" else asked.is_(None)
            found = found.where(finding.mended_at.is_(None), second.c.confirms.is_(None), is_asked)
    return found


def _answer(row: RowMapping, day: date, service: Service) -> SealFindingAnswer:
    asked, confirmed, mended = row["acknowledgement_id"], row["confirmed_at"], row["mended_at"]
    return SealFindingAnswer(
        seal_finding_id=shown_id(SEAL_FINDING, row["finding_id"]),
        kind=row["kind"],
        block=row["block_no"],
        table=row["source"],
        row=row["row_id"],
        state=_state(mended=mended is not None, confirmed=confirmed is not None, asked=asked is not None),
        found_at=shown_instant(row["recorded_at"]),
        mended_at=None if mended is None else shown_instant(mended),
        acknowledgement_id=None if asked is None else shown_id(SEAL_ACKNOWLEDGEMENT, asked),
        reason=row["reason"],
        asked_by=row["asked_by"],
        confirmed_by=row["confirmed_by"],
        confirmed_at=None if confirmed is None else shown_instant(confirmed),
    )


def _state(*, mended: bool, confirmed: bool, asked: bool) -> State:
    if mended:
        return "mended"
    if confirmed:
        return "acknowledged"
    return "asked" if asked else "open"


_FINDINGS: Final[Selected[SealFindingFilters, SealFindingAnswer, int]] = Selected(
    query=_findings,
    order=(seal_finding.c.finding_id,),
    newest_first=True,
    answer=_answer,
    within=lambda caller: literal(caller.reach[0] == "all" and caller.principal.funds is None),
)
SEAL_FINDINGS: Final = DeclaredList(
    name="seal-findings",
    title={"zh": "封存核对发现", "en": "Findings of the seals"},
    about="""What verifying found that isn't as it was sealed, newest first, for those whom nothing limits: where, when,
    and what two people said of it.""",
    scopes=("auditor", ADMIN),
    filters=SealFindingFilters,
    row=SealFindingAnswer,
    columns=columns_of(
        SealFindingAnswer,
        own=(
            ListColumn("row", "count", {"zh": "行", "en": "Row"}, summed=False),
            ListColumn("reason", "text", {"zh": "确认理由", "en": "Why it may stay"}),
        ),
    ),
    position=int,
    read=_FINDINGS.read,
    selected=_FINDINGS,
)
