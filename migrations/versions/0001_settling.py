"""Everything that settling needs: registry, settlements, ledger, idempotency, tokens, clock, roles and row-level security.

Revision: 0001, the first.
"""

from pathlib import Path

from alembic import op

from app.database.schema import execute_script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql" / "0001"
STEPS = ("roles", "tables", "immutable", "access", "functions")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for step in STEPS:
        execute_script(op.get_bind(), (SQL / f"{step}.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    execute_script(op.get_bind(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
