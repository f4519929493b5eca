"""Replay: compute a stored entry again from what was stored with it, and compare. Writes nothing."""

from msgspec import UNSET

from app import ENGINE_VERSION
from app.basics.errors import NotFound
from app.basics.ids import SETTLEMENT, shown_id
from app.database.engine import HotConnection
from app.service.caller import Caller, Service
from app.service.http import check_context
from app.service.security import require
from app.settlement import store
from app.settlement.answer import ReplayAnswer
from app.settlement.computing import outcome_of
from app.settlement.document import (
    NOTHING,
    Document,
    decode_document,
    decode_inputs,
    decode_results,
    decode_reversal,
    digest,
    encoded,
    less,
    results_of,
    results_of_whole,
    whole_of,
)
from app.settlement.rows import EntryRow


async def replay(service: Service, caller: Caller, settlement_id: int) -> ReplayAnswer:
    """Whether an entry's stored inputs have their digest and, under the law kept with it, give its results again."""
    require(caller.principal, "hospital", "finance", "auditor")
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        row = await store.read_one(connection, settlement_id)
        if row is None:
            raise NotFound("not_found")
        document = decode_document(row.document)
        results = await _recomputed(service, connection, row, document)
    return ReplayAnswer(
        settlement_id=shown_id(SETTLEMENT, settlement_id),
        digest_matches=digest(document.inputs) == row.digest,
        result_matches=digest(results) == row.result_digest == digest(document.results)
        and _columns_match(row, document),
        engine_then=row.engine_version,
        engine_now=ENGINE_VERSION,
    )


async def _recomputed(service: Service, connection: HotConnection, row: EntryRow, document: Document) -> bytes:
    """The results that the stored inputs give now, as they are stored."""
    if row.kind == "reversal":
        taken_back = decode_reversal(document)
        entries = await store.read_group(connection, row.of_settlement_id or 0, row.entry_no)
        whole = NOTHING
        for item in entries:
            whole = less(whole, item.whole)
        given = decode_inputs(decode_document(entries[0].document))
        older = {} if taken_back.older_before is UNSET else taken_back.older_before
        return encoded(results_of_whole(whole, taken_back.before, given, older))
    inputs = decode_inputs(document)
    outcome = outcome_of(inputs, await store.policies_of(service, connection, inputs.laws))
    if inputs.adjusts is None:
        return encoded(results_of(outcome))
    difference = less(whole_of(outcome), inputs.adjusts.whole)
    return encoded(results_of_whole(difference, inputs.adjusts.year, inputs, inputs.adjusts.older_year or {}))


def _columns_match(row: EntryRow, document: Document) -> bool:
    """Whether the row's amounts are those of its results, and so its older year's."""
    results, older = decode_results(document.results), row.whole.older
    if (older is not None) != bool(results.years) or row.whole.portions != results.portions:
        return False
    return older is None or older.portions == results.years[0].portions
