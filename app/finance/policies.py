"""Policy packs: their parameters on a day with sources, when each figure changes, gaps ahead, two days side by side."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from app.basics.classes import ClassWords, class_name
from app.basics.errors import NotFound, Refused
from app.clearing.moves import business_now, today
from app.finance.listing import chosen
from app.finance.look import percent
from app.finance.page import PageRoute, Visitor, reading, shown, visit
from app.policies.api import policy_answer
from app.policies.checking import assumed_rows
from app.policies.words import differences, facts_words
from app.service.messages import text
from app.tiers.pack import Pack
from app.tiers.policy import Policy

router = APIRouter(prefix="/finance/policies", route_class=PageRoute, include_in_schema=False)
SCOPES: Final = ("policy", "finance", "auditor", "registry")
YEARS_AHEAD: Final = 2


class Gap(Struct):
    """A day ahead from which a pack has no rule, and why."""

    day: str
    reason: str


@router.get("")
async def get_policies(request: Request) -> Response:
    """The packs."""
    visitor = await visit(request, *SCOPES)
    packs = visitor.service.book.packs.values()
    day = await _today(visitor)
    rows = [{"pack": pack, "assumed": assumed_rows(pack), "gaps": list(gaps(visitor, pack, day))} for pack in packs]
    return shown(visitor, "policies.html", rows=rows)


@router.get("/{name}")
async def get_policy(request: Request, name: str) -> Response:
    """A pack on a day, beside another day of it when one is asked for."""
    visitor = await visit(request, *SCOPES)
    pack = visitor.service.book.packs.get(name)
    if pack is None:
        raise NotFound("not_found")
    now = await _today(visitor)
    day, other = _day(request, "on") or now, _day(request, "beside")
    policy, beside = _policy(visitor, name, day), None if other is None else _policy(visitor, name, other)
    search = (chosen(request.query_params, "search") or "").lower()
    answer = None if policy is None else policy_answer(policy, day)
    parameters = (
        [] if answer is None else [one for one in answer.parameters if search in f"{one.name} {one.title}".lower()]
    )
    contents = {
        "pack": pack,
        "day": day,
        "beside": other,
        "answer": answer,
        "parameters": parameters,
        "differences": None if policy is None or beside is None else differences(beside, policy),
        "missing_beside": other is not None and beside is None,
        "changes": _changes(pack),
        "gaps": list(gaps(visitor, pack, now)),
        "facts_words": partial(facts_words, classes=pack.classes),
        "figure_words": partial(figure_words, classes=pack.classes),
    }
    return shown(visitor, "policy.html", contents)


def figure_words(value: object, classes: Mapping[str, ClassWords]) -> str:
    """A figure's value for a reader, in Chinese: limits of bands, what a class takes over from another, classes by
    name."""
    match value:
        case None:
            return "无"
        case {"up_to": limit, "rate": rate}:
            return f"{'以上' if limit is None else f'至 {limit}'} {percent(rate)}"
        case dict():
            return "，".join(f"{PARTS.get(name, name)} {figure_words(part, classes)}" for name, part in value.items())
        case list():
            return "；".join(figure_words(part, classes) for part in value)
    return class_name(str(value), classes=classes)


PARTS: Final = {
    "of": "同",
    "times": "×",
    "plus": "加",
    "at_least": "不低于",
    "share": "比例",
    "of_parameter": "基数为",
}


async def _today(visitor: Visitor) -> date:
    return today(await reading(visitor, lambda connection: business_now(visitor.service, connection)))


def _day(request: Request, name: str) -> date | None:
    try:
        return date.fromisoformat(request.query_params.get(name, ""))
    except ValueError:
        return None


def _policy(visitor: Visitor, name: str, day: date) -> Policy | None:
    try:
        return visitor.service.book.policy(name, day)
    except Refused:
        return None


def _changes(pack: Pack) -> list[tuple[str, list[str]]]:
    """The days on which something changes, newest first, with the titles of what begins or ends."""
    days: dict[date, set[str]] = {version.since: {version.title} for version in pack.versions}
    for parameter in pack.parameters.values():
        for row in parameter.rows:
            for day in (row.since, row.until):
                if day is not None:
                    days.setdefault(day, set()).add(parameter.title)
    return [(day.isoformat(), sorted(days[day])) for day in sorted(days, reverse=True)]


def gaps(visitor: Visitor, pack: Pack, now: date) -> Iterator[Gap]:
    """The first day within the next years on which the pack has no policy at all, if there is one."""
    ends = {version.until for version in pack.versions if version.until is not None}
    days = sorted(
        {now, *(day for day in ends if now < day.replace(year=day.year) and day.year <= now.year + YEARS_AHEAD)}
    )
    for day in days:
        try:
            visitor.service.book.policy(pack.name, day)
        except Refused as refused:
            yield Gap(day.isoformat(), text(refused.code, refused.values, visitor.caller.language))
