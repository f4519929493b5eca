"""Undo (2601) what a message did whose answer never came. It can be repeated until it is answered."""

from app.basics.errors import Conflict
from app.basics.ids import SETTLEMENT, shown_id
from app.nhsa import store, visit_store
from app.nhsa.call import Call, Output, refused
from app.nhsa.envelope import base_infno
from app.nhsa.message import keep_undone
from app.nhsa.settling import reverse
from app.nhsa.visit import withdraw

UNDOABLE = frozenset({"2207", "2304", "2401"})


async def undo(call: Call) -> Output:
    """The message's lock first: while it is held elsewhere nobody knows what will become of it.

    A message that never arrived is marked, so that it changes nothing should it still arrive. Another hospital's
    message never arrived here.
    """
    row = call.one()
    infno, msgid = base_infno(row["oinfno"]), row["omsgid"]
    wait = call.service.settings.idempotency_wait
    if not await store.lock_message(call.connection, call.hospital_code, infno, msgid, wait):
        raise Conflict("nhsa_message_running")
    message = await store.message(call.connection, call.hospital_code, infno, msgid)
    if message is None:
        other = await store.other_infno(call.connection, call.hospital_code, msgid, infno)
        if other is not None:
            raise refused("nhsa_msgid_of_other", "/data/0/oinfno", infno=other)
        # One that was refused has arrived: it did nothing, and its msgid is free again.
        refused_before = await store.was_refused(call.connection, call.hospital_code, infno, msgid)
        if infno in UNDOABLE and not refused_before:
            await keep_undone(call, infno, msgid, row["psn_no"])
        return _undone("原交易未到达，无需冲正")
    if message.person_id != row["psn_no"]:
        raise refused("nhsa_person_differs", "/data/0/psn_no")
    if message.outcome == "undone":
        return _undone("原交易未到达，无需冲正")
    if infno not in UNDOABLE:
        raise refused("nhsa_not_undoable", "/data/0/oinfno")
    await store.lock_person(call.connection, row["psn_no"])
    if message.settlement_id is not None:
        return await _undo_settlement(call, message.settlement_id)
    assert message.visit_no is not None, "an admission has a visit"
    return await _undo_admission(call, message.visit_no)


def _undone(memo: str, setl_id: str = "") -> Output:
    return {"result": {"setl_id": setl_id, "memo": memo}}


async def _undo_admission(call: Call, visit_no: int) -> Output:
    visit = await visit_store.visit(call.connection, visit_no, call.hospital_code)
    if visit is None or visit.state == "withdrawn":
        return _undone("入院已撤销，无需冲正")
    await withdraw(call, visit, "/data/0/omsgid")
    return _undone("入院已冲正")


async def _undo_settlement(call: Call, settlement_id: int) -> Output:
    before = await store.reversal_of(call.connection, settlement_id)
    if before is not None:
        return _undone("结算已撤销，无需冲正", shown_id(SETTLEMENT, before))
    entry = await reverse(call, settlement_id)
    return _undone("结算已冲正", shown_id(SETTLEMENT, entry.settlement_id))
