"""A simulation as files: JSON for programs, XLSX for tables, and an HTML report whose pictures are within it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import msgspec
import xlsxwriter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct, structs

from app.basics.classes import BASE_CLASSES, ClassWords, class_name
from app.basics.errors import Language
from app.basics.funds import fund_name
from app.basics.money import RATE_ONE, divide_half_up, fen, percent_text
from app.basics.names import FUND_NAMES
from app.batch.simulation_answer import Simulation
from app.tiers.model import FUNDS

NOTHING: Final = "—"
KEPT_BACK: Final = "不公布"
BY_WORDS: Final = {
    "fund": "基金",
    "area": "统筹区",
    "class": "参保人类别",
    "hospital_level": "医院级别",
    "month": "月份",
}
SHEETS: Final = ("cells", "deciles", "heavy", "gainers", "losers", "worst", "floor")
WIDE: Final = 300
"""Of the longest bar, in pixels."""
_environment: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class UnderBothLaws(Protocol):
    """Anything with money under both laws, yuan; None where it is kept back."""

    baseline: str | None
    reform: str | None
    difference: str | None


def write_report(answer: Simulation, folder: Path, classes: Mapping[str, ClassWords]) -> None:
    """Write the three files of a simulation; ``classes``: what packs' own ones are called."""
    (folder / "simulation.json").write_bytes(msgspec.json.format(msgspec.json.encode(answer), indent=1))
    write_workbook(answer, folder / "simulation.xlsx")
    (folder / "simulation.html").write_text(report_page(answer, classes), encoding="utf-8")


def change(row: UnderBothLaws) -> str:
    """By what part the reform changes an amount; a dash for one that is 0 or kept back."""
    if row.baseline is None or row.difference is None or fen(row.baseline) == 0:
        return NOTHING
    part = divide_half_up(fen(row.difference) * RATE_ONE, fen(row.baseline))
    return ("+" if part > 0 else "−" if part < 0 else "") + percent_text(abs(part))


def write_workbook(answer: Simulation, path: Path) -> None:
    """The simulation as a workbook: a sheet per list."""
    with xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_formulas": False}) as book:
        heads = [("pack", answer.pack), ("reform", answer.reform), ("persons", answer.persons), ("bills", answer.bills)]
        heads += [(f"refused {side}", count) for side, count in answer.refused.items()]
        heads += [(name, value) for name, value in structs.asdict(answer.total).items() if name not in ("by", "key")]
        if answer.budget is not None:
            heads += list(structs.asdict(answer.budget).items())
        if answer.stored_differs is not None:
            differing = structs.asdict(answer.stored_differs)
            heads += [(f"stored_differs {name}", value) for name, value in differing.items()]
        _write_sheet(book, "total", [["name", "value"], *([name, _plain(value)] for name, value in heads)])
        for name in SHEETS:
            rows: Sequence[Struct] = getattr(answer, name)
            _write_sheet(book, name, _rows(rows))


def _rows(rows: Sequence[Struct]) -> Iterable[list[object]]:
    if not rows:
        return
    compared = hasattr(rows[0], "difference") and hasattr(rows[0], "suppressed")
    yield [*rows[0].__struct_encode_fields__, *(["change"] if compared else [])]
    for row in rows:
        values = [_plain(value) for value in structs.astuple(row)]
        yield [*values, *([change(row)] if compared else [])]  # type: ignore[arg-type]


def _plain(value: object) -> object:
    return "" if value is None else value


def _write_sheet(book: "xlsxwriter.Workbook", name: str, rows: Iterable[Sequence[object]]) -> None:
    sheet = book.add_worksheet(name)
    sheet.set_column(0, 12, 16)
    for at, row in enumerate(rows):
        sheet.write_row(at, 0, row)


def report_page(answer: Simulation, classes: Mapping[str, ClassWords] = BASE_CLASSES) -> str:
    """The report: everything that it shows is in the page itself. ``classes``: what packs' own ones are called."""
    lists = [(title, [row for row in answer.cells if row.by == by]) for by, title in BY_WORDS.items()]
    return _environment.get_template("simulation.html").render(
        answer=answer,
        lists=lists,
        change=change,
        shown=lambda amount: KEPT_BACK if amount is None else amount,
        word=partial(word, classes=classes),
        part=lambda part: NOTHING if part is None else percent_text(part),
        bars=bars,
        class_word=lambda key: NOTHING if key is None else word("class", key, classes=classes),
    )


def word(by: str, key: str, language: Language = "zh", classes: Mapping[str, ClassWords] = BASE_CLASSES) -> str:
    """What a cell is of, in words."""
    if by == "class":
        return class_name(key, language, classes)
    if by == "fund":
        names = {FUNDS[tier]: FUND_NAMES[language][tier] for tier in FUNDS}
        name = names.get(key, fund_name(key, language))
        return key if name == key else f"{name} {key}"
    if by == "hospital_level":
        return f"level {key}" if language == "en" else f"{key} 级"
    return key


def bars(rows: Sequence[UnderBothLaws]) -> list[tuple[int, int]]:
    """The lengths of the two bars of each row."""
    amounts = [(fen(row.baseline or "0.00"), fen(row.reform or "0.00")) for row in rows]
    longest = max((max(pair) for pair in amounts), default=0)
    return [(WIDE * one // longest, WIDE * two // longest) if longest else (0, 0) for one, two in amounts]
