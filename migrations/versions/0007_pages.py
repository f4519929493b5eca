"""Pages: people who log in, their sessions, failed logins.

Revision: 0007, after 0006. Safe while the previous release runs: new tables, and an index of a table that is small yet.
"""

from pathlib import Path

from alembic import op

from app.database.schema import execute_script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql" / "0007"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for step in sorted(SQL.glob("*.sql")):
        execute_script(op.get_bind(), step.read_text(encoding="utf-8"))


def downgrade() -> None:
    pass
