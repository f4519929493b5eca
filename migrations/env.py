"""Alembic's entry: runs the steps on the connection that ``app/database/schema.py`` hands over."""

from alembic import context

from app.database.engine import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
