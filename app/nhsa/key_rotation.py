"""What of the national interface is written anew when the secret is replaced: details and keys of messages and files.

Bodies of messages and files stay as they are: their own keys don't change, only what these are encrypted with.
"""

from collections.abc import Callable
from typing import Any, Final

from app.nhsa.vault import fee_line_place, file_place, filing_place, message_place, visit_place
from app.registry.key_rotation import Renew, Table, renewed
from app.service.security import Keys

_AFTER: Final = "coalesce(nullif($1, ''), '0')::bigint"
_VISITS: Final = f"""
SELECT visit_no::text AS id, details AS content, visit_id FROM nhsa_visit
 WHERE visit_no > {_AFTER} ORDER BY visit_no LIMIT $2 FOR UPDATE"""
_LINES: Final = """
SELECT visit_no || ' ' || line_no AS id, details AS content, visit_no, line_no FROM nhsa_fee_line
 WHERE (visit_no, line_no) > (coalesce(nullif(split_part($1, ' ', 1), ''), '0')::bigint,
                              coalesce(nullif(split_part($1, ' ', 2), ''), '0')::integer)
 ORDER BY visit_no, line_no LIMIT $2 FOR UPDATE"""
_FILINGS: Final = f"""
SELECT filing_no::text AS id, details AS content, person_id FROM nhsa_filing
 WHERE filing_no > {_AFTER} ORDER BY filing_no LIMIT $2 FOR UPDATE"""
_MESSAGES: Final = f"""
SELECT message_id::text AS id, key AS content, hospital_code, infno, msgid FROM nhsa_message
 WHERE message_id > {_AFTER} AND key IS NOT NULL ORDER BY message_id LIMIT $2 FOR UPDATE"""
_FILES: Final = f"""
SELECT file_no::text AS id, key AS content, hospital_code FROM nhsa_file
 WHERE file_no > {_AFTER} AND key IS NOT NULL ORDER BY file_no LIMIT $2 FOR UPDATE"""
_WRITE_VISIT: Final = "UPDATE nhsa_visit SET details = $2 WHERE visit_no = $1::text::bigint"
_WRITE_LINE: Final = """
UPDATE nhsa_fee_line SET details = $2
 WHERE visit_no = split_part($1::text, ' ', 1)::bigint AND line_no = split_part($1::text, ' ', 2)::integer"""
_WRITE_FILING: Final = "UPDATE nhsa_filing SET details = $2 WHERE filing_no = $1::text::bigint"
_WRITE_MESSAGE: Final = "UPDATE nhsa_message SET key = $2 WHERE message_id = $1::text::bigint AND key IS NOT NULL"
_WRITE_FILE: Final = "UPDATE nhsa_file SET key = $2 WHERE file_no = $1::text::bigint AND key IS NOT NULL"


def _by(place: Callable[[Any], bytes]) -> Renew:
    """Renews the content of a row whose place is known by its columns."""

    def renew(keys: Keys, row: Any) -> tuple[bytes] | None:
        return renewed(keys, row["content"], place(row))

    return renew


NATIONAL_TABLES: Final[tuple[Table, ...]] = (
    ("nhsa_visit", _VISITS, _WRITE_VISIT, _by(lambda row: visit_place(row["visit_id"]))),
    ("nhsa_fee_line", _LINES, _WRITE_LINE, _by(lambda row: fee_line_place(row["visit_no"], row["line_no"]))),
    ("nhsa_filing", _FILINGS, _WRITE_FILING, _by(lambda row: filing_place(row["person_id"]))),
    (
        "nhsa_message",
        _MESSAGES,
        _WRITE_MESSAGE,
        _by(lambda row: message_place(row["hospital_code"], row["infno"], row["msgid"])),
    ),
    ("nhsa_file", _FILES, _WRITE_FILE, _by(lambda row: file_place(row["hospital_code"]))),
)
