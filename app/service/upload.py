"""Receiving a file: from the network to a temporary file, counted on the way, never whole in memory."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.basics.errors import Fault, Malformed, Refused, UnsupportedMedia
from app.service.problem import too_large
from app.service.wire import T, decode

XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILE_TYPES: Final = ("text/csv", "text/tab-separated-values", XLSX_TYPE)
MULTIPART: Final = "multipart/form-data"
MAX_FIELDS: Final = 10
COPY_BYTES: Final = 1024 * 1024
FORM_BYTES: Final = 16 * 1024  # what the form may add to the file


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file, there until the request ends; its SHA-256; the form's and the query's fields, the form's
    first."""

    path: Path
    digest: bytes
    fields: dict[str, str]

    def options(self, type_: type[T]) -> T:
        """The fields as a struct; Refused with every fault."""
        return decode(msgspec.json.encode(self.fields), type_)


@asynccontextmanager
async def received(request: Request, limit: int, types: tuple[str, ...] = FILE_TYPES) -> AsyncIterator[Upload]:
    """The file of a request: the body itself, of one of the types, or the part ``file`` of a form.

    TooLarge by the declared size before anything is read, otherwise while reading. UnsupportedMedia for another type,
    Malformed for a broken form, Refused for one without a file or an empty file.
    """
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ not in (*types, MULTIPART) or request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMedia("unsupported_file_type", headers={"Accept": ", ".join((*types, MULTIPART))})
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit + FORM_BYTES):
        raise too_large(limit)
    fields = dict(request.query_params)
    with TemporaryDirectory(prefix="onestop-upload-") as folder:
        path = Path(folder) / "file"
        chunks = _counted(request, limit + FORM_BYTES)
        if type_ == MULTIPART:
            digest = await _from_form(request, chunks, path, fields)
        else:
            digest = await _written(chunks, path)
        size = path.stat().st_size
        if size > limit:
            raise too_large(limit)
        if size == 0:
            raise Refused([Fault("/file", "file_empty")])
        yield Upload(path, digest, fields)


async def _counted(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        yield chunk


async def _from_form(
    request: Request, chunks: AsyncGenerator[bytes, None], path: Path, fields: dict[str, str]
) -> bytes:
    parser = MultiPartParser(request.headers, chunks, max_files=1, max_fields=MAX_FIELDS, max_part_size=FORM_BYTES)
    try:
        form = await parser.parse()
    except MultiPartException:
        raise Malformed("malformed_form") from None
    file: Any = None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            file = value if name == "file" else None
        else:
            fields[name] = value
    try:
        if file is None:
            raise Refused([Fault("/file", "missing")])
        return await _written(_read(file), path)
    finally:
        await form.close()


async def _read(file: UploadFile) -> AsyncGenerator[bytes, None]:
    while chunk := await file.read(COPY_BYTES):
        yield chunk


async def _written(chunks: AsyncGenerator[bytes, None], path: Path) -> bytes:
    digest = sha256()
    with path.open("wb") as file:
        async for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
    return digest.digest()
