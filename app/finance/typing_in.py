"""What people type into forms, as the service wants it: full-width digits, separators, missing decimals, days with
slashes."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

_AMOUNT: Final = re.compile(r"\A-?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]{0,2})?\Z")
_PERCENT: Final = re.compile(r"\A([0-9]{1,3})(?:\.([0-9]{1,2}))?%\Z")
_SHARE: Final = re.compile(r"\A[0-9](\.[0-9]+)?\Z")
_MONTH: Final = re.compile(r"\A([0-9]{4})[./年-]?([0-9]{1,2})月?\Z")
_DAY: Final = re.compile(r"\A([0-9]{4})[./年-]([0-9]{1,2})[./月-]([0-9]{1,2})日?\Z")


def understood(form: Mapping[str, str]) -> dict[str, str]:
    """A form's fields with amounts (``amount``, ``amount_…``), shares (``…_ratio``, ``…_rate``), months
    (``period``) and days (``…_on``) in the service's form. What can't be read as one stays as it was typed, for the
    service to refuse."""
    return {name: _field(name, value) for name, value in form.items()}


def _field(name: str, value: str) -> str:
    if name == "amount" or name.startswith("amount_"):
        return amount(value)
    if name.endswith(("_ratio", "_rate")):
        return share(value)
    if name == "period":
        return month(value)
    return day(value) if name.endswith("_on") else value


def amount(typed: str) -> str:
    """``１,000`` is ``1000.00``, ``12.5 元`` is ``12.50``; never rounds, and doesn't guess what ``1,5`` is."""
    text = unicodedata.normalize("NFKC", typed).replace(" ", "").removesuffix("元").lstrip("¥")
    if not _AMOUNT.match(text):
        return typed
    whole, _, rest = text.replace(",", "").partition(".")
    return f"{whole}.{rest.ljust(2, '0')}"


def share(typed: str) -> str:
    """``95%`` and ``９５％`` are ``0.95``, ``7.5%`` is ``0.075``; never rounds."""
    text = unicodedata.normalize("NFKC", typed).replace(" ", "")
    found = _PERCENT.match(text)
    if found is None:
        return text if _SHARE.match(text) else typed
    digits = f"{found[1]:0>3}{found[2] or ''}"
    whole = len(digits) - len(found[2] or "") - 2
    return f"{int(digits[:whole])}.{digits[whole:]}"


def month(typed: str) -> str:
    """``2018/5``, ``2018年5月`` and ``201805`` are ``2018-05``."""
    found = _MONTH.match(unicodedata.normalize("NFKC", typed).strip())
    return typed if found is None else f"{found[1]}-{found[2]:0>2}"


def day(typed: str) -> str:
    """``2018/7/2``, ``2018.7.2`` and ``2018年7月2日`` are ``2018-07-02``."""
    found = _DAY.match(unicodedata.normalize("NFKC", typed).strip())
    return typed if found is None else f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}"
