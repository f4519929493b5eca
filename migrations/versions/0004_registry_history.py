"""Registry history: hospitals, insurance, areas, contracts, registrations by date; indexes by former secrets; unused functions dropped.

Revision: 0004, after 0003. Safe while the previous release runs: new tables and nullable columns, and ``bill_facts`` with the same
arguments, whose further members that release passes over. A hospital that it changes meanwhile keeps its level for settling until
it is put again by this release.
"""

from pathlib import Path

from alembic import op

from app.database.schema import execute_script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql" / "0004"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for step in sorted(SQL.glob("*.sql")):
        execute_script(op.get_bind(), step.read_text(encoding="utf-8"))


def downgrade() -> None:
    pass
