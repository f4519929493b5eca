"""The packs that a command names, by name or by file, and how their values are written."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import click

from app.basics.days import shanghai_day
from app.basics.errors import OnestopError, PolicyError
from app.cli.config import configured
from app.cli.output import fail
from app.policies import SCHEMES, SHIPPED, book_with, pack_files, read_texts, shipped_book
from app.policies.changes import Law
from app.service.messages import text as message_text
from app.tiers.load import load_book
from app.tiers.policy import Policy, PolicyBook
from app.tiers.yamltext import nearest


class GivenFile(click.Path):
    """A file that has to be there; one that isn't is told in Chinese, with the name beside it that it resembles."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        path = Path(value)
        if path.is_dir():
            fail(f"{path} 是文件夹，请写里面的文件，如 {path / '名称.yaml'}。", 2)
        if not path.is_file():
            beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
            where = "" if path.parent.is_dir() else f"也没有文件夹 {path.parent}。"
            fail(f"没有文件 {path}。{nearest(path.name, beside)}{where}请核对路径。", 2)
        return super().convert(value, param, ctx)


GIVEN_FILE: Final = GivenFile()


def books() -> list[PolicyBook]:
    """The book of the service, and that of the published schemes, which the service doesn't load by itself."""
    return [shipped_book(configured().policy_dir), load_book(read_texts(SCHEMES))]


def law_of(pack: str) -> Law:
    """The pack of a name or a file, or leave with what is wrong."""
    path = Path(pack)
    try:
        if path.suffix == ".yaml":
            return Law(book_with([path], configured().policy_dir, drafts=True), path.stem)
        known = books()
    except PolicyError as error:
        fail(str(error))
    book = next((book for book in known if pack in book.packs), None)
    if book is None:
        names = [name for book in known for name in book.packs]
        fail(f"没有政策配置 {pack}。{nearest(pack, names)}现有：{'、'.join(names)}；文件请写到 .yaml 为止。")
    return Law(book, pack)


def policy_on(pack: str, on: datetime | None) -> tuple[Policy, date]:
    """The policy of a pack, by its name or its file, on a day (today without one), or leave with what is wrong."""
    day = shanghai_day(datetime.now(UTC)) if on is None else on.date()
    law = law_of(pack)
    try:
        return law.book.policy(law.name, day), day
    except OnestopError as error:
        fail(f"{law.name} {day}：{message_text(error.code, error.values, 'zh')}")


def shipped_files(pack: str) -> list[Path]:
    """The file of a pack that is named without one."""
    extra = configured().policy_dir
    folders = [SCHEMES, SHIPPED] if extra is None else [SCHEMES, SHIPPED, extra]
    return [path for path in pack_files(*folders) if path.stem == pack]
