"""The file of a backup: a ZIP file that holds ``database.dump``, as pg_dump writes it, and behind it ``manifest.json``,
which says what is in it.

Anybody can open it without us: ``unzip -p FILE database.dump | pg_restore --list``. The secret isn't in it."""

import hashlib
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import IO, Final
from zlib import error as ZlibError

import msgspec
from msgspec import Struct

from app.backup.programs import BackupFailed, Login, ended, program

FORM: Final = 1
DUMP: Final = "database.dump"
MANIFEST: Final = "manifest.json"
MOST_MANIFEST: Final = 1_000_000  # bytes
PIECE: Final = 1024 * 1024
_COPY: Final = re.compile(rb'COPY public\."?(\w+)"? ')


class Contents(Struct, frozen=True, kw_only=True):
    """What the snapshot that was dumped holds. ``key_checks``: the check values of the secrets that something in it is
    written with, in hexadecimal. ``last_settled_at`` is business time, ``taken_at`` real time."""

    taken_at: datetime
    release: str
    schema_version: int
    key_checks: list[str]
    last_settled_at: datetime | None
    rows: Mapping[str, int]


class Manifest(Contents, frozen=True, kw_only=True):
    """What a backup's file says of itself."""

    form: int
    dump_bytes: int
    dump_sha256: str


def write(path: Path, place: Login, snapshot: str, contents: Contents) -> Manifest:
    """Dump an exported snapshot into an existing file. BackupFailed when pg_dump fails."""
    command = [program("pg_dump"), "--format=custom", "--enable-row-security", "--no-password"]
    command += [f"--snapshot={snapshot}", f"--dbname={place.url}"]
    digest, size = hashlib.sha256(), 0
    with tempfile.TemporaryFile() as said, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=dict(place.environment)) as dumping:
            assert dumping.stdout is not None
            with archive.open(DUMP, "w", force_zip64=True) as member:
                while piece := dumping.stdout.read(PIECE):
                    digest.update(piece)
                    size += len(piece)
                    member.write(piece)
            ended(dumping, said)
        told = {"form": FORM, "dump_bytes": size, "dump_sha256": digest.hexdigest()}
        manifest = Manifest(**(msgspec.structs.asdict(contents) | told))
        archive.writestr(MANIFEST, msgspec.json.encode(manifest))
    return manifest


def read(path: Path) -> Manifest:
    """What a backup says of itself, once all of it was read. BackupFailed when the file isn't there, isn't a backup, is
    cut off or was changed."""
    try:
        with zipfile.ZipFile(path) as archive:
            with archive.open(MANIFEST) as member:
                manifest = msgspec.json.decode(member.read(MOST_MANIFEST), type=Manifest)
            with archive.open(DUMP) as member:
                found = hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError as error:
        raise BackupFailed(f"备份文件 {path} 读不出：{error.strerror or error}。") from None
    except (zipfile.BadZipFile, EOFError, KeyError, ZlibError, NotImplementedError, msgspec.MsgspecError) as error:
        raise BackupFailed(f"{path} 不是完整的备份文件（被截断、损坏，或不是备份）：{error}。请换一份备份。") from None
    if manifest.form != FORM:
        raise BackupFailed(
            f"{path} 的格式 {manifest.form} 本版本不认识。请用写出它的版本（{manifest.release}）或更新的版本恢复。"
        )
    if found != manifest.dump_sha256:
        raise BackupFailed(f"{path} 的内容与其摘要不符，已被改动。请换一份备份。")
    return manifest


@contextmanager
def script(path: Path, *options: str) -> Iterator[IO[bytes]]:
    """What pg_restore makes of a backup, as SQL. BackupFailed at the end when pg_restore failed."""
    command = [program("pg_restore"), "--file=-", *options]
    with tempfile.TemporaryFile() as said:
        restoring = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said)
        feeding = Thread(target=_feed, args=(path, restoring), daemon=True)
        feeding.start()
        try:
            assert restoring.stdout is not None
            yield restoring.stdout
            ended(restoring, said)
        finally:
            restoring.kill()
            restoring.wait()
            feeding.join()
            restoring.stdout.close()  # type: ignore[union-attr]


def _feed(path: Path, reader: subprocess.Popen[bytes]) -> None:
    """Give the dump to a program, which may end before it has read everything."""
    assert reader.stdin is not None
    with suppress(BrokenPipeError), reader.stdin, zipfile.ZipFile(path) as archive, archive.open(DUMP) as member:
        shutil.copyfileobj(member, reader.stdin, PIECE)


def counted(path: Path) -> dict[str, int]:
    """How many rows of each table stand in a backup, read back one by one. Empty tables have 0."""
    rows: dict[str, int] = {}
    with script(path, "--data-only") as lines:
        table: str | None = None
        for line in lines:
            if table is None:
                begun = _COPY.match(line)
                if begun is not None:
                    table = begun[1].decode()
                    rows[table] = 0
            elif line == b"\\.\n":
                table = None
            else:
                rows[table] += 1
    return rows
