"""Files that a page's form sends: received like the API's, once per form, and only from our own page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Forbidden, OnestopError
from app.finance import session
from app.finance.page import SESSION_COOKIE, Refusal, Visitor, form_keyed, from_here, sentences_of
from app.finance.typing_in import understood
from app.service.idempotency import remembered
from app.service.upload import FILE_TYPES, Upload, received


@asynccontextmanager
async def own_upload(visitor: Visitor, limit: int, types: tuple[str, ...] = FILE_TYPES) -> AsyncIterator[Upload]:
    """The file of a form that this visitor's page sent, with its fields as the service wants them; Forbidden
    ``form_not_ours`` otherwise."""
    async with received(visitor.request, limit, types) as upload:
        cookie, csrf = visitor.request.cookies.get(SESSION_COOKIE, ""), upload.fields.get("csrf", "")
        if not from_here(visitor.request) or not session.csrf_matches(visitor.service.keys, cookie, csrf):
            raise Forbidden("form_not_ours")
        fields = {name: value.strip() for name, value in upload.fields.items()}
        yield Upload(upload.path, upload.digest, understood(fields))


async def once_uploaded(
    visitor: Visitor, upload: Upload, act: Callable[[AsyncConnection], Awaitable[tuple[int, bytes]]]
) -> bytes:
    """What became of the file, once per form; the same again when the form is sent again."""
    form = {**upload.fields, "file": upload.digest.hex()}
    _, content, _ = await remembered(visitor.service, visitor.caller, form_keyed(visitor, form), act)
    return content


async def refusing(
    visitor: Visitor,
    fields: dict[str, str],
    upload: Callable[[dict[str, str]], Awaitable[Response]],
    show: Callable[[Refusal], Awaitable[Response]],
) -> Response:
    """What ``upload`` answers; a refusal is shown by ``show`` with the fields that ``upload`` put into ``fields``."""
    try:
        return await upload(fields)
    except OnestopError as error:
        if error.status >= 500 or error.code == "form_not_ours":
            raise
        visitor.request.state.rejections = [fault.code for fault in error.faults] or [error.code]
        return await show(Refusal(sentences_of(error, visitor.caller.language), error.status, fields, error.extra))
