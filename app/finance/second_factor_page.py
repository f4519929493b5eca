"""The page of the second factor: begin one, prove it, keep the recovery codes."""

from typing import Final

import segno
from fastapi import APIRouter, Request
from starlette.responses import Response

from app.basics.errors import OnestopError
from app.finance import second_factor
from app.finance.login import origin_of, safe_next
from app.finance.page import (
    SECOND_FACTOR,
    SESSION_COOKIE,
    PageRoute,
    Refusal,
    Visitor,
    gone_to,
    own_form,
    reading,
    sentences_of,
    shown,
    visit,
)
from app.service.security import token_digest

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
MOST_CHARACTERS: Final = 32


@router.get("/second-factor")
async def get_second_factor(request: Request, next: str | None = None) -> Response:
    """The form for a code; before the first one the picture that the authenticator reads."""
    return await _page(await visit(request), safe_next(next), None)


@router.post("/second-factor")
async def post_second_factor(request: Request) -> Response:
    """Prove the second factor, and go on to the page where the step was to be taken."""
    visitor = await visit(request)
    form = await own_form(visitor)
    wanted = safe_next(form.get("next"))
    try:
        codes = await second_factor.proven(
            visitor.service,
            name=visitor.principal.subject,
            code=form.get("code", "")[:MOST_CHARACTERS],
            origin=origin_of(request),
            session=token_digest(request.cookies.get(SESSION_COOKIE, "")),
        )
    except OnestopError as error:
        if error.status >= 500:
            raise
        return await _page(visitor, wanted, Refusal(sentences_of(error, visitor.caller.language), error.status))
    if codes:
        return shown(visitor, "second_factor.html", codes=codes, wanted=wanted)
    return gone_to(wanted, "notice.factor_proven")


async def _page(visitor: Visitor, wanted: str, refusal: Refusal | None) -> Response:
    name, keys = visitor.principal.subject, visitor.service.keys
    found = await reading(visitor, lambda connection: second_factor.state(connection, name))
    secret = picture = None
    if found is None or found["confirmed_at"] is None:
        secret = await reading(visitor, lambda connection: second_factor.offered(connection, keys, name))
        picture = segno.make(second_factor.address(secret, name), error="m").svg_data_uri(scale=4)
    visitor.request.state.page = SECOND_FACTOR
    contents = {"codes": (), "secret": secret, "picture": picture, "wanted": wanted}
    return shown(visitor, "second_factor.html", contents, refusal=refusal)
