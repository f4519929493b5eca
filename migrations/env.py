"""Alembic's entry: runs the steps on the connection that ``app/schema.py`` hands over."""

from alembic import context

from app.schema import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
