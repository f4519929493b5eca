"""Signing in and out (9001, 9002). Real time. Nothing else asks whether an operator is signed in."""

from app.basics.ids import SESSION, read_id, shown_id
from app.nhsa import store
from app.nhsa.call import Call, Output, refused


async def sign_in(call: Call) -> Output:
    """Sign an operator in (9001)."""
    row = call.one("signIn")
    opened = await store.sign_in(call.connection, call.hospital_code, row["opter_no"])
    values = {"sign_time": opened.signed_at, "sign_no": shown_id(SESSION, opened.session_id)}
    return {"signinoutb": call.shown("signinoutb", {**values})}


async def sign_out(call: Call) -> Output:
    """End the operator's own session (9002); signing out again answers the time of the first."""
    row = call.one("signOut")
    number = read_id(SESSION, row["sign_no"])
    ended = None
    if number is not None:
        ended = await store.sign_out(call.connection, number, call.hospital_code, row["opter_no"])
    if ended is None:
        raise refused("nhsa_session_unknown", "/signOut/0/sign_no")
    return {node: call.shown(node, {"sign_time": ended}) for node in ("signoutoutb", "sign_time")}
