"""The release's version, from the installed package."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

try:
    VERSION: Final = version("onestop")
except PackageNotFoundError:  # run from a plain checkout
    VERSION = "0+unknown"  # type: ignore[misc]
