"""Code lists differ by province: an area's record names its own, which says only what is different."""

import json
import secrets
from pathlib import Path

import httpx
import msgspec
import pytest

from app.basics.funds import NATIONAL_FUNDS
from app.nhsa.dictionary import BASELINE_TEXT, DICTIONARIES, dictionaries, dictionary_of, merged
from app.tiers.model import CLASSES, FUNDS
from tests.conftest import ADMIN_TOKEN, start_service
from tests.nhsa.national import Hospital
from tests.nhsa.test_stay import visit_id
from tests.world import World

DIFFERENT = {
    "medical_types": {"2199": "21", "22": None},
    "dictionaries": {"med_type": {"codes": {"2199": "本省特有住院", "71": None}}},
}


async def placed(client: httpx.AsyncClient, dictionary: str) -> Hospital:
    """A hospital of an area of its own, whose record names a dictionary."""
    world = await World(client).build()
    area = f"62{secrets.randbelow(10_000):04d}"
    await world.put(f"/v1/areas/{area}", {"name": "演示县", "dictionary": dictionary})
    body = {"name": "县医院", "level": 2, "rank": "county", "area_code": area}
    await world.put(f"/v1/hospitals/{world.county}", body)
    return Hospital(world, world.county)


async def test_an_areas_dictionary_decides_its_codes(database_url: str, tmp_path: Path) -> None:
    """A code of the area's own is settled as it says, one that the area took away is refused; elsewhere it is the
    other way."""
    folder = tmp_path / "dictionaries"
    folder.mkdir()
    (folder / "gansu.json").write_text(json.dumps(DIFFERENT), encoding="utf-8")
    process, url = start_service(database_url, tmp_path, ONESTOP_NHSA_DICTIONARY_DIR=str(folder))
    try:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with httpx.AsyncClient(verify=False, base_url=url, headers=headers, timeout=60) as client:
            hospital = await placed(client, "gansu")
            mdtrt_id = await hospital.admitted(visit_id(), med_type="2199")
            await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", med_type=""))
            quoted = await hospital.done("2303", hospital.settling("2303", mdtrt_id, "25.00"))
            assert (quoted["setlinfo"]["med_type"], quoted["setlinfo"]["clr_type"]) == ("2199", "21")
            await hospital.refused("2401", hospital.admission(visit_id(), med_type="71"), "not_in_list")
            plain = Hospital(hospital.world)
            await plain.refused("2401", plain.admission(visit_id(), med_type="2199"), "not_in_list")
            await plain.admitted(visit_id(), med_type="71")
    finally:
        process.terminate()
        assert process.wait(30) == 0


async def test_a_dictionary_that_isnt_loaded_is_told(client: httpx.AsyncClient) -> None:
    """An area's record may name what nobody loaded; nothing is decided by another dictionary then."""
    hospital = await placed(client, "nowhere")
    await hospital.refused("2401", hospital.admission(visit_id()), "nhsa_dictionary_unknown")


def test_a_file_that_is_no_dictionary_keeps_the_service_from_starting(tmp_path: Path) -> None:
    """Broken JSON, or a medical type that doesn't exist, names the file."""
    for text in ("{", '{"medical_types": {"11": "99"}}', '{"enforced": 1}'):
        (tmp_path / "x.json").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"x\.json"):
            dictionaries(tmp_path)
    assert dictionaries(None) == DICTIONARIES


def test_differences_are_laid_over_member_by_member() -> None:
    """What isn't named stays, null takes away, the rest replaces."""
    text = merged(BASELINE_TEXT, DIFFERENT)
    assert text["medical_types"]["2199"] == "21"
    assert "22" not in text["medical_types"]
    assert text["dictionaries"]["gend"] == BASELINE_TEXT["dictionaries"]["gend"]
    with pytest.raises(msgspec.ValidationError):
        dictionary_of(merged(BASELINE_TEXT, {"psn_types": None}))


def test_the_shipped_dictionary_knows_all_that_is_ours() -> None:
    """Every benefit class but the ordinary one, and every fund, has a national code with a Chinese name."""
    baseline = DICTIONARIES["baseline"]
    for name in CLASSES:
        code, words = baseline.identity(name)
        assert bool(code) == bool(words) == (name != "ordinary")
    assert all(baseline.named("fund_pay_type", fund) for fund in FUNDS.values())
    assert baseline.named("fund_pay_type", "640100") == "政府兜底保障资金"
    assert {code: fund.national for code, fund in NATIONAL_FUNDS.items()} == baseline.dictionaries[
        "fund_pay_type"
    ].codes
    assert NATIONAL_FUNDS.keys() >= {*FUNDS.values()}
    assert {baseline.clr_type(kind) for kind in ("11", "14", "21", "52")} == {"11", "14", "21", "99949"}
