"""Look-ups that aren't about a person: institutions, code lists and the catalogue (1201, 1901, 1312)."""

from typing import Final

from app.basics.days import shanghai_day
from app.nhsa import store
from app.nhsa.call import Call, Output, day, last_of, refused
from app.nhsa.fees import catalogue_values
from app.nhsa.fields import Row
from app.nhsa.query import NATIONAL_LEVELS
from app.nhsa.rows import CatalogueVersion

MOST_ROWS: Final = 1000
PAGE_ROWS: Final = 100
HOSPITAL_TYPE: Final = "1"
VALID: Final = "1"


async def institutions(call: Call) -> Output:
    """Find the institution itself (1201), by its code or a part of its name: a hospital sees its own record."""
    row, hospital = call.one("medinsinfo"), call.hospital
    asked = row.get("fixmedins_code", call.hospital_code) == call.hospital_code
    found = asked and row.get("fixmedins_name", "") in hospital.name and row["fixmedins_type"] == HOSPITAL_TYPE
    values: dict[str, object] = {
        "fixmedins_code": call.hospital_code,
        "fixmedins_name": hospital.name,
        "fixmedins_type": HOSPITAL_TYPE,
        "hosp_lv": NATIONAL_LEVELS[hospital.level],
    }
    return {"medinsinfo": [call.shown("medinsinfo", values)] if found else []}


async def code_list(call: Call) -> Output:
    """List the codes of a field (1901) as the area's dictionary has them; a field without a list has none."""
    row = call.one()
    known = call.dictionary.dictionaries.get(row["type"].lower())
    codes = {} if known is None or row.get("vali_flag", VALID) != VALID else known.codes
    rows = [
        {"type": row["type"], "label": label, "value": value, "sort": number, "vali_flag": VALID}
        for number, (value, label) in enumerate(codes.items(), 1)
    ]
    return {"list": [call.shown("list", {**values}) for values in rows]}


async def catalogue(call: Call) -> Output:
    """A page of the catalogue (1312): the versions of a code, or those whose name has a text, that hold on a day."""
    row = call.one()
    size, number = _whole(row, "page_size", PAGE_ROWS, MOST_ROWS), _whole(row, "page_num", 1, 10**6)
    on = day(row["query_date"]) if "query_date" in row else shanghai_day(call.now)
    changed_since = row.get("updt_time")
    wanted = (row.get("hilist_code"), row.get("hilist_name"), on, day(changed_since) if changed_since else None)
    found = await store.catalogue_page(call.connection, *wanted, size + 1, (number - 1) * size)
    count = await store.catalogue_count(call.connection, *wanted)
    page = {
        "page_num": number,
        "page_size": size,
        "recordcounts": count,
        "lastpage": "1" if len(found) <= size else "0",
    }
    return {
        "data": [call.shown("data", _entry(call, version)) for version in found[:size]],
        "page": call.shown("page", {**page}),
    }


def _whole(row: Row, name: str, default: int, most: int) -> int:
    """A whole number of a row from 1 to ``most``."""
    number = int(row.get(name, default))
    if not 1 <= number <= most:
        raise refused("number_out_of_range", f"/data/0/{name}", range=f"1 … {most}")
    return number


def _entry(call: Call, version: CatalogueVersion) -> dict[str, object]:
    return catalogue_values(call.dictionary, version, call.hospital.level) | {
        "hilist_code": version.item_code,
        "hilist_name": version.name,
        "insu_admdvs": call.hospital.area_code,
        "begndate": version.valid_from,
        "enddate": last_of(version.valid_until),
        "vali_flag": VALID,
    }
