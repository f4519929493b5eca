"""Corrections that reach over a person-year: adjustments with their cause, patients' balances, episodes read whole.

Revision: 0002, after 0001. Safe while the previous release runs: it adds a nullable column, a table and functions with new
names; the former ``settlement_facts``, ``settlement_write`` and ``reversal_facts`` stay until no release calls them.
"""

from pathlib import Path

from alembic import op

from app.database.schema import execute_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql" / "0002"
STEPS = ("tables", "functions")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for step in STEPS:
        execute_script(op.get_bind(), (SQL / f"{step}.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("what was corrected stays; restore a backup instead")
