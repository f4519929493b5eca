"""The registry's tables, as the migrations make them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.db import METADATA


def _recorded() -> Column[object]:
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))


hospital = Table(
    "hospital",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("rank", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

person = Table(
    "person",
    METADATA,
    Column("person_id", Text, primary_key=True),
    Column("name", LargeBinary, nullable=False),
    Column("id_number", LargeBinary, nullable=False),
    Column("id_number_index", LargeBinary, nullable=False, unique=True),
    Column("name_birth_index", LargeBinary),
    Column("area_code", Text, nullable=False),
    Column("insurance_type", Text, nullable=False),
    Column("insured_from", Date),
    Column("insured_until", Date),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
)

identity = Table(
    "identity",
    METADATA,
    Column("identity_id", BigInteger, Identity(always=True), primary_key=True),
    Column("person_id", Text, ForeignKey("person.person_id"), nullable=False),
    Column("class", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    Column("evidence", Text),
    Column("exited_on", Date),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
    Column("superseded_at", DateTime(timezone=True)),
    Column("superseded_by", Text),
)

catalogue_entry = Table(
    "catalogue_entry",
    METADATA,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("item_code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("first_pay_ratio", SmallInteger, nullable=False),
    Column("ceiling_1", BigInteger),
    Column("ceiling_2", BigInteger),
    Column("ceiling_3", BigInteger),
    Column("restricted", Boolean, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    _recorded(),
    Column("superseded_at", DateTime(timezone=True)),
    Column("superseded_by", Text),
)

readjudication_candidate = Table(
    "readjudication_candidate",
    METADATA,
    Column("person_id", Text, ForeignKey("person.person_id"), primary_key=True),
    Column("benefit_year", SmallInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
)
