"""Clearing: statements, reconciliation, audit, orders, prepayments, deposits, closings, seals; the ledger's further columns.

Revision: 0005, after 0004. Safe while the previous release runs: new tables, new columns that may be null, and functions that
keep their signatures.
"""

from pathlib import Path

from alembic import op

from app.database.schema import execute_script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql" / "0005"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for step in sorted(SQL.glob("*.sql")):
        execute_script(op.get_bind(), step.read_text(encoding="utf-8"))


def downgrade() -> None:
    pass
