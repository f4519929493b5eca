"""The parts of a set of bills: which files they are, whether their columns can be read, and their rows in batches.

Whatever makes a file unusable as a whole is a ``Rejected`` that names file, column and row.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.basics.money import RATE_ONE
from app.batch.columns import (
    BILL,
    KEYS,
    LINE,
    LINE_NOT_NEGATIVE,
    LINE_OPTIONAL,
    LINE_TYPE,
    LINES,
    NOT_NEGATIVE,
    OPTIONAL,
    SCOPE,
)

AT_ONCE: Final = 16_384
"""Rows that are in memory together; fewer where bills have many lines."""
Types = Mapping[str, pa.DataType]


class Rejected(Exception):
    """A file that is refused as a whole, in one sentence: file, column, row, what is wrong."""


def rejected(file: str, column: str, row: int, problem: str, bill: object = None) -> Rejected:
    """The refusal of a file for one of its rows, counted from 0."""
    named = "" if bill is None else f"（bill_id {str(bill)[:80]!r}）"
    return Rejected(f"{file}：列 {column}，第 {row + 1} 行{named}：{problem}")


def parts_of(folder: Path) -> list[Path]:
    """The files of a set in the order of their names; a file is a set of one."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise Rejected(f"{folder.name}：没有这个文件或文件夹。")
    found = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith((".", "_"))]
    if not found:
        raise Rejected(f"{folder.name}：文件夹里没有 Parquet 文件。")
    return sorted(found, key=lambda path: path.name.encode())


def opened(path: Path) -> pq.ParquetFile:
    """A Parquet file, open."""
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError):
        raise Rejected(f"{path.name}：不是可以读取的 Parquet 文件。") from None


def checked(path: Path) -> int:
    """How many rows a part has. Rejected when a column is missing or has another type."""
    with opened(path) as file:
        check_schema(file.schema_arrow, path.name, file)
        return cast(int, file.metadata.num_rows)


def check_schema(schema: pa.Schema, name: str, file: pq.ParquetFile | None = None) -> None:
    """Rejected when a set of these columns can't be read. ``file``: where to look for the row of a NaN."""
    lines = LINES in schema.names
    needed = [column for column in BILL if column not in OPTIONAL and column not in (*SCOPE, LINES)]
    if not lines:
        needed += SCOPE
    for column in needed:
        if column not in schema.names:
            what = "，也没有 lines 列" if column in SCOPE else ""
            raise Rejected(f"{name}：列 {column}：缺少这一列{what}（第 1 行起）。")
    flat = {column: schema.field(column).type for column in schema.names if column in BILL and column != LINES}
    _check_types(file, name, flat, BILL)
    if lines:
        _check_line_types(name, schema.field(LINES).type)


def _check_line_types(name: str, type_: pa.DataType) -> None:
    if pa.types.is_null(type_):
        return
    listed = pa.types.is_list(type_) or pa.types.is_large_list(type_)
    if not listed or not pa.types.is_struct(type_.value_type):
        raise Rejected(f"{name}：列 {LINES}，第 1 行：应是 list<struct>，这里是 {type_}。")
    found = {field.name: field.type for field in type_.value_type}
    for column in LINE:
        if column not in found and column not in LINE_OPTIONAL:
            raise Rejected(f"{name}：列 {LINES}.{column}：缺少这一列（第 1 行起）。")
    _check_types(None, name, {column: found[column] for column in LINE if column in found}, LINE, f"{LINES}.")


def _check_types(file: pq.ParquetFile | None, name: str, found: Types, wanted: Types, above: str = "") -> None:
    for column, type_ in found.items():
        if not _fits(type_, wanted[column]):
            row, value = (0, "") if file is None or not pa.types.is_floating(type_) else _nan(file, column)
            raise rejected(name, above + column, row, f"应是 {wanted[column]}，这里是 {type_}{value}。")


def _nan(file: pq.ParquetFile, column: str) -> tuple[int, str]:
    """The first row of a column of floats that isn't a number; else the first."""
    start = 0
    for batch in file.iter_batches(columns=[column]):
        place = pc.index(pc.is_nan(batch.column(0)), value=True).as_py()
        if place >= 0:
            return start + place, "，值为 NaN"
        start += len(batch)
    return 0, ""


def _fits(type_: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether values of a type are those wanted, without loss: dictionaries of texts, whole numbers of another
    width."""
    if pa.types.is_dictionary(type_):
        return bool(pa.types.is_string(wanted)) and _fits(type_.value_type, wanted)
    if pa.types.is_null(type_) or type_ == wanted:
        return True
    if pa.types.is_string(wanted):
        return bool(pa.types.is_large_string(type_) or pa.types.is_string_view(type_))
    return bool(pa.types.is_integer(wanted) and pa.types.is_integer(type_))


def batches(path: Path) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows of a checked part in batches of the columns of ``BILL``, each with the number of its first row.
    Rejected at the first value that no file may have."""
    start = 0
    with opened(path) as file:
        names = [name for name in file.schema_arrow.names if name in BILL]
        size = _at_once(file)
        try:
            for batch in file.iter_batches(batch_size=size, columns=names):
                if len(batch):
                    yield start, normal(batch, path.name, start)
                start += len(batch)
        except pa.ArrowException as error:
            raise Rejected(f"{path.name}：第 {start + 1} 行起不能读取：{str(error).splitlines()[0][:200]}") from None


def _at_once(file: pq.ParquetFile) -> int:
    """How many rows make some 16 MiB."""
    rows = file.metadata.num_rows
    size = sum(file.metadata.row_group(number).total_byte_size for number in range(file.metadata.num_row_groups))
    return AT_ONCE if not rows else max(256, min(AT_ONCE, (16 << 20) * rows // (4 * size + 1)))


def normal(batch: pa.RecordBatch, file: str, start: int) -> pa.RecordBatch:
    """A batch in the types of ``BILL``, all columns there, looked through for what no file may have."""
    columns = []
    for name, type_ in BILL.items():
        there = name in batch.schema.names
        if name == LINES:
            column = _lines(batch.column(name), file, start) if there else pa.nulls(len(batch), type_)
        else:
            column = _cast(batch.column(name), type_, file, name, start) if there else pa.nulls(len(batch), type_)
        columns.append(column)
    made = pa.record_batch(columns, names=list(BILL))
    ids = made.column("bill_id")
    for name in KEYS:
        _refuse_first(pc.is_null(made.column(name)), file, name, start, "缺少值。", ids)
    for name in NOT_NEGATIVE:
        _refuse_first(pc.less(made.column(name), 0), file, name, start, "不能为负。", ids)
    _check_lines(made.column(LINES), file, start, ids)
    return made


def _cast(column: pa.Array, type_: pa.DataType, file: str, name: str, start: int) -> pa.Array:
    try:
        return column.cast(type_)
    except pa.ArrowInvalid:
        for row, value in enumerate(column):
            try:
                pa.array([value.as_py()], type_)
            except (pa.ArrowException, OverflowError, UnicodeDecodeError):
                raise rejected(file, name, start + row, f"不是 {type_} 能表示的值。") from None
        raise


def _refuse_first(wrong: pa.Array, file: str, name: str, start: int, problem: str, ids: pa.Array) -> None:
    place = pc.index(wrong, value=True).as_py()
    if place >= 0:
        raise rejected(file, name, start + place, problem, ids[place].as_py())


def _lines(column: Any, file: str, start: int) -> pa.ListArray:
    """The lines with the fields of ``LINE``, absent ones null."""
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), pa.list_(LINE_TYPE))
    flat = column.flatten()
    given = {field.name: values for field, values in zip(flat.type, flat.flatten(), strict=True)}
    fields = [
        _cast(given[name], type_, file, f"{LINES}.{name}", start) if name in given else pa.nulls(len(flat), type_)
        for name, type_ in LINE.items()
    ]
    counts = pc.fill_null(column.value_lengths(), 0).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(counts)])
    return pa.ListArray.from_arrays(
        offsets, pa.StructArray.from_arrays(fields, fields=list(LINE_TYPE)), mask=pc.is_null(column)
    )


def _check_lines(column: pa.ListArray, file: str, start: int, ids: pa.Array) -> None:
    flat = column.flatten()
    for name in LINE_NOT_NEGATIVE:
        values = flat.field(name)
        _refuse_line(pc.less(values, 0), column, (file, f"{LINES}.{name}", "不能为负。"), start, ids)
    above = pc.greater(flat.field("first_pay_ratio"), RATE_ONE)
    _refuse_line(above, column, (file, f"{LINES}.first_pay_ratio", f"不能大于 {RATE_ONE}。"), start, ids)


def _refuse_line(wrong: pa.Array, column: pa.ListArray, said: tuple[str, str, str], start: int, ids: pa.Array) -> None:
    place = pc.index(wrong, value=True).as_py()
    if place >= 0:
        row = pc.list_parent_indices(column)[place].as_py()
        file, name, problem = said
        raise rejected(file, name, start + row, problem, ids[row].as_py())
