"""The lists of the registry: received lists, person-years to compute again, the uninsured poor, unknown codes,
hospitals."""

from datetime import date
from typing import Annotated, Final

from msgspec import Meta, field

from app.registry import hospitals, worklists
from app.registry.hospital_facts import HospitalAnswer
from app.registry.worklists import CandidateAnswer, ListAnswer, UninsuredAnswer, UnknownCodeAnswer
from app.service.columns import columns_of
from app.service.lists import Asked, DeclaredList, Filters, NoFilters, Page, page_of
from app.service.security import REGISTRY_READERS
from app.service.wire import Day

AREA_PREFIX: Final = "^[0-9]{2,6}$"


class ReceivedFilters(Filters, frozen=True):
    """``overdue``: not matched by the end of the due day, or matched or not yet due."""

    overdue: bool | None = None


class SettledFilters(Filters, frozen=True):
    """Days of settling, both included."""

    from_: Day | None = field(default=None, name="from")
    to: Day | None = None


class HospitalFilters(Filters, frozen=True):
    """``area_code`` is a code or the beginning of one."""

    area_code: Annotated[str, Meta(pattern=AREA_PREFIX)] | None = None


async def _received(asked: Asked[ReceivedFilters, int]) -> Page[ListAnswer, int]:
    day = await worklists.today(asked.service)
    overdue = asked.filters.overdue
    rows = await worklists.received(asked.service, asked.caller, day, asked.after, overdue, asked.limit + 1)
    return page_of(rows, asked.limit, worklists.shown_list, lambda row: row.job_id)


async def _candidates(asked: Asked[NoFilters, tuple[str, int]]) -> Page[CandidateAnswer, tuple[str, int]]:
    rows = await worklists.candidates(asked.service, asked.caller, asked.after, asked.limit + 1)
    return page_of(rows, asked.limit, worklists.shown_candidate, lambda row: (row.person_id, row.benefit_year))


async def _uninsured(asked: Asked[NoFilters, str]) -> Page[UninsuredAnswer, str]:
    day = await worklists.today(asked.service)
    rows = await worklists.uninsured_poor(asked.service, asked.caller, day, asked.after, asked.limit + 1)
    subsidies = await worklists.subsidies(asked.service, {row.area_code for row in rows}, day)
    return page_of(rows, asked.limit, lambda row: worklists.shown_uninsured(row, subsidies), lambda row: row.person_id)


async def _unknown_codes(asked: Asked[SettledFilters, int]) -> Page[UnknownCodeAnswer, int]:
    days: tuple[date | None, date | None] = (asked.filters.from_, asked.filters.to)
    skip = asked.after or 0  # ordered by a sum: a page is found by its place
    rows = await worklists.unknown_codes(asked.service, asked.caller, *days, skip, asked.limit + 1)
    return page_of(rows, asked.limit, worklists.shown_unknown, lambda row: skip + asked.limit)


async def _hospitals(asked: Asked[HospitalFilters, str]) -> Page[HospitalAnswer, str]:
    area = asked.filters.area_code
    shown = await hospitals.list_hospitals(
        asked.service, asked.caller, area_code=area, after=asked.after, limit=asked.limit + 1
    )
    return page_of(shown, asked.limit, lambda one: one, lambda one: one.code)


RECEIVED_LISTS: Final = DeclaredList(
    name="registry-lists",
    title={"zh": "贫困人口名单", "en": "Poverty lists"},
    about="""Received lists with their due day and completion, newest first. A refused file stays open until a
    corrected one was sent and its own job is cancelled.""",
    scopes=REGISTRY_READERS,
    filters=ReceivedFilters,
    row=ListAnswer,
    columns=columns_of(ListAnswer),
    position=int,
    read=_received,
)
CANDIDATES: Final = DeclaredList(
    name="readjudication-candidates",
    title={"zh": "待重算人员年度", "en": "Person-years to compute again"},
    about="Person-years that were settled before a fact that concerns them was known.",
    scopes=REGISTRY_READERS,
    filters=NoFilters,
    row=CandidateAnswer,
    columns=columns_of(CandidateAnswer),
    position=tuple[str, int],
    read=_candidates,
)
UNINSURED_POOR: Final = DeclaredList(
    name="uninsured-poor",
    title={"zh": "未参保贫困人口", "en": "Uninsured poor"},
    about="""Registered poor persons whom no insurance covers today, with the premium subsidy due for them where it is
    known.""",
    scopes=REGISTRY_READERS,
    filters=NoFilters,
    row=UninsuredAnswer,
    columns=columns_of(UninsuredAnswer),
    position=str,
    read=_uninsured,
)
UNKNOWN_CODES: Final = DeclaredList(
    name="unknown-codes",
    title={"zh": "目录外编码", "en": "Codes in no catalogue"},
    about="""Codes of settled bills that no catalogue version has, not even now, by the money they cost patients, most
    first. ``from`` and ``to`` are days of settling, both included.""",
    scopes=REGISTRY_READERS,
    filters=SettledFilters,
    row=UnknownCodeAnswer,
    columns=columns_of(UnknownCodeAnswer),
    position=int,
    read=_unknown_codes,
)
HOSPITALS: Final = DeclaredList(
    name="hospitals",
    title={"zh": "医疗机构", "en": "Hospitals"},
    about="""Hospitals by code as they are today, without contracts and account; ``area_code`` is a code or the
    beginning of one.""",
    scopes=(),
    filters=HospitalFilters,
    row=HospitalAnswer,
    columns=(),
    position=str,
    read=_hospitals,
)
