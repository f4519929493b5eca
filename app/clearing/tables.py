"""The tables of clearing and disbursement, as the migrations make them. Amounts are fen, rates ten-thousandths."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db import METADATA


def _recorded() -> Column[object]:
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))


clearing_event = Table(
    "clearing_event",
    METADATA,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("object_id", Text, nullable=False),
    Column("move", Text, nullable=False),
    Column("reason", Text),
    Column("amount", BigInteger),
    Column("business_at", DateTime(timezone=True), nullable=False),
    Column("hospital_code", Text),
    Column("hospital_area", Text),
    Column("area_code", Text, nullable=False),
    Column("fund", Text),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

statement = Table(
    "statement",
    METADATA,
    Column("statement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("hospital_code", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'declared'")),
    Column("declared_at", DateTime(timezone=True), nullable=False),
    Column("pay_by", Date, nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

statement_item = Table(
    "statement_item",
    METADATA,
    Column("statement_id", BigInteger, ForeignKey("statement.statement_id"), primary_key=True, autoincrement=False),
    Column("transfer_id", BigInteger, ForeignKey("transfer.transfer_id"), primary_key=True, autoincrement=False),
    Column("withdrawn", Boolean, nullable=False, server_default=text("false")),
)

statement_total = Table(
    "statement_total",
    METADATA,
    Column("statement_id", BigInteger, ForeignKey("statement.statement_id"), primary_key=True, autoincrement=False),
    Column("fund", Text, primary_key=True),
    Column("tier", Text, primary_key=True),
    Column("clr_type", Text, primary_key=True),
    Column("fiscal_year", SmallInteger, primary_key=True, autoincrement=False),
    Column("postings", Integer, nullable=False),
    Column("settlements", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
)

statement_approval = Table(
    "statement_approval",
    METADATA,
    Column("statement_id", BigInteger, ForeignKey("statement.statement_id"), primary_key=True, autoincrement=False),
    Column("fund", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("approved_on", Date, nullable=False),
    _recorded(),
)

reconciliation = Table(
    "reconciliation",
    METADATA,
    Column("reconciliation_id", BigInteger, Identity(always=True), primary_key=True),
    Column("statement_id", BigInteger, ForeignKey("statement.statement_id"), nullable=False),
    Column("basis", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("within_grace", Integer, nullable=False, server_default=text("0")),
    Column("business_at", DateTime(timezone=True), nullable=False),
    Column("hospital_code", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

difference = Table(
    "difference",
    METADATA,
    Column("difference_id", BigInteger, Identity(always=True), primary_key=True),
    Column("reconciliation_id", BigInteger, ForeignKey("reconciliation.reconciliation_id"), nullable=False),
    Column("statement_id", BigInteger, ForeignKey("statement.statement_id"), nullable=False),
    Column("type", Text, nullable=False),
    Column("settlement_id", BigInteger, ForeignKey("settlement.settlement_id")),
    Column("their_reference", Text),
    Column("fund", Text, nullable=False),
    Column("ours", BigInteger),
    Column("theirs", BigInteger),
    Column("ours_count", Integer),
    Column("theirs_count", Integer),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("opened_on", Date, nullable=False),
    Column("resolution", Text),
    Column("resolved_by", Text),
    Column("resolved_on", Date),
    Column("hospital_code", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

deduction = Table(
    "deduction",
    METADATA,
    Column("deduction_id", BigInteger, Identity(always=True), primary_key=True),
    Column("statement_id", BigInteger, ForeignKey("statement.statement_id"), nullable=False),
    Column("settlement_id", BigInteger, ForeignKey("settlement.settlement_id"), nullable=False),
    Column("line_no", Integer),
    Column("fund", Text, nullable=False),
    Column("fiscal_year", SmallInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'proposed'")),
    Column("upheld", BigInteger),
    Column("proposed_on", Date, nullable=False),
    Column("appeal_by", Date, nullable=False),
    Column("appeal_reason", Text),
    Column("appealed_by", Text),
    Column("appealed_on", Date),
    Column("outcome", Text),
    Column("decision_reason", Text),
    Column("decided_by", Text),
    Column("decided_on", Date),
    Column("hospital_code", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

deposit_release = Table(
    "deposit_release",
    METADATA,
    Column("release_id", BigInteger, Identity(always=True), primary_key=True),
    Column("hospital_code", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("fund", Text, nullable=False),
    Column("year", SmallInteger, nullable=False),
    Column("deposit", BigInteger, nullable=False),
    Column("assessed_ratio", SmallInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'draft'")),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("created_on", Date, nullable=False),
    Column("approved_by", Text),
    Column("approved_on", Date),
    _recorded(),
)

disbursement = Table(
    "disbursement",
    METADATA,
    Column("disbursement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("statement_id", BigInteger, ForeignKey("statement.statement_id")),
    Column("release_id", BigInteger, ForeignKey("deposit_release.release_id")),
    Column("hospital_code", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("fund", Text, nullable=False),
    Column("fiscal_year", SmallInteger, nullable=False),
    Column("period", Text, nullable=False),
    Column("gross", BigInteger, nullable=False),
    Column("deposit_rate", SmallInteger, nullable=False),
    Column("deposit", BigInteger, nullable=False),
    Column("offset_amount", BigInteger, nullable=False),
    Column("carried", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("paid", BigInteger, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False, server_default=text("'draft'")),
    Column("taken_by", BigInteger, ForeignKey("disbursement.disbursement_id")),
    Column("due_on", Date, nullable=False),
    Column("created_on", Date, nullable=False),
    Column("approved_by", Text),
    Column("approved_on", Date),
    Column("sent_by", Text),
    Column("sent_on", Date),
    Column("paid_on", Date),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

prepayment = Table(
    "prepayment",
    METADATA,
    Column("prepayment_id", BigInteger, Identity(always=True), primary_key=True),
    Column("hospital_code", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("fund", Text, nullable=False),
    Column("year", SmallInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("paid", BigInteger, nullable=False, server_default=text("0")),
    Column("offset_amount", BigInteger, nullable=False, server_default=text("0")),
    Column("returned", BigInteger, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False, server_default=text("'draft'")),
    Column("created_on", Date, nullable=False),
    Column("approved_by", Text),
    Column("approved_on", Date),
    Column("sent_by", Text),
    Column("sent_on", Date),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

prepayment_offset = Table(
    "prepayment_offset",
    METADATA,
    Column("offset_id", BigInteger, Identity(always=True), primary_key=True),
    Column("prepayment_id", BigInteger, ForeignKey("prepayment.prepayment_id"), nullable=False),
    Column("disbursement_id", BigInteger, ForeignKey("disbursement.disbursement_id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
)

bank_movement = Table(
    "bank_movement",
    METADATA,
    Column("bank_reference", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("disbursement_id", BigInteger, ForeignKey("disbursement.disbursement_id")),
    Column("prepayment_id", BigInteger, ForeignKey("prepayment.prepayment_id")),
    Column("amount", BigInteger, nullable=False),
    Column("value_on", Date, nullable=False),
    Column("reason", Text),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

payout_exception = Table(
    "payout_exception",
    METADATA,
    Column("exception_id", BigInteger, Identity(always=True), primary_key=True),
    Column("area_code", Text, nullable=False),
    Column("fund", Text, nullable=False),
    Column("year", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'draft'")),
    Column("created_on", Date, nullable=False),
    Column("approved_by", Text),
    Column("approved_on", Date),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

fiscal_month = Table(
    "fiscal_month",
    METADATA,
    Column("area_code", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("figures", JSONB, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("closed_on", Date, nullable=False),
    Column("reopened_by", Text),
    Column("reopened_on", Date),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

monthly_report = Table(
    "monthly_report",
    METADATA,
    Column("area_code", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("submitted_on", Date),
    Column("approved_by", Text),
    Column("approved_on", Date),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

family_doctor_fee = Table(
    "family_doctor_fee",
    METADATA,
    Column("contract_id", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("transfer_id", BigInteger, ForeignKey("transfer.transfer_id"), nullable=False),
)

fiscal_year_closing = Table(
    "fiscal_year_closing",
    METADATA,
    Column("area_code", Text, primary_key=True),
    Column("year", SmallInteger, primary_key=True, autoincrement=False),
    Column("closed_on", Date, nullable=False),
    Column("figures", JSONB, nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

state_move = Table(
    "state_move",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("from_state", Text, primary_key=True),
    Column("to_state", Text, primary_key=True),
)
