"""Filling a column of rows that are there already, in a migration: every row that needs it, or the migration fails.

Row-level security binds the owner too. Where it hid rows from an UPDATE, that would change none of them and say
nothing; so it is put aside for the table until the migration ends (``sql/close.sql`` forces it again), and an error
instead of silence is asked for where that isn't enough.
"""

from sqlalchemy import Connection, text


class RowsMissed(RuntimeError):
    """A backfill changed other rows than those that needed it."""


def backfill(connection: Connection, table: str, *, setting: str, where: str) -> int:
    """``UPDATE table SET setting WHERE where``, after which no row fulfils ``where`` any more; how many rows it
    changed. RowsMissed otherwise, also when none of several was changed."""
    connection.execute(text("SET LOCAL row_security = off"))
    connection.execute(text(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
    needed = text(f"SELECT count(*) FROM {table} WHERE {where}")
    wanted: int = connection.execute(needed).scalar_one()
    changed = connection.execute(text(f"UPDATE {table} SET {setting} WHERE {where}")).rowcount
    left = connection.execute(needed).scalar_one()
    connection.execute(text("SET LOCAL row_security = on"))
    if changed != wanted or left:
        raise RowsMissed(f"the backfill of {table} changed {changed} of {wanted} rows, and {left} still need it")
    return changed
