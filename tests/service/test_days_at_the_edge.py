"""The first and the last days of the calendar, in every query of the description and of the pages that takes a day."""

import re

import httpx
import pytest

from app.exports.lists import LISTS
from app.main import describe_app

EDGES = ("0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31")


def queries() -> list[tuple[str, str]]:
    """The GETs of the description and their query parameters that are days; ids in a path are those of nothing."""
    found = []
    for path, operations in describe_app().openapi()["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", []):
            kinds = [parameter["schema"], *parameter["schema"].get("anyOf", [])]
            if parameter["in"] == "query" and any(one.get("format") == "date" for one in kinds):
                found.append((re.sub(r"\{[a-z_]+\}", "yunnan", path), parameter["name"]))
    return found


@pytest.mark.parametrize(("path", "name"), queries())
async def test_a_day_at_the_edge_is_never_a_defect(client: httpx.AsyncClient, path: str, name: str) -> None:
    """It is a limit like any other, or refused as out of range."""
    for day in EDGES:
        answer = await client.get(path, params={name: day})
        assert answer.status_code < 500, (day, answer.text)


@pytest.mark.parametrize("name", sorted(LISTS))
async def test_a_day_at_the_edge_of_an_export_is_never_a_defect(client: httpx.AsyncClient, name: str) -> None:
    """The same of every list's export."""
    for day in EDGES:
        answer = await client.get(f"/v1/exports/{name}", params={"from": day, "to": day, "as_of": day})
        assert answer.status_code < 500, (day, answer.text)
