"""A simulated year on a terminal: how far it is, what it was, and every difference."""

from datetime import date
from typing import Final

from rich.console import Console
from rich.text import Text

from app.simulation.office import SimulationError
from app.simulation.year import YearOutcome, YearRequest, simulate

FEE_FEN: Final = 500
SIMULATED: Final = {
    "ONESTOP_CLOCK": "manual:2018-01-02T00:00:00+08:00",
    "ONESTOP_FAMILY_DOCTOR_FEE": "5.00",
    "ONESTOP_RATE_LIMIT": "0",
}
SHOWN: Final = 50


def show_simulation(base_url: str, admin_token: str, wanted: YearRequest, console: Console) -> bool:
    """Run a simulation on a new service started with ``SIMULATED`` and print it; whether there was no difference at
    all."""
    with console.status("") as status:

        def progress(day: date) -> None:
            status.update(f"种子 {wanted.seed}：业务日 {day}")

        try:
            outcome = simulate(base_url, admin_token, wanted, fee_fen=FEE_FEN, progress=progress)
        except SimulationError as error:
            console.print(Text(f"服务的回答出乎意料，种子 {wanted.seed}：{error}", style="red"), soft_wrap=True)
            return False
    _show(outcome, wanted, console)
    return not outcome.differences


def _show(outcome: YearOutcome, wanted: YearRequest, console: Console) -> None:
    refused = sum(count for name, count in outcome.moves.items() if name.endswith("refused"))
    console.print(
        f"种子 {wanted.seed}：{outcome.hospital_months} 个机构月，{outcome.settlements} 张账单，{outcome.calls} 次请求"
        f"（{refused} 次按规则拒绝），核对 {outcome.comparisons} 处。"
    )
    console.print("动作：" + "，".join(f"{name} {count}" for name, count in outcome.moves.items()))
    for difference in outcome.differences[:SHOWN]:
        console.print(Text(difference, style="red"), soft_wrap=True)
    if outcome.differences:
        console.print(Text(f"与审计模型不符 {len(outcome.differences)} 处。", style="red"))
    else:
        console.print("与审计模型完全一致：每个科目的余额、每个拨付数字、每次受理和拒绝，差异 0。")
