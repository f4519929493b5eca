"""Code lists, and what national codes mean here. They differ by province: an area's record names its dictionary.

A dictionary is a file of ``app/nhsa/data``; one that isn't ``baseline`` names only what is different from it.
"""

from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from app.basics.classes import ClassWords
from app.tiers.model import DeliveryMode, MedicalType

BASELINE: Final = "baseline"


class CodeList(Struct, frozen=True):
    """The codes of one field with their names."""

    name: str
    codes: dict[str, str]


class Dictionary(Struct, frozen=True):
    """The code lists of an area and the maps between national codes and ours.

    ``enforced`` names the fields whose value decides money: what a list doesn't have is refused there, and stored as it
    was sent elsewhere.
    """

    enforced: tuple[str, ...]
    identity_classes: dict[str, str]
    approvals: dict[str, str]
    medical_types: dict[str, MedicalType]
    deliveries_by_med_type: dict[str, DeliveryMode]
    deliveries_by_matn_type: dict[str, DeliveryMode]
    emergencies: tuple[str, ...]
    clr_types: dict[str, MedicalType]
    chrgitm_lv: dict[str, str]
    med_chrgitm_type: dict[str, str]
    list_type: dict[str, str]
    psn_types: dict[str, str]
    psn_type_insurances: dict[str, str]
    cumulatives: dict[str, str]
    dictionaries: dict[str, CodeList]

    def longest(self, field: str) -> int:
        """The length of a field's longest code, 0 without a list."""
        known = self.dictionaries.get(field)
        return 0 if known is None else max(map(len, known.codes))

    def enforced_codes(self, field: str) -> Mapping[str, str] | None:
        """The codes that a field must keep to, None when it may be anything."""
        known = self.dictionaries.get(field)
        return None if known is None or field not in self.enforced else known.codes

    def named(self, field: str, code: str) -> str:
        """The name of a code, empty when the list doesn't have it."""
        known = self.dictionaries.get(field)
        return "" if known is None else known.codes.get(code, "")

    def identity(self, class_: str, declared: ClassWords | None = None) -> tuple[str, str]:
        """The first national code of a benefit class, and its name: of one that a pack ``declared`` what it says."""
        code = next((code for code, name in self.identity_classes.items() if name == class_), "")
        if not code and declared is not None:
            code = next(iter(declared.codes), "")
        return code, self.named("mat_idet_code", code) or self.named("psn_idet_type", code)

    def insurance_of(self, psn_type: str) -> str | None:
        """The insurance whose people a category of persons is, by the first two digits of its code; None when that
        isn't known."""
        return self.psn_type_insurances.get(psn_type[:2])

    def delivery(self, med_type: str, matn_type: str | None) -> DeliveryMode | None:
        """How a child was born, None when the codes don't say."""
        return self.deliveries_by_med_type.get(med_type) or self.deliveries_by_matn_type.get(matn_type or "")

    def clr_type(self, medical_type: str) -> str:
        """The clearing category of a medical type."""
        return next(code for code, name in self.clr_types.items() if name == medical_type)


def _text(name: str) -> dict[str, object]:
    content: dict[str, object] = msgspec.json.decode((files("app.nhsa") / "data" / f"{name}.json").read_bytes())
    return content


def merged(base: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """A dictionary's text with an area's differences laid over it, member by member; null takes a member away."""
    result = dict(base)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(former := result.get(name), dict):
            result[name] = merged(former, value)
        else:
            result[name] = value
    return result


def dictionary_of(text: Mapping[str, object]) -> Dictionary:
    """A dictionary from its text. msgspec.ValidationError when it isn't one."""
    return msgspec.convert(text, Dictionary)


BASELINE_TEXT: Final = _text(BASELINE)
DICTIONARIES: Final[Mapping[str, Dictionary]] = {BASELINE: dictionary_of(BASELINE_TEXT)}


Dictionaries = Mapping[str, Dictionary]
"""Code lists by the name that an area's record gives."""


def dictionaries(folder: Path | None) -> Dictionaries:
    """The shipped dictionary, and those of a folder, by name: each file says what is different from the baseline.

    ValueError with the file's name for one that can't be used.
    """
    found = dict(DICTIONARIES)
    for path in sorted(folder.glob("*.json")) if folder is not None else ():
        try:
            found[path.stem] = dictionary_of(
                merged(BASELINE_TEXT, msgspec.json.decode(path.read_bytes(), type=dict[str, object]))
            )
        except (msgspec.MsgspecError, OSError) as error:
            raise ValueError(f"the dictionary {path} can't be used: {error}") from error
    return found


def open_end(day: date) -> bool:
    """Whether a last day means that there is none."""
    return day.year == date.max.year
