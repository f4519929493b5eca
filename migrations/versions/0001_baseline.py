"""The baseline: the tables of ``app/database/sql/tables/``. Nothing was released before it.

Revision: 0001, the first.
"""

from alembic import op

from app.database.present import create_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    create_tables(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the baseline")
