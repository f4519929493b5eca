"""The ledger's tables, as the migrations make them. Rows are only ever inserted."""

from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKey, Identity, SmallInteger, Table, Text, text

from app.db import METADATA

account = Table(
    "account",
    METADATA,
    Column("account_id", BigInteger, Identity(always=True), primary_key=True),
    Column("path", Text, nullable=False, unique=True),
)

transfer = Table(
    "transfer",
    METADATA,
    Column("transfer_id", BigInteger, primary_key=True, server_default=text("nextval('transfer_id'::regclass)")),
    Column("event", Text, nullable=False),
    Column("settlement_id", BigInteger, ForeignKey("settlement.settlement_id")),
    Column("debit_account", BigInteger, ForeignKey("account.account_id"), nullable=False),
    Column("credit_account", BigInteger, ForeignKey("account.account_id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("fund", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("hospital_code", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("clr_type", Text, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("period", Text, nullable=False),
    Column("benefit_year", SmallInteger, nullable=False),
    Column("fiscal_year", SmallInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)
