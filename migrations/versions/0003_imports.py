"""Imports: jobs with their files and rows, exits of identities, the search by name and birth date, two worklists' tables.

Revision: 0003, after 0002. Safe while the previous release runs: new tables, and new columns that may be null, which that
release neither reads nor has to fill.
"""

from pathlib import Path

from alembic import op

from app.database.schema import execute_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql" / "0003"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for step in ("jobs", "registry"):
        execute_script(op.get_bind(), (SQL / f"{step}.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    execute_script(
        op.get_bind(),
        "DROP INDEX settlement_unknown_code, identity_superseded, identity_by_class;"
        "DROP TABLE job_row, job_file, job, readjudication_candidate;"
        "ALTER TABLE person DROP COLUMN name_birth_index; ALTER TABLE identity DROP COLUMN exited_on",
    )
