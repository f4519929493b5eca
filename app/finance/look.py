"""How things look on a page: amounts with separators, rates rounded down, links that keep the filters, words in both
languages."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from app.basics.errors import Language
from app.basics.ids import (
    CLAIM,
    DISBURSEMENT,
    PAYMENT_BATCH,
    PREPAYMENT,
    READJUDICATION,
    RECEIPT,
    RELEASE,
    SETTLEMENT,
    STATEMENT,
)
from app.basics.money import yuan
from app.basics.names import ACCUMULATOR_NAMES
from app.finance.texts import TEXTS
from app.service.words import worded
from app.version import VERSION

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"


def money(text: str | None) -> str:
    """Yuan with thousands separators, a true minus: ``money("-1234.50") == "−1,234.50"``; a dash for nothing."""
    if text is None:
        return "–"
    sign, digits = ("−", text[1:]) if text.startswith("-") else ("", text)
    whole, _, rest = digits.partition(".")
    return f"{sign}{int(whole):,}.{rest}"


def percent(rate: str | None) -> str:
    """A rate of four decimals, which was rounded down, as a percentage with two: ``percent("0.8499") == "84.99%"``."""
    if rate is None:
        return "–"
    sign, digits = ("−", rate[1:]) if rate.startswith("-") else ("", rate)
    whole, _, rest = digits.partition(".")
    rest = rest.ljust(4, "0")
    return f"{sign}{int(whole + rest[:2])}.{rest[2:]}%"


def member(row: object, path: str) -> object:
    """A member of a row, or a member of a member: ``portions.patient``."""
    for name in path.split("."):
        row = getattr(row, name)
    return row


PAGES: Final = {
    STATEMENT: "/finance/statements",
    DISBURSEMENT: "/finance/orders",
    PREPAYMENT: "/finance/prepayments",
    SETTLEMENT: "/finance/settlements",
    CLAIM: "/finance/claims",
    RELEASE: "/finance/deposits",
    PAYMENT_BATCH: "/finance/payment-batches",
    RECEIPT: "/finance/bank-receipts",
    READJUDICATION: "/finance/readjudications",
}


def page_of(shown: str) -> str | None:
    """The address of the page of what has this id, None where there is none."""
    return next((f"{address}/{shown}" for prefix, address in PAGES.items() if shown.startswith(prefix)), None)


def counter(name: str, own: Mapping[str, str], language: Language) -> str:
    """What an accumulator of a person's year is called: the pack's own by its title, one per group with the group.
    ``counter("serious_paid", {}, "zh") == "大病保险已支付"``."""
    counted, _, group = name.rpartition(":")[2].partition("/")
    called = own.get(counted) or ACCUMULATOR_NAMES.get(counted, counted) if language == "zh" else _spaced(counted)
    return f"{called}（{group}）" if group else called


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def count(number: int) -> str:
    """A number of things with separators."""
    return f"{number:,}"


def said(language: Language, key: str, **values: object) -> str:
    """A text of the catalogue, filled in. A key that isn't there raises: pages are tested."""
    chinese, english = TEXTS[key]
    return (english if language == "en" else chinese).format(**values)


def link(path: str, query: Mapping[str, object], **changes: object) -> str:
    """An address with the query's parameters, changed; None and empty ones are left out."""
    kept = {name: value for name, value in {**query, **changes}.items() if value not in (None, "", False)}
    return f"{path}?{urlencode(kept)}" if kept else path


def data_block(value: object) -> Markup:
    """A value as JSON inside a ``<script type="application/json">``: nothing in it can end the element."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@cache
def asset(name: str) -> str:
    """The address of a static file, another one after each change of it."""
    try:
        stamp = f"{VERSION}-{(STATIC / name).stat().st_mtime_ns:x}"
    except OSError:
        stamp = VERSION
    return f"/finance/static/{name}?v={stamp}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        money=money,
        fen=lambda amount: money(yuan(amount)),
        percent=percent,
        count=count,
        counter=counter,
        data=data_block,
        member=member,
        page_of=page_of,
        worded=lambda value, member, language: worded(member, value, language),
    )
    environment.globals.update(asset=asset, link=link, texts=TEXTS)
    return environment


_environment_of_pages: Final = _environment()


def template(name: str) -> Template:
    """A page's template."""
    return _environment_of_pages.get_template(name)
