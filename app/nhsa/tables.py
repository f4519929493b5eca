"""The tables of the national interface, as the migrations make them."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.database.engine import METADATA


def _id(name: str) -> Column[object]:
    return Column(name, BigInteger, Identity(always=True), primary_key=True)


def _instant(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    default = text("clock_timestamp()") if now else None
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=default)


def _written() -> tuple[Column[object], ...]:
    return (
        Column("subject", Text, nullable=False),
        Column("request_id", Text, nullable=False),
        _instant("recorded_at", now=True),
    )


nonce = Table(
    "nhsa_nonce",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    _instant("used_at", now=True),
)

session = Table(
    "nhsa_session",
    METADATA,
    _id("session_id"),
    Column("hospital_code", Text, nullable=False),
    Column("operator_no", Text, nullable=False),
    _instant("signed_at", now=True),
    _instant("ended_at", nullable=True),
)

identification = Table(
    "nhsa_identification",
    METADATA,
    Column("hospital_code", Text, primary_key=True),
    Column("person_id", Text, primary_key=True),
    Column("identified_at", DateTime(timezone=True), nullable=False),
)

failed_lookup = Table(
    "nhsa_failed_lookup",
    METADATA,
    _id("lookup_no"),
    Column("hospital_code", Text, nullable=False),
    _instant("failed_at", now=True),
)

message = Table(
    "nhsa_message",
    METADATA,
    _id("message_id"),
    Column("hospital_code", Text, nullable=False),
    Column("infno", Text, nullable=False),
    Column("msgid", Text, nullable=False),
    Column("input_hash", LargeBinary, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("settlement_id", BigInteger),
    Column("visit_no", BigInteger),
    Column("person_id", Text),
    Column("key", LargeBinary),
    Column("request", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    *_written(),
)

visit = Table(
    "nhsa_visit",
    METADATA,
    _id("visit_no"),
    Column("hospital_code", Text, nullable=False),
    Column("visit_id", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("setting", Text, nullable=False),
    Column("med_type", Text),
    Column("insutype", Text, nullable=False),
    Column("matn_type", Text),
    Column("disease_code", Text),
    _instant("begins_at"),
    _instant("ends_at", nullable=True),
    Column("state", Text, nullable=False),
    Column("details", LargeBinary, nullable=False),
    *_written(),
)

fee_line = Table(
    "nhsa_fee_line",
    METADATA,
    Column("visit_no", BigInteger, ForeignKey("nhsa_visit.visit_no"), primary_key=True, autoincrement=False),
    Column("line_no", Integer, primary_key=True, autoincrement=False),
    Column("serial_no", Text, nullable=False),
    Column("batch_no", Text),
    Column("refund_of_line_no", Integer),
    Column("item_code", Text, nullable=False),
    Column("hospital_item_code", Text),
    Column("quantity", BigInteger, nullable=False),
    Column("unit_price", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    _instant("charged_at"),
    Column("approval", Text),
    Column("settlement_id", BigInteger),
    Column("details", LargeBinary, nullable=False),
    UniqueConstraint("visit_no", "serial_no", name="nhsa_fee_line_serial"),
)

filing = Table(
    "nhsa_filing",
    METADATA,
    _id("filing_no"),
    Column("kind", Text, nullable=False),
    Column("hospital_code", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("destination_hospital", Text),
    Column("source_visit_id", Text),
    Column("disease_code", Text),
    Column("disease_name", Text),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    _instant("withdrawn_at", nullable=True),
    Column("details", LargeBinary, nullable=False),
    *_written(),
)

declaration = Table(
    "nhsa_declaration",
    METADATA,
    _id("declaration_no"),
    Column("hospital_code", Text, nullable=False),
    Column("statement_id", BigInteger, ForeignKey("statement.statement_id"), nullable=False),
    Column("clr_type", Text, nullable=False),
    _instant("withdrawn_at", nullable=True),
    *_written(),
)

file = Table(
    "nhsa_file",
    METADATA,
    _id("file_no"),
    Column("hospital_code", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("key", LargeBinary),
    Column("content", LargeBinary, nullable=False),
    *_written(),
)
