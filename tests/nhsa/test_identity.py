"""Whom a hospital may treat and see at the national interface: persons whom it identified by certificate."""

import asyncpg
import httpx
import pytest

from app.basics.text import folded_name
from app.nhsa.client import filled
from tests.nhsa.national import Hospital
from tests.nhsa.test_stay import visit_id
from tests.world import World


@pytest.fixture
async def hospital(client: httpx.AsyncClient) -> Hospital:
    """The township hospital of a world of its own."""
    return Hospital(await World(client).build())


async def identified(hospital: Hospital) -> None:
    """Identify the person by 1101."""
    row = filled("1101", "data", certno=hospital.world.id_number, psn_name="李某", mdtrt_cert_type="01")
    await hospital.done("1101", {"data": row})


async def test_a_persons_number_alone_opens_no_visit(hospital: Hospital) -> None:
    """2401 and 2201 without certificate are refused until the hospital has identified the person by 1101."""
    lean = hospital.admission(visit_id(), certno="")
    await hospital.refused("2401", lean, "nhsa_not_identified")
    values = {"psn_no": hospital.world.person, "ipt_otp_no": visit_id(), "begntime": "2018-05-02 08:00:00"}
    outpatient = {"data": filled("2201", "data", **values)}
    await hospital.refused("2201", outpatient, "nhsa_not_identified")
    await identified(hospital)
    await hospital.done("2401", lean)
    await hospital.done("2201", outpatient)


async def test_another_hospitals_identification_does_not_count(hospital: Hospital) -> None:
    """Who identified the person is the hospital that sends, no other one."""
    await identified(hospital)
    other = Hospital(hospital.world, hospital.world.county)
    await other.refused("2401", other.admission(visit_id(), certno=""), "nhsa_not_identified")


async def test_a_certificate_is_compared_before_a_visit_is_opened(hospital: Hospital) -> None:
    """Another id number in 2401, or another name in 2201, is refused; nothing is identified by it."""
    wrong = hospital.admission(visit_id(), certno="530102190001010000")
    assert "certno" in await hospital.refused("2401", wrong, "nhsa_person_differs")
    values = {"psn_no": hospital.world.person, "ipt_otp_no": visit_id(), "begntime": "2018-05-02 08:00:00"}
    row = filled("2201", "data", **values, certno=hospital.world.id_number, psn_name="王某")
    assert "psn_name" in await hospital.refused("2201", {"data": row}, "nhsa_person_differs")
    await hospital.refused("2401", hospital.admission(visit_id(), certno=""), "nhsa_not_identified")


async def test_a_stay_is_settled_without_repeating_the_identity(hospital: Hospital) -> None:
    """After 1101 every message may leave certificate, name and insurance out; another name that is sent is refused."""
    await identified(hospital)
    mdtrt_id = await hospital.admitted(visit_id(), certno="", mdtrt_cert_type="", insutype="")
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "25.00"))
    await hospital.discharged(mdtrt_id, insutype="")
    lean = dict.fromkeys(("certno", "psn_name", "mdtrt_cert_type", "psn_cert_type", "psn_type", "insutype"), "")
    for infno in ("2303", "2304"):
        wrong = hospital.settling(infno, mdtrt_id, "25.00", **lean | {"psn_name": "王某"})
        await hospital.refused(infno, wrong, "nhsa_person_differs")
        output = await hospital.done(infno, hospital.settling(infno, mdtrt_id, "25.00", **lean))
        assert output["setlinfo"]["psn_name"] == "李某"


async def test_a_certificate_of_another_type_than_1101_answered_is_refused(hospital: Hospital) -> None:
    """1101 answers certificate type 01; a passport or a soldier's card in a later message is refused, 1 and 01 are
    not."""
    row = filled("1101", "data", certno=hospital.world.id_number, mdtrt_cert_type="01")
    assert (await hospital.done("1101", {"data": row}))["baseinfo"]["psn_cert_type"] == "01"
    said = await hospital.refused("1101", {"data": row | {"psn_cert_type": "16"}}, "nhsa_person_differs")
    assert "psn_cert_type（人员证件类型）" in said
    said = await hospital.refused("2401", hospital.admission(visit_id(), cert_type="16"), "nhsa_person_differs")
    assert "字段 cert_type" in said
    mdtrt_id = await hospital.admitted(visit_id(), cert_type="01")
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "25.00"))
    await hospital.discharged(mdtrt_id)
    for infno in ("2303", "2304"):
        wrong = hospital.settling(infno, mdtrt_id, "25.00", psn_cert_type="02")
        assert "psn_cert_type" in await hospital.refused(infno, wrong, "nhsa_person_differs")
        await hospital.done(infno, hospital.settling(infno, mdtrt_id, "25.00", psn_cert_type=1))


async def test_a_category_of_another_insurance_is_refused(hospital: Hospital) -> None:
    """A resident whom a later message calls employed or retired is refused; any category of residents is let through,
    and so is one that no list has."""
    mdtrt_id = await hospital.stay(visit_id(), "25.00")
    for psn_type in ("11", "1204", "136019"):
        wrong = hospital.settling("2303", mdtrt_id, "25.00", psn_type=psn_type)
        assert "psn_type（人员类别）" in await hospital.refused("2303", wrong, "nhsa_person_differs")
    for psn_type in ("1701", "15", "1403", "99", "7"):
        await hospital.done("2303", hospital.settling("2303", mdtrt_id, "25.00", psn_type=psn_type))
    values = {"psn_no": hospital.world.person, "ipt_otp_no": visit_id(), "begntime": "2018-05-02 08:00:00"}
    row = filled("2201", "data", **values, certno=hospital.world.id_number)
    await hospital.refused("2201", {"data": row | {"psn_type": "12"}}, "nhsa_person_differs")
    await hospital.done("2201", {"data": row | {"psn_type": "16"}})


@pytest.mark.parametrize("empty", ["", None, "null", 0, "0", "00"])
async def test_an_empty_code_of_identity_says_nothing(hospital: Hospital, empty: object) -> None:
    """Absent, empty, null and 0 in the codes of a person's identity are never compared."""
    await hospital.admitted(visit_id(), cert_type=empty)
    mdtrt_id = await hospital.stay(visit_id(), "25.00")
    codes = dict.fromkeys(("psn_cert_type", "psn_type", "mdtrt_cert_type"), empty)
    for infno in ("2303", "2304"):
        await hospital.done(infno, hospital.settling(infno, mdtrt_id, "25.00", **codes))


async def test_another_insurance_than_the_persons_is_refused_at_the_visit(hospital: Hospital) -> None:
    """2201, 2401 and filings with another insurance than 1101 answered are refused where they are sent."""
    await hospital.refused("2401", hospital.admission(visit_id(), insutype="310"), "nhsa_person_differs")
    values = {"psn_no": hospital.world.person, "begndate": "2018-05-01", "insutype": "310"}
    row = filled("2503", "data", **values, opsp_dise_code="M03900")
    assert "insutype" in await hospital.refused("2503", {"data": row}, "nhsa_person_differs")
    await hospital.done("2503", {"data": row | {"insutype": "390"}})


async def test_an_identification_is_good_for_a_year(hospital: Hospital, connection: asyncpg.Connection) -> None:
    """5201 and 2305 answer the id number whole for 365 days; afterwards it is empty, and 2401 needs it again."""
    world = hospital.world
    mdtrt_id = await hospital.admitted(visit_id(), mdtrt_cert_no=world.id_number)
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "25.00"))
    await hospital.discharged(mdtrt_id)
    asked = {"psn_no": world.person, "begntime": "2018-01-01", "endtime": "2018-12-31", "med_type": "21"}
    for days, expected in ((364, world.id_number), (2, "")):
        await connection.execute(
            "UPDATE nhsa_identification SET identified_at = identified_at - make_interval(days => $1) WHERE "
            "person_id = $2",
            days,
            world.person,
        )
        (visit,) = (await hospital.done("5201", {"data": asked}))["mdtrtinfo"]
        assert visit["certno"] == expected
        settled = (await hospital.settled(mdtrt_id, "25.00"))["setlinfo"]["setl_id"]
        cancelled = await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=settled))
        assert cancelled["setlinfo"]["mdtrt_cert_no"] == expected
    await hospital.refused("2401", hospital.admission(visit_id(), certno=""), "nhsa_not_identified")


@pytest.mark.parametrize(
    "name", ["买买提·艾力", "买买提•艾力", "买买提．艾力", "买买提 ・ 艾力", "买买提.艾力", "买买提\u200b‧艾力"]
)
def test_names_are_compared_with_one_middle_dot(name: str) -> None:
    """The middle dots, full-width forms, blanks and format characters of a name make no difference."""
    assert folded_name(name) == "买买提·艾力"
