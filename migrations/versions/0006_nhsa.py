"""The national interface: messages, visits with their fee lines, filings, declarations, files of reconciling.

Revision: 0006, after 0005. Safe while the previous release runs: new tables and functions, which that release doesn't know.
"""

from pathlib import Path

from alembic import op

from app.database.schema import execute_script

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql" / "0006"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for step in sorted(SQL.glob("*.sql")):
        execute_script(op.get_bind(), step.read_text(encoding="utf-8"))


def downgrade() -> None:
    execute_script(
        op.get_bind(),
        "DROP TABLE nhsa_file, nhsa_declaration, nhsa_filing, nhsa_fee_line, nhsa_visit, nhsa_message, nhsa_session, nhsa_nonce;"
        "DROP FUNCTION nhsa_message_lock, nhsa_visit_moves, nhsa_message_kept",
    )
