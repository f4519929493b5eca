"""Computing a bill from a file, without a database."""

import json
from pathlib import Path

import click

from app.basics.errors import OnestopError, PolicyError
from app.cli.output import fail, out
from app.cli.policy_found import GIVEN_FILE
from app.demo.compute import compute_file
from app.demo.show import show_settlement
from app.service.messages import text as message_text


@click.command()
@click.argument("bill", type=GIVEN_FILE)
@click.option(
    "--policy-file",
    type=GIVEN_FILE,
    default=None,
    help="A pack; it rules every area that it names, even where a shipped pack does. It may inherit shipped packs, "
    "published schemes and packs beside it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def compute(bill: Path, policy_file: Path | None, as_json: bool) -> None:
    """Compute a bill offline, without a database."""
    try:
        answer = compute_file(bill, policy_file)
    except OnestopError as error:
        lines = [
            f"{fault.pointer or '/'}  {message_text(fault.code, fault.values, 'zh')}（{fault.code}）"
            for fault in error.faults
        ]
        fail("\n".join(lines) or message_text(error.code, error.values, "zh"))
    except PolicyError as error:
        fail(str(error))
    used = answer["policy"]["pack"]
    if policy_file is not None and used != policy_file.stem:
        click.echo(
            f"提示：{policy_file.name} 的 areas 不含参保人所在地区，这张账单是按政策配置 {used} 算的。", err=True
        )
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        show_settlement(answer, out)
