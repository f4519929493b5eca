"""What became of a row, as it is shown."""

from msgspec import Struct

from app.jobs.row import RowOutcome
from app.service.messages import text as message_text


class RowAnswer(Struct):
    """What became of a row of the file. ``field`` is the column at fault, ``reference`` the person or item
    concerned."""

    row: int
    outcome: str
    reason: str | None
    field: str | None
    reference: str | None
    message: str | None


def shown_row(row: RowOutcome, language: str) -> RowAnswer:
    """A stored row, with its reason in words."""
    message = None if row.reason is None else _message(row.reason, row.field, language)
    return RowAnswer(row.row_no, row.outcome, row.reason, row.field, row.reference, message)


def _message(reason: str, field: str | None, language: str) -> str:
    """A reason in words that name the column at fault."""
    said = message_text(reason, {}, language)
    if field is None:
        return said
    return f"Column {field}: {said}" if language == "en" else f"{field} 列：{said}"
