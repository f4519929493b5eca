"""What the tests invent of persons, so that it can be looked for where it must not be."""

import re
import zipfile
from pathlib import Path
from typing import Final

ID_NUMBERS: Final[set[str]] = set()
"""Every id number that a test of this process made up."""
NAMES: Final = ("李某", "赵某", "欧阳试某")
"""Names of persons that no log, metric or error has a reason to hold."""


_LONG_ENOUGH: Final = re.compile("[0-9]{17,}[0-9X]?")


def found_in(text: str) -> list[str]:
    """The invented id numbers, in either case, and names that stand in a text. One pass over it, however many were
    invented."""
    digits = _LONG_ENOUGH.findall(text.upper())
    numbers = {run[start : start + 18] for run in digits for start in range(len(run) - 17)}
    return sorted(numbers & ID_NUMBERS) + [name for name in NAMES if name in text]


def found_in_file(path: Path) -> list[str]:
    """The same for a file, a workbook's parts unpacked; nothing where it is none or gone."""
    if not path.is_file():
        return []
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            contents = [archive.read(name) for name in archive.namelist()]
    else:
        contents = [path.read_bytes()]
    return sorted({one for content in contents for one in found_in(content.decode(errors="replace"))})
