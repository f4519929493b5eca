"""One settlement answer as tables for a terminal, in Chinese. Fits 80 columns; plain text when it is piped."""

from collections.abc import Mapping
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.basics.classes import class_name
from app.basics.money import RATE_ONE, divide_half_up, fen
from app.basics.names import ACCUMULATOR_NAMES, MEDICAL_TYPE_NAMES, TIER_NAMES
from app.policies import shipped_book
from app.settlement.capitals import capital_yuan
from app.settlement.slip import (
    BASIS_STATUS,
    KIND_TITLES,
    PORTION_TIERS,
    ROOM_NAMES,
    SCOPE_NAMES,
    STATUS_NAMES,
    basis_text,
)

WIDTH: Final = 80
Answer = Mapping[str, Any]


def show_settlement(
    answer: Answer, console: Console, *, hospital: str | None = None, person: str | None = None
) -> None:
    """Print a settlement, quote or correction as the API answers it. Names are printed where they are given."""
    width = min(console.width, WIDTH)
    console.print(_header(answer, width, hospital, person))
    console.print(_portions(answer, width))
    console.print(_summary(answer, width))
    console.print(_steps(answer, width))
    for part in answer.get("years", [answer]):
        console.print(_year(part, width))
    policy = answer["policy"]
    console.print(
        Text(
            f"政策 {policy['pack']} / {policy['version']}，用到 {policy['assumed']} "
            "项暂定（待核实）参数（合理，但未经文件核实）。"
        ),
        width=width,
    )
    for warning in answer["warnings"]:
        console.print(Text(f"提示：{warning['message']}。"), width=width)


def _header(answer: Answer, width: int, hospital: str | None, person: str | None) -> Table:
    table = Table(box=None, show_header=False, width=width, padding=(0, 1, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    table.title = Text(f"医疗费用“一站式”{KIND_TITLES[answer['kind']]}", style="bold")
    benefit_class = class_name(answer["benefit_class"])
    days = f"{answer['admitted_on']} 至 {answer['discharged_on']}"
    table.add_row("医院", _joined(hospital, answer["hospital_code"]))
    table.add_row("患者", _joined(person, answer["person_id"], benefit_class))
    table.add_row("就诊", _joined(MEDICAL_TYPE_NAMES["zh"][answer["medical_type"]], days, answer["visit_id"]))
    table.add_row("结算", _joined(answer["settlement_id"], STATUS_NAMES[answer["status"]]))
    scope = answer["scope"]
    table.add_row("费用", Text(" + ".join(f"{name} {scope[key]}" for key, name in SCOPE_NAMES.items())))
    table.add_row("", Text(f"= 总费用 {answer['total']} 元"))
    return table


def _joined(*parts: str | None) -> Text:
    return Text("　".join(part for part in parts if part))


def _table(title: str, width: int) -> Table:
    heading = Text(title, style="bold")
    return Table(title=heading, title_justify="left", box=box.HORIZONTALS, width=width, padding=(0, 1, 0, 0))


def _portions(answer: Answer, width: int) -> Table:
    """The portions and their shares of the total, each share rounded by itself."""
    table = _table("费用由谁承担", width)
    table.add_column("", ratio=1)
    table.add_column("金额（元）", justify="right", no_wrap=True)
    table.add_column("占总费用", justify="right", no_wrap=True)
    total = fen(answer["total"])
    for tier in PORTION_TIERS:
        amount = answer["portions"][tier]
        if tier == "supplement" and amount == "0.00":
            continue
        table.add_row(
            TIER_NAMES["zh"][tier], amount, _share(fen(amount), total), style="bold" if tier == "patient" else ""
        )
    table.add_section()
    table.add_row("总费用", answer["total"], _share(total, total))
    table.caption = Text(f"个人负担大写：{capital_yuan(fen(answer['portions']['patient']))}")
    table.caption_justify = "left"
    return table


def _summary(answer: Answer, width: int) -> Table:
    """What it means for the patient; a correction has no such lines."""
    table = Table(box=None, show_header=False, width=width, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for line in answer.get("summary", ()):
        table.add_row("·", Text(line))
    return table


def _share(amount_fen: int, total_fen: int) -> str:
    """A share of the total in per cent with two decimals, a dash of nothing."""
    if total_fen == 0:
        return "—"
    whole, rest = divmod(divide_half_up(abs(amount_fen) * RATE_ONE, abs(total_fen)), 100)
    return f"{whole}.{rest:02d}%"


def _steps(answer: Answer, width: int) -> Table:
    table = _table("怎样算出来的", width)
    table.add_column("步", justify="right", no_wrap=True)
    table.add_column("算式与依据", ratio=1, overflow="fold")
    table.add_column("金额（元）", justify="right", no_wrap=True)
    titles = _titles(answer["policy"]["pack"])
    for step in answer["trace"]:
        table.add_row(str(step["step"]), _explained(step, titles), step["amount"])
    return table


def _explained(step: Answer, titles: Mapping[str, str]) -> Text:
    text = Text()
    tier = TIER_NAMES["zh"].get(step["tier"], step["tier"])
    text.append(tier if step["name"] == tier else f"{tier} · {step['name']}", style="bold")
    text.append("\n")
    text.append(step["formula"])
    for key, amount in step["room"].items():
        text.append(f"\n{ROOM_NAMES.get(key, key)} {amount}", style="dim")
    for basis in step["basis"]:
        mark = BASIS_STATUS[basis["status"]]
        text.append(f"\n［{mark}］", style="green" if basis["status"] == "enacted" else "yellow")
        title = titles.get(basis["parameter"], basis["parameter"])
        text.append(f"{title}：{basis_text(basis['document'], basis['clause'])}", style="dim")
    return text


def _titles(pack: str) -> dict[str, str]:
    """Titles of the figures of a shipped pack; of a pack that isn't shipped the figures' own names must do."""
    shipped = shipped_book().packs.get(pack)
    return {} if shipped is None else {name: parameter.title for name, parameter in shipped.parameters.items()}


def _year(answer: Answer, width: int) -> Table:
    """The accumulators that the bill, or its part of one year, left above 0 or changed."""
    table = _table(f"{answer['benefit_year']} 年度累计", width)
    table.add_column("", ratio=1)
    table.add_column("本次前", justify="right", no_wrap=True)
    table.add_column("本次后", justify="right", no_wrap=True)
    before, after = answer["year_to_date"]["before"], answer["year_to_date"]["after"]
    for key, name in ACCUMULATOR_NAMES.items():
        if key in after and {before[key], after[key]} - {0, "0.00"}:
            table.add_row(name, str(before[key]), str(after[key]))
    return table
