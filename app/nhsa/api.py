"""The routes of the national interface: business failures are 200 with ``infcode`` −1, gateway failures are 401."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from msgspec import Struct
from python_multipart.multipart import parse_options_header
from starlette.responses import Response

from app.basics.days import SHANGHAI
from app.basics.errors import OnestopError, TooMany, Unauthorized, Unavailable
from app.database.engine import RETRY_SECONDS
from app.nhsa.call import FileOutput
from app.nhsa.door import CASHIER, GatewayChanged, answered, authenticate, caller_of, known_infno
from app.nhsa.envelope import Envelope, envelope_of, error_text, plain_body, plain_upload, sender_of, written
from app.nhsa.gateway import refusal
from app.service import metrics
from app.service.audit import noted
from app.service.caller import Caller, Credential
from app.service.http import answer, count_request, count_stranger, service_of
from app.service.messages import text
from app.service.openapi import body, gives
from app.service.problem import too_large
from app.service.route import DirectRoute

router = APIRouter(tags=["nhsa"], route_class=DirectRoute)
CALL_SERVICE: Final = "/fsi/api/rsfComIfsService/callService"


class NationalRequest(Struct):
    """A transaction of the national interface: ``input`` has the nodes of its table (see the integrators' guide)."""

    infno: str
    msgid: str
    fixmedins_code: str
    input: dict[str, Any]
    mdtrtarea_admvs: str = ""
    insuplc_admdvs: str = ""
    recer_sys_code: str = ""
    dev_no: str = ""
    dev_safe_info: str = ""
    cainfo: str = ""
    signtype: str = ""
    infver: str = ""
    opter_type: str = ""
    opter: str = ""
    opter_name: str = ""
    inf_time: str = ""
    fixmedins_name: str = ""
    sign_no: str = ""


class NationalAnswer(Struct):
    """``infcode`` 0 is done; -1 isn't, and ``err_msg`` says why. ``output`` has the table's nodes; 5204: the lines."""

    infcode: int
    inf_refmsgid: str
    refmsg_time: str
    respond_time: str
    err_msg: str
    output: dict[str, Any] | list[dict[str, Any]]


@router.post(CALL_SERVICE + "/", include_in_schema=False)
@router.post(CALL_SERVICE, openapi_extra=body(NationalRequest), responses=gives(200, NationalAnswer))
async def post_call_service(request: Request) -> Response:
    """A transaction of the national interface; ``infno`` says which."""
    return await _answer(request, None)


@router.post(CALL_SERVICE + "/{infno}/", include_in_schema=False)
@router.post(CALL_SERVICE + "/{infno}", openapi_extra=body(NationalRequest), responses=gives(200, NationalAnswer))
async def post_call_service_infno(request: Request, infno: str) -> Response:
    """The same, with the transaction in the path as well."""
    return await _answer(request, infno)


@router.post("/nhsa/{infno}/", include_in_schema=False)
@router.post("/nhsa/{infno}", openapi_extra=body(NationalRequest), responses=gives(200, NationalAnswer))
async def post_nhsa(request: Request, infno: str) -> Response:
    """The same, by a short path."""
    return await _answer(request, infno)


async def _answer(request: Request, path_infno: str | None) -> Response:
    service, received = service_of(request), datetime.now(SHANGHAI)
    fields: dict[str, object] = {}
    try:
        try:
            data = await _body(request, service.settings.max_body_bytes)
            fields = plain_upload(data, boundary) if (boundary := _boundary(request)) else plain_body(data)
        except OnestopError as unreadable:
            await _authenticate(request, None)
            raise unreadable
        credential = await _authenticate(request, sender_of(fields))
        envelope = envelope_of(fields, path_infno=path_infno, limit=service.settings.nhsa_max_input)
    except Unauthorized as error:
        _count(path_infno, "gateway")
        return _strange(request, error)
    except Unavailable:
        _count(path_infno, "refused")
        return _busy()
    except OnestopError as error:
        _count(path_infno, "refused")
        area = fields.get("mdtrtarea_admvs")
        known = {"mdtrtarea_admvs": area} if isinstance(area, str) else {}
        return _json(written(known, received, error=error_text(error)))
    caller = caller_of(envelope, request.state.request_id)
    request.state.subject = caller.principal.subject
    note = noted()
    note.caller, note.operation = caller, f"nhsa {envelope.infno}"
    try:
        if envelope.infno not in CASHIER:
            count_request(request, f"hospital {envelope.hospital_code}")
        result = await _result(request, envelope, caller, received, credential)
    except Unauthorized as error:
        _count(envelope.infno, "gateway")
        return _strange(request, error)
    except Unavailable:
        return _busy()
    except TooMany as too_many:
        return _too_many(too_many)
    if isinstance(result, FileOutput):
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(result.filename)}"}
        return Response(result.content, 200, headers, "application/octet-stream")
    return _json(result)


async def _result(
    request: Request, envelope: Envelope, caller: Caller, received: datetime, credential: Credential
) -> bytes | FileOutput:
    """The answer to a message; once more, by what holds now, where the way of signing has just changed."""
    service, dictionaries = service_of(request), request.app.state.dictionaries
    try:
        return await answered(service, dictionaries, envelope, caller, received, credential)
    except GatewayChanged:
        fresh = await _authenticate(request, envelope.hospital_code)
        return await answered(service, dictionaries, envelope, caller, received, fresh)


def _boundary(request: Request) -> bytes | None:
    """What parts a multipart body, None when it isn't one."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    return options.get(b"boundary") if kind == b"multipart/form-data" else None


def _busy() -> Response:
    """What is never ``infcode`` −1: nothing was done, or nobody knows; the same message is to be sent again."""
    message = f"{text('nhsa_busy', {}, 'zh')}[nhsa_busy]"
    return _json({"code": Unavailable.status, "message": message}, Unavailable.status, {"Retry-After": RETRY_SECONDS})


def _strange(request: Request, error: Unauthorized) -> Response:
    """The sender isn't who it says, or says so too often."""
    try:
        count_stranger(request)
    except TooMany as too_many:
        return _too_many(too_many)
    message = text(error.code, error.values, "zh")
    return _json(refusal(error, f"{message}[{error.code}]"), error.status)


def _too_many(error: TooMany) -> Response:
    """The sender asks too often; nothing was looked at."""
    message = f"{text(error.code, error.values, 'zh')}[{error.code}]"
    return _json({"code": error.status, "message": message}, error.status, error.headers)


def _json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that names its encoding: old clients read what doesn't as something else than UTF-8."""
    return answer(content, status, {"Content-Type": "application/json;charset=utf-8", **(headers or {})})


async def _authenticate(request: Request, hospital_code: str | None) -> Credential:
    client = None if request.client is None else request.client.host
    return await authenticate(service_of(request), request.headers, client, hospital_code)


def _count(path_infno: str | None, outcome: str) -> None:
    metrics.nhsa_transactions.labels(known_infno(path_infno or ""), outcome).inc()


async def _body(request: Request, limit: int) -> bytes:
    """The body, whatever it says that it is; TooLarge as soon as it is."""
    chunks, size = list[bytes](), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)
