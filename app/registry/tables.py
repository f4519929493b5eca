"""The registry's tables, as the migrations make them."""

from typing import Any

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

from app.database.engine import METADATA, recorded


def _written() -> tuple[Column[Any], ...]:
    return Column("subject", Text, nullable=False), Column("request_id", Text, nullable=False), recorded()


def _dated(*, open_start: bool) -> tuple[Column[Any], ...]:
    return Column("valid_from", Date, nullable=open_start), Column("valid_until", Date)


def _kept() -> tuple[Column[Any], ...]:
    superseded = Column("superseded_at", DateTime(timezone=True)), Column("superseded_by", Text)
    return *_written(), *superseded


def _numbered(name: str) -> Column[int]:
    return Column(name, BigInteger, Identity(always=True), primary_key=True)


def _hospital() -> Column[str]:
    return Column("hospital_code", Text, ForeignKey("hospital.code"), nullable=False)


def _person() -> Column[str]:
    return Column("person_id", Text, ForeignKey("person.person_id"), nullable=False)


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
    recorded(),
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
    recorded(),
    Column("retired_from", Date),
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
    recorded(),
    Column("superseded_at", DateTime(timezone=True)),
    Column("superseded_by", Text),
)

catalogue_entry = Table(
    "catalogue_entry",
    METADATA,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("area_code", Text, nullable=False),
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
    recorded(),
    Column("superseded_at", DateTime(timezone=True)),
    Column("superseded_by", Text),
)

readjudication_candidate = Table(
    "readjudication_candidate",
    METADATA,
    Column("person_id", Text, ForeignKey("person.person_id"), primary_key=True),
    Column("benefit_year", SmallInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("amount", BigInteger),
    Column("since", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
)

hospital_period = Table(
    "hospital_period",
    METADATA,
    _numbered("period_id"),
    _hospital(),
    Column("level", SmallInteger, nullable=False),
    Column("rank", Text, nullable=False),
    Column("area_code", Text, nullable=False),
    *_dated(open_start=True),
    *_kept(),
)

hospital_contract = Table(
    "hospital_contract", METADATA, _numbered("contract_id"), _hospital(), *_dated(open_start=False), *_kept()
)

hospital_account = Table(
    "hospital_account",
    METADATA,
    _numbered("change_id"),
    _hospital(),
    Column("content", LargeBinary),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("approved_by", Text),
    Column("approved_on", Date),
    *_written(),
)

hospital_gateway = Table(
    "hospital_gateway",
    METADATA,
    _numbered("change_id"),
    _hospital(),
    Column("profile", Text, nullable=False),
    Column("key_id", Text),
    Column("secret", LargeBinary),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("approved_by", Text),
    Column("approved_on", Date),
    *_written(),
)

hospital_item = Table(
    "hospital_item",
    METADATA,
    _numbered("mapping_id"),
    _hospital(),
    Column("hospital_item_code", Text, nullable=False),
    Column("item_code", Text, nullable=False),
    *_dated(open_start=True),
    *_kept(),
)

insured_period = Table(
    "insured_period", METADATA, _numbered("period_id"), _person(), *_dated(open_start=True), *_kept()
)

person_area = Table(
    "person_area",
    METADATA,
    _numbered("period_id"),
    _person(),
    Column("area_code", Text, nullable=False),
    *_dated(open_start=True),
    *_kept(),
)

quoted_person = Table(
    "quoted_person",
    METADATA,
    Column("hospital_code", Text, primary_key=True),
    Column("person_id", Text, primary_key=True),
    Column("quoted_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)

chronic_registration = Table(
    "chronic_registration",
    METADATA,
    _numbered("registration_id"),
    _person(),
    Column("disease_code", Text, nullable=False),
    *_dated(open_start=False),
    *_kept(),
)

family_doctor_contract = Table(
    "family_doctor_contract",
    METADATA,
    _numbered("version_id"),
    Column("contract_id", Text, nullable=False),
    _person(),
    _hospital(),
    *_dated(open_start=False),
    *_kept(),
)

area = Table(
    "area",
    METADATA,
    _numbered("version_id"),
    Column("area_code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("pooling_area", Text),
    Column("pack", Text),
    Column("dictionary", Text),
    *_kept(),
)

area_figure = Table(
    "area_figure",
    METADATA,
    _numbered("figure_id"),
    Column("area_code", Text, nullable=False),
    Column("parameter", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Column("clause", Text, nullable=False),
    Column("status", Text, nullable=False),
    *_dated(open_start=False),
    *_kept(),
)
