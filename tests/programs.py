"""Programs of others that tests start: where they are, also the servers, which may not be on a user's own path."""

import os
import shutil
from typing import Final

PATH: Final = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/usr/bin"
REQUIRED: Final = "ONESTOP_REQUIRE_PROGRAMS"
"""The variable in which continuous integration names what has to be there: without it the tests that need a program
which is missing are skipped."""


def found(name: str) -> str | None:
    """Where a program is."""
    return shutil.which(name, path=PATH)


def missing() -> list[str]:
    """What continuous integration asks for and isn't there."""
    return [name for name in os.environ.get(REQUIRED, "").split() if found(name) is None]
