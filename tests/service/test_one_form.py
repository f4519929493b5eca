"""An id is one id at every door: in bodies, paths, filters, files, pages and the national interface."""

import secrets

import httpx
import pytest

from app.basics.ids import VISIT
from app.nhsa.client import filled
from app.service.requests import folded_path
from tests.nhsa.national import Hospital
from tests.registry.test_poverty_list import ended, imported, outcomes, person
from tests.world import World, key


def wide(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


async def test_four_ways_of_writing_a_visit_are_one_stay(client: httpx.AsyncClient) -> None:
    """Full width and padding are the same stay, settled once; a blank of another script or an unseen character is
    refused and named."""
    world = await World(client).build()
    visit = f"ZY{secrets.token_hex(4).upper()}-1"
    settled = await world.settled(world.bill("25.00", visit_id=visit))
    for same in (wide(visit), f" {visit}\t", wide(visit) + " "):
        answer = await world.settle(world.bill("25.00", visit_id=same))
        assert answer.status_code == 409, answer.text
    for unlike, character in ((visit + "\u3000", "U+3000"), (visit + "\u200b", "U+200B"), ("ZY\u20131", "U+2013")):
        answer = await world.settle(world.bill("25.00", visit_id=unlike))
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/visit_id", "character_refused")
        assert character in error["message"]
    found = await client.get("/v1/settlements", params={"visit_id": wide(visit)})
    assert [row["settlement_id"] for row in found.json()["data"]] == [settled["settlement_id"]]
    path = f"/v1/settlements/by-visit/{wide(world.township)}/{wide(visit)}/1"
    assert (await client.get(path)).json()["settlement_id"] == settled["settlement_id"]


async def test_an_answer_repeats_the_ids_as_they_were_sent(client: httpx.AsyncClient) -> None:
    """Quote, settlement and look-up answer visit, hospital and person as their sender writes them; a replay of the call
    in another spelling is the same settlement; who asks by its id sees the plain ids."""
    world = await World(client).build()
    visit, once = f"ZY{secrets.token_hex(4).upper()}-1", key()
    names = ("visit_id", "hospital_code", "person_id")
    settlements = set()
    for spelled in (wide, lambda text: f" {text}\t", str):
        sent = {
            "visit_id": spelled(visit),
            "hospital_code": spelled(world.township),
            "person_id": spelled(world.person),
        }
        quote = await client.post("/v1/quotes", json=world.bill("25.00", **sent))
        assert {name: quote.json()[name] for name in names} == sent
        answer = await client.post("/v1/settlements", json=world.bill("25.00", **sent), headers=once)
        assert answer.status_code == 201, answer.text
        assert {name: answer.json()[name] for name in names} == sent
        settlements.add(answer.json()["settlement_id"])
    (settlement,) = settlements
    plain = (await client.get(f"/v1/settlements/{settlement}")).json()
    assert [plain[name] for name in names] == [visit, world.township, world.person]
    path = f"/v1/settlements/by-visit/{wide(world.township)}/{visit}/1"
    found = (await client.get(path)).json()
    assert [found[name] for name in names] == [visit, wide(world.township), world.person]
    assert (await client.get(f"/v1/persons/{wide(world.person)}")).json()["person_id"] == wide(world.person)


async def test_the_national_door_repeats_ids_as_they_were_sent(client: httpx.AsyncClient) -> None:
    """Every id of a message comes back as its sender writes it; the same msgid with the ids in another spelling is the
    same message."""
    hospital = Hospital(await World(client).build())
    number, msgid = f"ZY{secrets.token_hex(4).upper()}", f"M{secrets.token_hex(8)}"
    row = filled("2201", "data", psn_no=wide(hospital.world.person), ipt_otp_no=f"{number} ", insutype="390")
    row |= {"certno": hospital.world.id_number, "begntime": "2018-05-02 08:00:00"}
    first = (await hospital.done("2201", {"data": row}, msgid))["data"]
    assert (first["psn_no"], first["ipt_otp_no"]) == (wide(hospital.world.person), f"{number} ")
    again = row | {"psn_no": hospital.world.person, "ipt_otp_no": wide(number)}
    assert (await hospital.done("2201", {"data": again}, msgid))["data"]["mdtrt_id"] == first["mdtrt_id"]
    await hospital.refused("2201", {"data": again | {"ipt_otp_no": number + "B"}}, "nhsa_msgid_reused", msgid)
    mdtrt_id = await hospital.stay(f"{number}C", "25.00")
    sent = hospital.settling("2303", wide(mdtrt_id), "25.00", psn_no=wide(hospital.world.person))
    info = (await hospital.done("2303", sent, f"{msgid} "))["setlinfo"]
    assert (info["psn_no"], info["mdtrt_id"]) == (wide(hospital.world.person), wide(mdtrt_id))
    assert (info["medins_setl_id"], info["medfee_sumamt"]) == (f"{msgid} ", 25.00)


async def test_a_registered_code_is_one_in_the_path_as_well(client: httpx.AsyncClient) -> None:
    """PUT under a full-width path is the same hospital; one with an unseen character is refused by its name."""
    world = await World(client).build()
    body = {"name": "新名医院", "level": 1, "rank": "township", "area_code": "530127"}
    await world.put(f"/v1/hospitals/{wide(world.township)}", body)
    assert (await client.get(f"/v1/hospitals/{world.township}")).json()["name"] == "新名医院"
    answer = await client.put(f"/v1/hospitals/{world.township}\u200b", json=body)
    assert answer.status_code == 422
    assert "U+200B" in answer.json()["errors"][0]["message"]


def test_a_path_keeps_its_segments() -> None:
    """Folding a path never makes two segments of one."""
    assert folded_path("/v1/hospitals/Ｈ１") == "/v1/hospitals/H1"
    assert folded_path("/v1/hospitals/a／b") == "/v1/hospitals/a／b"


async def test_the_national_door_knows_the_same_ids(client: httpx.AsyncClient) -> None:
    """A stay admitted under a full-width number is the stay of the plain one; another blank in it is refused."""
    hospital = Hospital(await World(client).build())
    number = f"ZY{secrets.token_hex(4).upper()}"
    assert (await hospital.admitted(wide(number))).startswith(VISIT)
    await hospital.refused("2401", hospital.admission(number), "nhsa_visit_exists")
    said = await hospital.refused("2401", hospital.admission(number + "\u2007"), "character_refused")
    assert "U+2007" in said
    hospital.world.tag = wide(hospital.world.tag)
    assert (await hospital.admitted(number + "B")).startswith(VISIT)


@pytest.mark.thorough
@pytest.mark.parametrize("dot", "．• ‧・")
async def test_a_name_is_compared_folded_in_lists_too(client: httpx.AsyncClient, dot: str) -> None:
    """A poverty list that writes the name with another middle dot, or a blank, agrees with the registry."""
    name = f"买买提·依明{secrets.token_hex(4)}"
    who = await person(client, name=name if dot != " " else name.replace("·", ""))
    job = await imported(client, [(who["id_number"], name.replace("·", dot), "特困", "2018-01-01")])
    assert outcomes(job) == [(2, "matched", None)]


async def test_a_refused_character_in_a_file_is_its_rows_fault(client: httpx.AsyncClient) -> None:
    """A code with an unseen character makes its row malformed; padding and full width don't."""
    world = await World(client).build()
    text = "院内项目编码,医疗目录编码\n"
    text += f"Ｙ1 ,{wide(world.item('A'))}\nY2\u200b,{world.item('A')}\nY3\u3000,{world.item('A')}\n"
    query = {"kind": "hospital_codes", "hospital_code": wide(world.township)}
    answer = await client.post(
        "/v1/catalogue/imports", params=query, content=text.encode(), headers=key() | {"Content-Type": "text/csv"}
    )
    job = await ended(client, answer)
    assert outcomes(job) == [(2, "added", None), *((n, "malformed", "character_refused") for n in (3, 4))]
    found = await client.get(f"/v1/hospitals/{world.township}/item-codes/Y1")
    assert found.json()["item_code"] == world.item("A")
