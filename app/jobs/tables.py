"""Jobs, their files and their rows, as the migrations make them."""

from sqlalchemy import (
    BigInteger,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.database.engine import METADATA, recorded

job = Table(
    "job",
    METADATA,
    Column("job_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    Column("options", JSONB, nullable=False),
    Column("area_code", Text, nullable=False),
    Column("due_on", Date),
    Column("file_digest", LargeBinary, nullable=False),
    Column("phase", Text, nullable=False, server_default=text("'reading'")),
    Column("done", Integer, nullable=False, server_default=text("0")),
    Column("total", Integer),
    Column("summary", JSONB, nullable=False, server_default=text("'{}'")),
    Column("faults", JSONB, nullable=False, server_default=text("'[]'")),
    Column("lease_until", DateTime(timezone=True)),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("crashes", SmallInteger, nullable=False, server_default=text("0")),
    Column("reach_area", Text),
    Column("subject", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    recorded(),
    Column("started_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
)

job_file = Table(
    "job_file",
    METADATA,
    Column("job_id", BigInteger, ForeignKey("job.job_id"), primary_key=True),
    Column("part_no", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

job_row = Table(
    "job_row",
    METADATA,
    Column("job_id", BigInteger, ForeignKey("job.job_id"), primary_key=True),
    Column("row_no", Integer, primary_key=True, autoincrement=False),
    Column("id_number_index", LargeBinary),
    Column("name_birth_index", LargeBinary),
    Column("content", JSONB),
    Column("outcome", Text),
    Column("reason", Text),
    Column("field", Text),
    Column("reference", Text),
    Column("heading", Text),
    Column("former_id_numbers", ARRAY(LargeBinary)),
    Column("former_name_births", ARRAY(LargeBinary)),
)
