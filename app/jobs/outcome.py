"""What became of a row, as it is shown."""

from msgspec import Struct

from app.jobs.row import RowOutcome
from app.service.messages import of_cell
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
    message = None if row.reason is None else message_text(row.reason, {}, language)
    if message is not None and row.field is not None:
        message = of_cell(message, language, row=str(row.row_no), heading=row.heading or row.field)
    return RowAnswer(row.row_no, row.outcome, row.reason, row.field, row.reference, message)
