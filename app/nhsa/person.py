"""Persons: identity and insurance, entitlement per fund, the year so far (1101, 2001, 5206)."""

from datetime import date

import msgspec

from app.basics.days import shanghai_day
from app.basics.errors import Refused
from app.basics.text import folded_name
from app.nhsa import store
from app.nhsa.call import Call, Output, day, last_of, refused
from app.nhsa.fields import Row
from app.nhsa.identity import (
    ID_CARD,
    IDENTITY_CARD,
    compare_codes,
    id_number_of,
    is_identified,
    name_of,
    note_identified,
)
from app.nhsa.rows import InsuredPerson, PersonIdentity
from app.registry.facts import IdentityEntry, benefit_class, normal_id_number
from app.registry.paying_area import area_on, policy_in
from app.registry.person_reads import count_read
from app.service.security import birth_date, blind_index_candidates, valid_id_number
from app.service.wire import is_code
from app.settlement.computing import INSURANCE_TYPE
from app.tiers.model import FUND_TIERS, FUNDS, empty_year
from app.tiers.policy import Policy

ENTITLED, NOT_ENTITLED = "1", "0"
POOR_TIERS = frozenset({"medical_assistance", "safety_net"})


async def identify(call: Call) -> Output:
    """Identify a person (1101) by the id number; a name that is sent must be theirs."""
    row = call.one()
    indexes = blind_index_candidates(call.service.keys, normal_id_number(_certificate(row)))
    today = day(row["begntime"]) if "begntime" in row else shanghai_day(call.now)
    found = await store.person_by_index(call.connection, indexes, today)
    if found is None or ("psn_name" in row and folded_name(name_of(call, found)) != folded_name(row["psn_name"])):
        raise refused("unknown_person", "/data/0/certno")
    compare_codes(call, row, "/data/0", found.insurance_type)
    await note_identified(call, found.person_id)
    identities = await store.identities(call.connection, found.person_id, today)
    return {
        "baseinfo": call.shown("baseinfo", shown_person(call, found)),
        "insuinfo": [call.shown("insuinfo", _insurance(call, found, today))],
        "idetinfo": [call.shown("idetinfo", _identity(call, item)) for item in identities],
    }


def _certificate(row: Row) -> str:
    """The id number that a message names: with an identity card as the certificate (02) its own number is enough."""
    if row["mdtrt_cert_type"] != ID_CARD:
        if "certno" not in row:
            raise refused("nhsa_card_not_served", "/data/0/mdtrt_cert_type")
        return row["certno"]
    certno = row.get("certno", row["mdtrt_cert_no"])
    if normal_id_number(certno) != normal_id_number(row["mdtrt_cert_no"]):
        raise refused("nhsa_person_differs", "/data/0/mdtrt_cert_no")
    return certno


async def known_person(call: Call, row: InsuredPerson) -> dict[str, object]:
    """What is answered of a person; their id number only to a hospital that identified them."""
    return shown_as_known(call, row, identified=await is_identified(call, row.person_id))


def shown_as_known(call: Call, row: InsuredPerson, *, identified: bool) -> dict[str, object]:
    """``known_person``, where it is known whether the hospital identified them."""
    values = shown_person(call, row)
    return values if identified else values | {"certno": ""}


def shown_person(call: Call, row: InsuredPerson) -> dict[str, object]:
    """What is answered of a person, the id number whole: the hospital has the card in its hands."""
    id_number = id_number_of(call, row)
    values: dict[str, object] = {
        "psn_no": row.person_id,
        "psn_cert_type": IDENTITY_CARD,
        "certno": id_number,
        "psn_name": name_of(call, row),
        "gend": "0",
        "insutype": row.insurance_type,
        "psn_type": call.dictionary.psn_types.get(row.insurance_type),
        "cvlserv_flag": "0",
        "flxempe_flag": "0",
        "nwb_flag": "0",
        "insu_optins": row.area_code,
        "insu_admdvs": row.area_code,
        "insuplc_admdvs": row.area_code,
    }
    if valid_id_number(id_number):
        born = birth_date(id_number)
        values |= {
            "gend": "1" if int(id_number[16]) % 2 else "2",
            "brdy": born,
            "age": age(born, shanghai_day(call.now)) * 10,
        }
    return values


def age(born: date, today: date) -> int:
    """Whole years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _insurance(call: Call, row: InsuredPerson, today: date) -> dict[str, object]:
    values = shown_person(call, row)
    ended = row.insured_until is not None and row.insured_until <= today
    return values | {
        "psn_insu_stas": "1" if row.insured else "4" if ended else "0",
        "psn_insu_date": row.insured_from,
        "paus_insu_date": row.insured_until,
    }


def _identity(call: Call, row: PersonIdentity) -> dict[str, object]:
    code, name = call.dictionary.identity(row.class_, call.service.book.classes.get(row.class_))
    return {"psn_idet_type": code, "memo": name, "begntime": row.valid_from, "endtime": last_of(row.valid_until)}


# ---------------------------------------------------------------- entitlement


async def entitlement(call: Call) -> Output:
    """Say whether (2001) each fund would take part in a visit of this kind that begins on a day."""
    row = call.one()
    on = day(row["begntime"])
    found = await person_asked(call, row["psn_no"], on)
    medical_type = call.dictionary.medical_types.get(row["med_type"])
    kind, covered = found.insurance_type, call.service.book.insurance_types
    insured = found.insured and kind == row.get("insutype", kind) and kind in covered
    policy = await _policy(call, on, found.area_code, kind if kind in covered else INSURANCE_TYPE)
    class_ = "ordinary"
    if policy is not None:
        entries = await store.identities(call.connection, row["psn_no"], on)
        identities = [IdentityEntry(item.class_, item.valid_from, item.valid_until) for item in entries]
        class_ = benefit_class(identities, on, policy.version.precedence)
    rows = []
    for tier in FUND_TIERS:
        if tier == "supplement" and (policy is None or not any(rule.tier == tier for rule in policy.rules)):
            continue
        reason = _why_not(policy, tier, medical_type, class_, insured=insured)
        rows.append(
            {
                "psn_no": row["psn_no"],
                "trt_chk_type": "01",
                "fund_pay_type": FUNDS[tier] if policy is None else policy.fund(tier, kind),
                "trt_enjymnt_flag": NOT_ENTITLED if reason else ENTITLED,
                "begndate": found.insured_from or on,
                "enddate": last_of(found.insured_until),
                "trt_chk_rslt": reason or "可享受",
            }
        )
    return {"trtinfo": [call.shown("trtinfo", values) for values in rows]}


async def _policy(call: Call, on: date, area_code: str, insurance_type: str) -> Policy | None:
    area = await area_on(call.connection, area_code, on)
    try:
        return policy_in(call.service.book, on, area_code, area, insurance_type)
    except Refused:
        return None


def _why_not(policy: Policy | None, tier: str, medical_type: str | None, class_: str, *, insured: bool) -> str:
    """Why a fund takes no part, empty when it does. Caps that are used up are told by the quote."""
    if not insured:
        return "该日未参保"
    if policy is None:
        return "该日没有适用的政策"
    rules = [rule for rule in policy.rules if rule.tier == tier]
    if not any(_covers(rule.applies.get("medical_type"), medical_type) for rule in rules):
        return "该医疗类别不由此项基金支付"
    if not any(_covers(rule.applies.get("class"), class_) for rule in rules) or (
        tier in POOR_TIERS and class_ == "ordinary"
    ):
        return "该人员身份不由此项基金支付"
    return ""


def _covers(values: frozenset[str] | None, value: str | None) -> bool:
    return values is None or value in values


async def person_asked(call: Call, person_id: str, on: date | None = None) -> InsuredPerson:
    """``person_for`` where no visit here names the person: reads of others than the hospital's own are counted."""
    if is_code(person_id):
        await count_read(call.service, call.connection, call.caller, person_id)
    return await person_for(call, person_id, on)


async def person_for(call: Call, person_id: str, on: date | None = None) -> InsuredPerson:
    """A person with the area and insurance of a day, today's without one."""
    on = on or shanghai_day(call.now)
    found = await store.person(call.connection, person_id, on) if is_code(person_id) else None
    if found is None:
        raise refused("unknown_person", "/data/0/psn_no")
    call.person_id = person_id
    return found


# ---------------------------------------------------------------- the year


async def year_to_date(call: Call) -> Output:
    """List the year's accumulators (5206), one row each; counts are whole numbers with two decimals, as the table has
    it."""
    row = call.one()
    found = await person_asked(call, row["psn_no"])
    month = row.get("cum_ym", f"{shanghai_day(call.now):%Y%m}")
    if len(month) != 6 or not month.isascii() or not month.isdigit():
        raise refused("nhsa_date_format", "/data/0/cum_ym")
    stored = await store.accumulators(call.connection, row["psn_no"], int(month[:4]))
    year = empty_year() | (msgspec.json.decode(stored) if stored else {})
    rows = [
        {
            "insutype": found.insurance_type,
            "year": month[:4],
            "cum_ym": month,
            "cum_type_code": code,
            "cum": year[name] * 100 if name == "inpatient_count" else year[name],
        }
        for name, code in call.dictionary.cumulatives.items()
    ]
    return {"cuminfo": [call.shown("cuminfo", values) for values in rows]}
