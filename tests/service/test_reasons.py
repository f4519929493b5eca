"""What is asked for a reason gets one."""

from pathlib import Path
from typing import Any

import yaml

OPENAPI = Path(__file__).parent.parent.parent / "openapi.yaml"


def test_no_reason_is_empty() -> None:
    """Whatever a request has to say why it is made, at least one character of it."""
    document: dict[str, Any] = yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    asked = {name: one["properties"]["reason"] for name, one in schemas.items() if _asks(name, one)}
    assert len(asked) > 10
    assert {name for name, one in asked.items() if not one.get("minLength")} == set()


def _asks(name: str, schema: dict[str, Any]) -> bool:
    return name.endswith("Request") and "reason" in schema.get("required", ())
