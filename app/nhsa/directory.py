"""Look-ups that aren't about a person: institutions, code lists and the catalogue (1201, 1901, 1312)."""

from typing import Final

from app.basics.areas import pooling_area
from app.basics.days import shanghai_day
from app.nhsa import store
from app.nhsa.call import Call, Output, day, last_of, refused
from app.nhsa.fees import catalogue_values
from app.nhsa.fields import Row
from app.nhsa.query import NATIONAL_LEVELS
from app.nhsa.rows import CatalogueVersion
from app.nhsa.store import WantedVersions

MOST_ROWS: Final = 1000
MOST_PAGES: Final = 10_000
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
    codes = {} if known is None or row["Vali_Flag"] != VALID else known.codes
    rows = [
        {"type": row["type"], "label": label, "value": value, "sort": number, "valiFlag": VALID}
        for number, (value, label) in enumerate(codes.items(), 1)
    ]
    return {"list": [call.shown("list", {**values}) for values in rows]}


async def catalogue(call: Call) -> Output:
    """A page of the catalogue (1312): the versions recorded since ``updt_time``, of a code or with a text in their
    names, that hold on a day. The page behind the last one is empty."""
    row = call.one()
    size, number = _whole(row, "page_size", MOST_ROWS), _whole(row, "page_num", MOST_PAGES)
    on = day(row["query_date"]) if "query_date" in row else shanghai_day(call.now)
    since, area = day(row["updt_time"]), call.hospital.area_code
    wanted = WantedVersions(row.get("hilist_code"), row.get("hilist_name"), on, since, area)
    found = await store.catalogue_page(call.connection, wanted, size, (number - 1) * size)
    return [call.shown("", _entry(call, version)) for version in found]


def _whole(row: Row, name: str, most: int) -> int:
    """A whole number of a row from 1 to ``most``."""
    number = int(row[name])
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
        "poolarea_no": pooling_area(call.hospital.area_code),
    }
