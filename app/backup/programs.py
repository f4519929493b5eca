"""PostgreSQL's own programs, which read and write the backup: those of the embedded server, else those on the path."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from app.config import PREFIX
from app.database.embedded import EmbeddedUnavailable, programs
from app.database.engine import plain_url

MOST_SAID: Final = 2000  # characters of what a program says when it fails


class BackupFailed(RuntimeError):
    """A backup can't be taken or restored; the message says why and what to do. Nothing is left half-written."""


@dataclass(frozen=True, slots=True)
class Login:
    """A database as PostgreSQL's programs are told of it: a URL that everybody may see, and the environment, which has
    the password."""

    url: str
    environment: Mapping[str, str] = field(repr=False)


def login(url: str) -> Login:
    """The login of a URL. Programs are given nothing of ours: settings hold secrets."""
    parts = urlsplit(plain_url(url))
    user, _, place = parts.netloc.rpartition("@")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    if parts.password is not None:
        environment["PGPASSWORD"] = unquote(parts.password)
    named = user.partition(":")[0]
    return Login(urlunsplit(parts._replace(netloc=f"{named}@{place}" if named else place)), environment)


def program(name: str) -> str:
    """The path of ``pg_dump``, ``pg_restore`` or ``psql``. BackupFailed when there is none."""
    with suppress(EmbeddedUnavailable):
        path = programs() / name
        if path.is_file():
            return str(path)
    found = shutil.which(name)
    if found is None:
        raise BackupFailed(
            f"找不到程序 {name}。请安装 PostgreSQL 客户端程序（Debian：apt-get install postgresql-client）。"
        )
    return found


def ended(process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    """Wait for a program. BackupFailed with what it said when it failed."""
    if process.wait() != 0:
        said.seek(0)
        words = said.read(MOST_SAID).decode(errors="replace").strip()
        raise BackupFailed(f"{os.path.basename(str(process.args[0]))} 失败：{words}")  # type: ignore[index]
