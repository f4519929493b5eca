"""Tables that belong to no domain: tokens, people who log in, the clock, remembered answers, policy texts. As the
migrations make them."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, UUID

from app.database.engine import METADATA, recorded

TEXTS: Final = ARRAY(Text)

schema_state = Table(
    "schema_state",
    METADATA,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("schema_version", Integer, nullable=False),
    Column("oldest_code", Integer, nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)

health_probe = Table(
    "health_probe",
    METADATA,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("probed_at", DateTime(timezone=True), nullable=False),
)

election = Table(
    "election",
    METADATA,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("holder", UUID, nullable=False),
    Column("held_until", DateTime(timezone=True), nullable=False),
)

token = Table(
    "token",
    METADATA,
    Column("token_id", BigInteger, Identity(always=True), primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("subject", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("hospital_code", Text),
    Column("area_code", Text),
    Column("funds", ARRAY(Text)),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("revoked_by", Text),
    Column("replaced_until", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    Column("created_by", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    recorded(),
)

key_check = Table(
    "key_check",
    METADATA,
    Column("value", LargeBinary, primary_key=True),
    recorded(),
)

backup = Table(
    "backup",
    METADATA,
    Column("backup_id", BigInteger, Identity(always=True), primary_key=True),
    Column("taken_at", DateTime(timezone=True), nullable=False),
    Column("dump_bytes", BigInteger, nullable=False),
    Column("dump_sha256", LargeBinary, nullable=False),
    recorded(),
)

restoration = Table(
    "restoration",
    METADATA,
    Column("restoration_id", BigInteger, Identity(always=True), primary_key=True),
    Column("data_until", DateTime(timezone=True), nullable=False),
    Column("last_settled_at", DateTime(timezone=True)),
    Column("restored_on", Date, nullable=False),
    recorded(),
)

issue = Table(
    "issue",
    METADATA,
    Column("issue_id", BigInteger, Identity(always=True), primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    recorded(),
)

business_clock = Table(
    "business_clock",
    METADATA,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("now", DateTime(timezone=True), nullable=False),
)

idempotency = Table(
    "idempotency",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("settlement_id", BigInteger),
    Column("body", LargeBinary),
    Column("request_id", Text, nullable=False),
    recorded(),
)

policy_text = Table(
    "policy_text",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("pack", Text, nullable=False),
    Column("texts", JSON, nullable=False),
    recorded(),
)

audit_event = Table(
    "audit_event",
    METADATA,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("query", JSONB, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("count", Integer),
    Column("ids", ARRAY(Text), nullable=False),
    Column("reason", Text),
    Column("other_person", Boolean, nullable=False),
    Column("subject", Text, nullable=False),
    Column("hospital_code", Text),
    Column("area_code", Text),
    Column("request_id", Text, nullable=False),
    recorded(),
)

app_user = Table(
    "app_user",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("hospital_code", Text),
    Column("area_code", Text),
    Column("funds", ARRAY(Text)),
    Column("must_change", Boolean, nullable=False),
    Column("disabled_at", DateTime(timezone=True)),
    Column("created_by", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    recorded(),
)

user_session = Table(
    "user_session",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    Column("token_id", BigInteger, ForeignKey("token.token_id"), nullable=False, unique=True),
    Column("name", Text, ForeignKey("app_user.name"), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("proven_at", DateTime(timezone=True)),
)

second_factor = Table(
    "second_factor",
    METADATA,
    Column("name", Text, ForeignKey("app_user.name"), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("last_step", BigInteger, nullable=False, server_default=text("0")),
    Column("recovery", ARRAY(LargeBinary), nullable=False, server_default=text("'{}'")),
    Column("reset_by", Text),
    recorded(),
)

saved_view = Table(
    "saved_view",
    METADATA,
    Column("name", Text, ForeignKey("app_user.name"), primary_key=True),
    Column("page", Text, primary_key=True),
    Column("title", Text, primary_key=True),
    Column("query", Text, nullable=False),
    recorded(),
)

failed_login = Table(
    "failed_login",
    METADATA,
    Column("failed_login_id", BigInteger, Identity(always=True), primary_key=True),
    Column("origin", LargeBinary, nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)
