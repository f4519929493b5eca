"""Describing the service's interface."""

from pathlib import Path

import click
import yaml

from app.cli.output import fail
from app.main import describe_app


@click.command()
@click.option("--check", is_flag=True, help="Only compare; status 1 when they differ.")
@click.option("--file", "path", type=click.Path(path_type=Path), default=Path("openapi.yaml"), show_default=True)
def openapi(check: bool, path: Path) -> None:
    """Write the application's OpenAPI document, or compare it with the committed one."""
    current = yaml.safe_dump(describe_app().openapi(), allow_unicode=True, sort_keys=False, width=120)
    if not check:
        path.write_text(current, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != current:
        fail(f"{path} 与应用不一致，请运行 make openapi。")
