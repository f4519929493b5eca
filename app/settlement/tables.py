"""Settlements and their accumulators, as the migrations make them. ``settlement`` rows are only ever inserted."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

from app.db import METADATA

AMOUNTS = (
    "total",
    "own_expense",
    "over_limit",
    "first_pay",
    "in_scope",
    "basic",
    "serious_illness",
    "medical_assistance",
    "safety_net",
    "hospital",
    "patient",
    "payable_adjustment",
    "deductible",
)

settlement = Table(
    "settlement",
    METADATA,
    Column("settlement_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("of_settlement_id", BigInteger, ForeignKey("settlement.settlement_id")),
    Column("person_id", Text, nullable=False),
    Column("benefit_year", SmallInteger, nullable=False),
    Column("entry_no", Integer, nullable=False),
    Column("hospital_code", Text, nullable=False),
    Column("visit_id", Text, nullable=False),
    Column("settle_seq", Integer, nullable=False),
    Column("interim", Boolean, nullable=False),
    Column("medical_type", Text, nullable=False),
    Column("benefit_class", Text, nullable=False),
    Column("paid_by", Text, nullable=False),
    Column("paying_area", Text, nullable=False),
    Column("hospital_area", Text, nullable=False),
    Column("out_of_area", Boolean, nullable=False),
    Column("recoverable", Boolean, nullable=False),
    Column("admitted_on", Date, nullable=False),
    Column("discharged_on", Date, nullable=False),
    Column("settled_at", DateTime(timezone=True), nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in AMOUNTS),
    Column("delta", JSONB, nullable=False),
    Column("episode", ARRAY(Text), nullable=False),
    Column("policy_pack", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("policy_digest", Text, nullable=False),
    Column("assumed", SmallInteger, nullable=False),
    Column("engine_version", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("result_digest", Text, nullable=False),
    Column("warnings", ARRAY(Text), nullable=False),
    Column("reason", Text),
    Column("document", JSON, nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    UniqueConstraint("person_id", "benefit_year", "entry_no", name="settlement_entry"),
)

settled_visit = Table(
    "settled_visit",
    METADATA,
    Column("hospital_code", Text, primary_key=True),
    Column("visit_id", Text, primary_key=True),
    Column("settle_seq", Integer, primary_key=True, autoincrement=False),
    Column("settlement_id", BigInteger, nullable=False),
)

person_year = Table(
    "person_year",
    METADATA,
    Column("person_id", Text, primary_key=True),
    Column("benefit_year", SmallInteger, primary_key=True, autoincrement=False),
    Column("entries", Integer, nullable=False),
    Column("accumulators", JSONB, nullable=False),
)
