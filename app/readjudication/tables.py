"""Runs of readjudication, what their dry runs found and what became of each person-year, as the migrations make
them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.database.engine import METADATA, recorded

readjudication_run = Table(
    "readjudication_run",
    METADATA,
    Column("run_id", BigInteger, Identity(always=True), primary_key=True),
    Column("area_code", Text, nullable=False),
    Column("benefit_year", SmallInteger),
    Column("source", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'computing'")),
    Column("job_id", BigInteger, ForeignKey("job.job_id")),
    Column("summary", JSONB),
    Column("fund_total", BigInteger),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("created_on", Date, nullable=False),
    Column("approved_by", Text),
    Column("approved_on", Date),
    Column("ended_on", Date),
    recorded(),
)


def _amounts() -> list[Column[object]]:
    """By how much a person-year changes, fen: what the dry run found, or what was posted."""
    names = ("basic", "serious_illness", "supplement", "medical_assistance", "safety_net", "hospital", "patient")
    bills: Column[object] = Column("bills", Integer, nullable=False)
    money: list[Column[object]] = [
        Column(name, BigInteger, nullable=False) for name in (*names, "fund_total", "patient_owes")
    ]
    return [bills, *money, Column("funds", JSONB, nullable=False)]


readjudication_row = Table(
    "readjudication_row",
    METADATA,
    Column("run_id", BigInteger, ForeignKey("readjudication_run.run_id"), primary_key=True),
    Column("person_id", Text, ForeignKey("person.person_id"), primary_key=True),
    Column("benefit_year", SmallInteger, primary_key=True, autoincrement=False),
    Column("result", Text, nullable=False),
    Column("fault", Text),
    Column("before_digest", LargeBinary),
    *_amounts(),
)

readjudication_outcome = Table(
    "readjudication_outcome",
    METADATA,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("person_id", Text, primary_key=True),
    Column("benefit_year", SmallInteger, primary_key=True, autoincrement=False),
    Column("outcome", Text, nullable=False),
    Column("fault", Text),
    Column("changed_since", Boolean, nullable=False),
    *_amounts(),
    Column("adjustments", ARRAY(BigInteger), nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    recorded(),
    ForeignKeyConstraint(
        ["run_id", "person_id", "benefit_year"],
        ["readjudication_row.run_id", "readjudication_row.person_id", "readjudication_row.benefit_year"],
    ),
)
