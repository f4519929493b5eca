"""The ledger's tables and its seals', as the migrations make them. Rows are only ever inserted."""

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.database.engine import METADATA, recorded

account = Table(
    "account",
    METADATA,
    Column("account_id", BigInteger, Identity(always=True), primary_key=True),
    Column("path", Text, nullable=False, unique=True),
    Column("kind", Text, Computed("split_part(path, '/', 3)", persisted=True)),
    Column("party", Text, Computed("split_part(path, '/', 4)", persisted=True)),
)

transfer = Table(
    "transfer",
    METADATA,
    Column("transfer_id", BigInteger, primary_key=True, server_default=text("nextval('transfer_id'::regclass)")),
    Column("event", Text, nullable=False),
    Column("settlement_id", BigInteger),
    Column("debit_account", BigInteger, nullable=False),
    Column("credit_account", BigInteger, nullable=False),
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
    recorded(),
    Column("statement_id", BigInteger),
    Column("cause", Text),
)

seal_block = Table(
    "seal_block",
    METADATA,
    Column("block_no", BigInteger, primary_key=True, autoincrement=False),
    Column("form", SmallInteger, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("members", Integer, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("mark", BigInteger),
)

seal_member = Table(
    "seal_member",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("row_id", BigInteger, primary_key=True, autoincrement=False),
    Column("block_no", BigInteger, ForeignKey("seal_block.block_no"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
)

seal_pass = Table(
    "seal_pass",
    METADATA,
    Column("pass_no", BigInteger, Identity(always=True), primary_key=True),
    Column("mark", BigInteger, nullable=False),
    Column("completed_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)

posting_sum = Table(
    "posting_sum",
    METADATA,
    Column("grain", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("fiscal_year", SmallInteger, nullable=False),
    Column("benefit_year", SmallInteger, nullable=False),
    Column("period", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("hospital_code", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("fund", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("clr_type", Text, nullable=False),
    Column("debit_account", BigInteger, nullable=False),
    Column("credit_account", BigInteger, nullable=False),
    Column("statement_id", BigInteger),
    Column("cause", Text),
    Column("postings", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
)

posting_roll = Table(
    "posting_roll",
    METADATA,
    Column("pass_no", BigInteger, Identity(always=True), primary_key=True),
    Column("mark", BigInteger, nullable=False),
    Column("next", BigInteger, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("cluster", BigInteger, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=text("transaction_timestamp()")),
)

statement_sum = Table(
    "statement_sum",
    METADATA,
    Column("statement_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("fiscal_year", SmallInteger, nullable=False),
    Column("period", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("hospital_code", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("fund", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("debit_account", BigInteger, nullable=False),
    Column("credit_account", BigInteger, nullable=False),
    Column("own_statement", BigInteger),
    Column("amount", BigInteger, nullable=False),
)

seal_verified = Table(
    "seal_verified",
    METADATA,
    Column("block_no", BigInteger, primary_key=True, autoincrement=False),
    Column("verified_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)

seal_finding = Table(
    "seal_finding",
    METADATA,
    Column("finding_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("block_no", BigInteger),
    Column("source", Text),
    Column("row_id", BigInteger),
    Column("evidence", LargeBinary, nullable=False),
    recorded(),
    Column("mended_at", DateTime(timezone=True)),
)

seal_acknowledgement = Table(
    "seal_acknowledgement",
    METADATA,
    Column("acknowledgement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("finding_id", BigInteger, ForeignKey("seal_finding.finding_id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("confirms", BigInteger),
    Column("maker", Text),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    recorded(),
    UniqueConstraint("acknowledgement_id", "subject", "finding_id"),
    ForeignKeyConstraint(
        ["confirms", "maker", "finding_id"],
        [
            "seal_acknowledgement.acknowledgement_id",
            "seal_acknowledgement.subject",
            "seal_acknowledgement.finding_id",
        ],
    ),
)
