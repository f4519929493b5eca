"""Requests invented by schemathesis from the service's own description, for every operation of it: an answer of 500 or
more, or one that the description doesn't have, is a fault. ``ONESTOP_FUZZ_CASES`` sets how many there are in all."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from rich.console import Console
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.demo.run import run_demo
from app.demo.world import HOSPITALS, PERSONS
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service

CASES: Final = int(os.environ.get("ONESTOP_FUZZ_CASES", "2000"))
PARTS: Final = 16
"""The operations are shared out among so many tests, which run side by side and name the operations that fail."""
CHECKS: Final = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SEED: Final = 20170912
SETTINGS: Final = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Operation = APIOperation[Any, Any, Any, Any]
LAST: Final = "/v1/clock"
"""What makes all that comes after it happen in another year."""


@pytest.fixture(scope="module")
def url(database_server: str) -> Iterator[str]:
    """A service of its own with the demo's world."""
    database = asyncio.run(migrated_database(database_server))
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(database, Path(folder), ONESTOP_LOG_LEVEL="critical")
        run_demo(base_url, ADMIN_TOKEN, Console(quiet=True))
        yield base_url
        process.terminate()
        assert process.wait(30) == 0


@dataclass
class Campaign:
    """What was sent so far, what was found wrong with the answers, and ids that exist, by the name of the parameter."""

    url: str
    sent: int = 0
    faults: list[str] = field(default_factory=list)
    known: dict[str, list[str]] = field(default_factory=dict)
    random: Random = field(default_factory=lambda: Random(SEED))

    def send(self, case: Any) -> None:
        """Send a request as an administrator and keep what is wrong with its answer."""
        for name in case.path_parameters or {}:
            if name in self.known and self.random.random() < 0.7:
                case.path_parameters[name] = self.random.choice(self.known[name])
        case.headers["Authorization"] = f"Bearer {ADMIN_TOKEN}"
        if case.method == "POST" and self.random.random() < 0.8:
            case.headers["Idempotency-Key"] = secrets.token_hex(16)
        response = case.call(base_url=self.url)
        self.sent += 1
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            self.faults += [f"{case.operation.label} {response.status_code}: {one}" for one in group.exceptions]
        if response.status_code == 201 and isinstance(answer := response.json(), dict):
            for name, value in answer.items():
                if name.endswith("_id") and isinstance(value, str):
                    self.known.setdefault(name, []).append(value)

    def attack(self, operation: Operation, most: int) -> None:
        """Half of an operation's requests keep to its schema, half break it (where anything can be broken)."""
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            requests = given(case=operation.as_strategy(generation_mode=mode))(self.send)
            with suppress(Unsatisfiable):
                settings(SETTINGS, max_examples=most // 2)(requests)()


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(PARTS))
def test_no_invented_request_is_answered_with_500_or_with_what_the_description_lacks(url: str, part: int) -> None:
    """Every operation takes its share of the requests, half of them against its schema; ids are often real ones."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    operations = sorted(found, key=lambda one: one.path == LAST)
    share = operations[part * len(operations) // PARTS : (part + 1) * len(operations) // PARTS]
    campaign = Campaign(
        url, known={"person_id": list(PERSONS), "code": list(HOSPITALS), "hospital_code": list(HOSPITALS)}
    )
    for operation in share:
        campaign.attack(operation, max(4, CASES // len(operations)))
    print(f"{campaign.sent} requests to {len(share)} operations")  # noqa: T201 (the soak says how many there were)
    assert campaign.faults == []
    assert campaign.sent >= CASES // PARTS // 2
