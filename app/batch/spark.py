"""The same computation on Spark, for years that don't fit on one machine: the persons of a partition in the place of
those of a bucket, by the same functions and with the same checksum.

Spark spreads, sorts and stores; what a bill comes to is computed by ``waves.py`` in Python processes beside its
executors, which need this package as well.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from app.batch.bucket import result_rows
from app.batch.columns import BILL, RESULT, SPREAD
from app.batch.law import BatchLaw, book_of, law_digest, records_of
from app.batch.measure import Meter
from app.batch.run import UNFINISHED, Report
from app.batch.source import Rejected, check_schema, normal, rejected
from app.batch.spread import refuse_shared_orders
from app.batch.waves import computed
from app.batch.workers import LawNamed

ROWS_OF_PARTITION: Final = 100_000
_REFUSED: Final = "onestop refuses this set: "


@dataclass(frozen=True, slots=True)
class SparkOrder:
    """What is to be computed, and where to: paths that Hadoop reads, and Spark's master."""

    source: str
    out: str
    law: LawNamed
    master: str


def run(order: SparkOrder) -> Report:
    """Compute a batch on Spark. Rejected when an input can't be used; then nothing of this run is left."""
    meter = Meter()
    law = replace(order.law, digest=law_digest(book_of(order.law.packs, order.law.extra),
                                               records_of(order.law.figures)))  # fmt: skip
    unfinished = order.out.rstrip("/") + UNFINISHED
    with _session(order.master) as spark, _refusals(), _none_left(spark, unfinished):
        bills = _opened(spark, order.source)
        rows, persons = bills.agg(f.count("*"), f.countDistinct("person_id")).first() or (0, 0)
        files = sorted(path.rsplit("/", 1)[-1] for path in bills.inputFiles())
        sound = _sound(bills, files)
        _refuse_twins(sound, files)
        _results(sound, 1 + rows // ROWS_OF_PARTITION, law, files).write.mode("overwrite").parquet(unfinished)
        made = spark.read.schema(from_arrow_schema(RESULT)).parquet(unfinished)
        faults = made.filter(made.fault.isNotNull()).count()
        digest = _checksum(made)
        _removed(spark, order.out)
        _files(spark, unfinished).rename(_path(spark, unfinished), _path(spark, order.out))
        cpu = meter.cpu_seconds
    meter.stop()
    return Report(rows, persons, faults, meter.seconds, 1e6 * cpu / max(1, rows), meter.peak_mib, digest)


@contextmanager
def _session(master: str) -> Iterator[SparkSession]:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("onestop batch")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "8",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "OFF",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def _refusals() -> Iterator[None]:
    """A refusal that comes out of a Python process of Spark as the refusal that it is."""
    try:
        yield
    except PySparkException as error:
        said = re.search(f"{_REFUSED}(.*)", str(error))
        if said is None:
            raise
        raise Rejected(said[1]) from None


def _opened(spark: SparkSession, source: str) -> DataFrame:
    """The rows of a set with where each stands. Rejected when it can't be read, or a column isn't what it has to be."""
    name = source.rstrip("/").rsplit("/", 1)[-1]
    try:
        bills = spark.read.parquet(source)
    except PySparkException:
        raise Rejected(f"{name}：没有这个文件或文件夹，或者里面没有可以读取的 Parquet 文件。") from None
    check_schema(to_arrow_schema(bills.schema), name)
    wanted = [name for name in bills.columns if name in BILL]
    return bills.select(*wanted, f.col("_metadata.file_name").alias("file"), f.col("_metadata.row_index").alias("row"))


def _sound(bills: DataFrame, files: list[str]) -> DataFrame:
    """The rows in the types of ``SPREAD``, looked through for what no file may have."""
    names = {name: number for number, name in enumerate(files)}

    def look(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with _told():
            for batch in batches:
                for part in _of_one_file(batch):
                    file, row = part.column("file")[0].as_py(), part.column("row")
                    columns = normal(part, file, row[0].as_py()).columns
                    number = pa.repeat(pa.scalar(names[file], pa.int32()), len(part))
                    yield pa.record_batch([*columns, number, row.cast(pa.int64())], schema=SPREAD)

    return bills.mapInArrow(look, from_arrow_schema(SPREAD))


def _of_one_file(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in pieces of rows that follow each other in one file."""
    start = 0
    files, rows = batch.column("file"), batch.column("row")
    follows = pc.and_(pc.equal(files[1:], files[:-1]), pc.equal(rows[1:], pc.add(rows[:-1], 1)))
    for stop in [*(1 + at for at, same in enumerate(follows.to_pylist()) if not same), len(batch)]:
        if stop > start:
            yield batch.slice(start, stop - start)
        start = stop


@contextmanager
def _told() -> Iterator[None]:
    """Name a refusal so that it can be found in what Spark makes of it."""
    try:
        yield
    except Rejected as error:
        raise ValueError(f"{_REFUSED}{error}") from None


def _refuse_twins(bills: DataFrame, files: list[str]) -> None:
    """Rejected when two rows have one ``bill_id``."""
    twins = bills.groupBy("bill_id").count().filter("count > 1").agg(f.min("bill_id")).first()
    if twins is None or twins[0] is None:
        return
    places = bills.filter(bills.bill_id == twins[0]).select("part", "row").orderBy("part", "row").take(2)
    (part, row), (other_part, other_row) = places
    where = f"{files[part]} 第 {row + 1} 行"
    raise rejected(files[other_part], "bill_id", other_row, f"和 {where}重复。", twins[0])


def _results(bills: DataFrame, partitions: int, law: LawNamed, files: list[str]) -> DataFrame:
    """What the bills come to, each person's in one partition and in its order."""

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        table = pa.Table.from_batches((batch.cast(SPREAD) for batch in batches), SPREAD).combine_chunks()
        with _told():
            refuse_shared_orders(table, files)
            if len(table):
                yield result_rows(table, computed(table, _law(law)))

    spread = bills.repartition(partitions, "person_id").sortWithinPartitions("person_id", "settle_order")
    return spread.mapInArrow(compute, from_arrow_schema(RESULT))


@lru_cache(maxsize=4)
def _law(law: LawNamed) -> BatchLaw:
    return law.found()


def _checksum(results: DataFrame) -> str:
    """SHA-256 over all rows sorted by the bytes of ``bill_id``, as ``collect.py`` makes it."""
    texts = [f.coalesce(f.col(name).cast("string"), f.lit("")) for name in RESULT.names]
    lines = results.orderBy("bill_id").select(f.concat_ws("\t", *texts))
    digest = sha256()
    for (line,) in lines.toLocalIterator(prefetchPartitions=True):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


@contextmanager
def _none_left(spark: SparkSession, unfinished: str) -> Iterator[None]:
    """Leave no unfinished results of a run that ends otherwise."""
    try:
        yield
    except BaseException:
        _removed(spark, unfinished)
        raise


def _removed(spark: SparkSession, path: str) -> None:
    _files(spark, path).delete(_path(spark, path), True)


def _files(spark: SparkSession, path: str) -> Any:
    """The file system of a path."""
    return _path(spark, path).getFileSystem(spark._jsc.hadoopConfiguration())


def _path(spark: SparkSession, path: str) -> Any:
    jvm: Any = spark._jvm
    return jvm.org.apache.hadoop.fs.Path(path)
