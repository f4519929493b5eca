"""Structured logs without personal data: one JSON object per line, with the id of the request that it is about."""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import datetime

import msgspec

from app.basics.days import SHANGHAI
from app.tracing import trace_id_variable

request_id_variable: ContextVar[str | None] = ContextVar("onestop_request_id", default=None)

_ID_NUMBER = re.compile(r"\d{17,}[\dXx]")
_CREDENTIAL = re.compile(r"\bbearer\s+[^\s\"',;]+|\bost_[a-z0-9_-]{16,}", re.IGNORECASE)
# Drivers and validators quote values: rows and parameters of a statement, the input that was refused.
_QUOTED_VALUES = re.compile(
    r"(?P<head>^[ |]*(?:DETAIL:|CONTEXT: +COPY|\[parameters:)|\binput_value=).*?(?P<tail>, input_type=|$)", re.MULTILINE
)


def redacted(text: str) -> str:
    """The text without id numbers (18 digits, or 17 and X; also within longer runs) and without bearer tokens.

    Can't know names, and leaves id numbers of the old form (15 digits) or with blanks in them.
    """
    return _CREDENTIAL.sub("[token]", _ID_NUMBER.sub("[id number]", text))


def _redacted_exception(text: str) -> str:
    return redacted(_QUOTED_VALUES.sub(r"\g<head> [withheld]\g<tail>", text))


def _loggable(value: object) -> object:
    """A field's value as it may be written: text redacted, other objects as redacted text."""
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 10**15):
        return value
    return redacted(str(value))


def _message(record: logging.LogRecord) -> str:
    """The message, also when its arguments don't fit: logging would print them as they are, with what is in them."""
    try:
        return record.getMessage()
    except Exception:  # whatever a __str__ may raise
        return f"{record.msg} [arguments don't fit]"


class JsonFormatter(logging.Formatter):
    """One JSON object per record: ts, level, logger, message, request_id, the record's ``fields``, exception.

    ``log.info("…", extra={"fields": {"settlement_id": …}})`` adds fields. All text is redacted, also of a traceback.
    """

    _encode = staticmethod(msgspec.json.Encoder().encode)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline."""
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, SHANGHAI).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(_message(record).rstrip()),
        }
        if (request_id := request_id_variable.get()) is not None:
            line["request_id"] = request_id
        if (trace_id := trace_id_variable.get()) is not None:
            line["trace_id"] = trace_id
        for name, value in getattr(record, "fields", {}).items():
            line.setdefault(name, _loggable(value))
        if record.exc_info:
            line["exception"] = _redacted_exception(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = redacted(record.stack_info)
        try:
            return self._encode(line).decode()
        except UnicodeEncodeError:  # half a surrogate pair
            return json.dumps(line)


def configure_logging(level: str) -> None:
    """Send every log line of this process, uvicorn's too, as JSON to stderr. Call it again at will: nothing doubles.

    Silences uvicorn's access log and httpx's request log, which hold raw paths. Raises ValueError for an unknown level.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers[:] = [handler]
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
        logger.setLevel(logging.NOTSET)
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
