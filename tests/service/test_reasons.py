"""What is asked for a reason gets one."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from app.service.wire import LongReason, Reason

OPENAPI = Path(__file__).parent.parent.parent / "openapi.yaml"


def test_no_reason_is_empty() -> None:
    """Whatever a request has to say why it is made, at least one character of it that isn't a blank."""
    document: dict[str, Any] = yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    asked = {name: one["properties"]["reason"] for name, one in schemas.items() if _asks(name, one)}
    assert len(asked) > 10
    assert {name for name, one in asked.items() if not one.get("minLength") or one.get("pattern") != r"\S"} == set()


@pytest.mark.parametrize("type_", [Reason, LongReason])
def test_blanks_are_no_reason(type_: Any) -> None:
    """Nor are a line's end and the blank of Chinese texts; a character among them is one."""
    assert msgspec.convert(" 错 ", type_) == " 错 "
    for blanks in (" ", "  \n", "　"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(blanks, type_)


def _asks(name: str, schema: dict[str, Any]) -> bool:
    return name.endswith("Request") and "reason" in schema.get("required", ())
