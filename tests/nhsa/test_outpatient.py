"""Outpatients by the national interface, filings and referral, persons, queries."""

import secrets
from typing import Any

import httpx
import pytest

from app.nhsa.client import filled
from tests.nhsa.national import Hospital
from tests.nhsa.test_message import msgid
from tests.nhsa.test_stay import visit_id
from tests.world import World


@pytest.fixture
async def hospital(client: httpx.AsyncClient) -> Hospital:
    """The township hospital of a world of its own."""
    return Hospital(await World(client).build())


@pytest.fixture
async def province(client: httpx.AsyncClient) -> Hospital:
    """The provincial hospital of a world of its own."""
    world = await World(client).build()
    return Hospital(world, world.province)


async def read(hospital: Hospital, output: dict[str, Any]) -> dict[str, Any]:
    """A settlement as /v1 reads it."""
    answer = await hospital.world.client.get(f"/v1/settlements/{output['setlinfo']['setl_id']}")
    content: dict[str, Any] = answer.json()
    return content


def full(row: dict[str, Any], output: dict[str, Any]) -> dict[str, Any]:
    """A settling row with the scope amounts of a quote."""
    names = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
    return {"data": row["data"] | {name: output["setlinfo"][name] for name in names}}


# ---------------------------------------------------------------- outpatients


async def test_an_outpatient_is_settled_batch_by_batch(hospital: Hospital) -> None:
    """Each batch of a visit is a settlement of its own; a batch that is settled isn't settled again."""
    number = visit_id()
    mdtrt_id = await hospital.registered(number)
    rows = [hospital.outpatient_line(mdtrt_id, "1", "40.00")]
    rows.append(hospital.outpatient_line(mdtrt_id, "2", "60.00", chrg_bchno="B2"))
    result = (await hospital.done("2204", {"feedetail": rows}))["result"]
    assert [row["inscp_scp_amt"] for row in result] == [40, 60]
    quoted = await hospital.done("2206", hospital.settling("2206", mdtrt_id, "40.00"))
    wanted = full(hospital.settling("2207", mdtrt_id, "40.00"), quoted)
    settled = await hospital.done("2207", wanted)
    same = ("hifp_pay", "psn_part_amt", "fund_pay_sumamt", "medfee_sumamt")
    assert [settled["setlinfo"][name] for name in same] == [quoted["setlinfo"][name] for name in same]
    assert settled["setlinfo"]["clr_type"] == "11"
    words = await hospital.refused("2207", wanted, "nhsa_visit_settled")
    assert settled["setlinfo"]["setl_id"] in words
    second = await hospital.done("2206", hospital.settling("2206", mdtrt_id, "60.00", chrg_bchno="B2"))
    other = full(hospital.settling("2207", mdtrt_id, "60.00", chrg_bchno="B2"), second)
    assert (await read(hospital, await hospital.done("2207", other)))["settle_seq"] == 2


async def test_scope_amounts_may_be_left_out_of_2207(hospital: Hospital) -> None:
    """An outpatient is settled without scope amounts, and refused when one of them is another than ours."""
    mdtrt_id = await hospital.registered(visit_id())
    await hospital.done("2204", {"feedetail": [hospital.outpatient_line(mdtrt_id, "1")]})
    wrong = hospital.settling("2207", mdtrt_id, "25.00", inscp_scp_amt="24.00")
    await hospital.refused("2207", wrong, "nhsa_scope_differs")
    await hospital.done("2207", hospital.settling("2207", mdtrt_id, "25.00"))


async def test_an_outpatients_settlement_is_cancelled_and_undone(hospital: Hospital) -> None:
    """2208 answers negative amounts, with its odd spelling kept; 2601 undoes a 2207."""
    mdtrt_id, number = await hospital.registered(visit_id()), msgid()
    await hospital.done("2204", {"feedetail": [hospital.outpatient_line(mdtrt_id, "1")]})
    quoted = await hospital.done("2206", hospital.settling("2206", mdtrt_id, "25.00"))
    wanted = full(hospital.settling("2207", mdtrt_id, "25.00"), quoted)
    info = (await hospital.done("2207", wanted))["setlinfo"]
    cancelled = (await hospital.done("2208", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"])))["setlinfo"]
    assert cancelled["pdn_cash_pay"] == -info["psn_cash_pay"]
    await hospital.done("2207", wanted, number)
    undoing = {"data": {"psn_no": hospital.world.person, "omsgid": number, "oinfno": "2207"}}
    assert (await hospital.done("2601", undoing))["result"]["setl_id"]
    await hospital.done("2207", wanted)


async def test_a_batch_is_withdrawn_before_it_is_settled(hospital: Hospital) -> None:
    """2205 takes a batch, or all with 0000; what is settled stays; then the registration can be withdrawn."""
    number = visit_id()
    mdtrt_id = await hospital.registered(number)
    await hospital.done("2204", {"feedetail": [hospital.outpatient_line(mdtrt_id, "1")]})
    await hospital.refused("2202", hospital.of_visit(mdtrt_id, ipt_otp_no=number), "nhsa_visit_has_lines")
    await hospital.refused("2205", hospital.of_visit(mdtrt_id, chrg_bchno="B9"), "nhsa_line_unknown")
    await hospital.done("2205", hospital.of_visit(mdtrt_id, chrg_bchno="B1"))
    await hospital.done("2204", {"feedetail": [hospital.outpatient_line(mdtrt_id, "1")]})
    quoted = await hospital.done("2206", hospital.settling("2206", mdtrt_id, "25.00"))
    await hospital.done("2207", full(hospital.settling("2207", mdtrt_id, "25.00"), quoted))
    await hospital.refused("2205", hospital.of_visit(mdtrt_id, chrg_bchno="B1"), "nhsa_line_settled")
    await hospital.done("2205", hospital.of_visit(mdtrt_id, chrg_bchno="0000"))
    await hospital.refused("2202", hospital.of_visit(mdtrt_id, ipt_otp_no=number), "nhsa_visit_settled")


async def test_a_registration_is_withdrawn(hospital: Hospital) -> None:
    """2202 takes back a visit under its own number only."""
    number = visit_id()
    mdtrt_id = await hospital.registered(number)
    await hospital.refused("2202", hospital.of_visit(mdtrt_id, ipt_otp_no="other"), "nhsa_visit_unknown")
    await hospital.done("2202", hospital.of_visit(mdtrt_id, ipt_otp_no=number))
    await hospital.refused("2206", hospital.settling("2206", mdtrt_id, "25.00"), "nhsa_visit_unknown")


async def test_another_doors_settlement_keeps_an_outpatient_from_being_settled_twice(hospital: Hospital) -> None:
    """A visit that /v1 settled isn't settled again by batches."""
    world, number = hospital.world, visit_id()
    mdtrt_id = await hospital.registered(number)
    await hospital.done("2204", {"feedetail": [hospital.outpatient_line(mdtrt_id, "1")]})
    day = "2018-05-02"
    bill = world.bill(visit_id=number, medical_type="11", admitted_on=day, discharged_on=day, referral="not_required")
    settled = await world.settled(bill)
    words = await hospital.refused("2206", hospital.settling("2206", mdtrt_id, "25.00"), "nhsa_visit_settled")
    assert settled["settlement_id"] in words


@pytest.mark.parametrize("med_type", ["13", "1301", "9901"])
async def test_emergency_and_two_diseases_are_outpatients(province: Hospital, med_type: str) -> None:
    """13, 1301 and 9901 are settled as ordinary outpatients; the first two count as emergencies."""
    mdtrt_id = await province.registered(visit_id(), med_type=med_type)
    await province.done("2204", {"feedetail": [province.outpatient_line(mdtrt_id, "1")]})
    quoted = await province.done("2206", province.settling("2206", mdtrt_id, "25.00", med_type=med_type))
    row = full(province.settling("2207", mdtrt_id, "25.00", med_type=med_type), quoted)
    stored = await read(province, await province.done("2207", row))
    assert stored["medical_type"] == "11"


async def test_a_chronic_disease_is_settled_by_its_code(hospital: Hospital) -> None:
    """14 with the disease of 2203 is what /v1 settles as 14; a disease that isn't listed is refused when it comes to
    money."""
    world = hospital.world
    other = await World(world.client).build()
    day = "2018-05-02"
    bill = other.bill("100.00", medical_type="14", disease_code="M03900", admitted_on=day, discharged_on=day)
    expected = await other.settled(bill | {"referral": "not_required"})
    mdtrt_id = await hospital.registered(visit_id(), med_type="14", dise_codg="M03900", dise_name="糖尿病")
    await hospital.done("2204", {"feedetail": [hospital.outpatient_line(mdtrt_id, "1", "100.00")]})
    quoted = await hospital.done("2206", hospital.settling("2206", mdtrt_id, "100.00", med_type="14"))
    row = full(hospital.settling("2207", mdtrt_id, "100.00", med_type="14"), quoted)
    output = await hospital.done("2207", row)
    stored = await read(hospital, output)
    assert {name: stored[name] for name in ("portions", "trace")} == {
        name: expected[name] for name in ("portions", "trace")
    }
    assert output["setlinfo"]["clr_type"] == "14"
    mdtrt_id = await hospital.registered(visit_id(), med_type="14", dise_codg="M99999")
    await hospital.done("2204", {"feedetail": [hospital.outpatient_line(mdtrt_id, "1")]})
    await hospital.refused("2206", hospital.settling("2206", mdtrt_id, "25.00", med_type="14"), "disease_not_listed")
    await hospital.refused(
        "2206", hospital.settling("2206", mdtrt_id, "25.00", med_type="21"), "nhsa_med_type_unsupported"
    )


# ---------------------------------------------------------------- filings


def transfer(hospital: Hospital, **changes: Any) -> dict[str, Any]:
    """The input of 2501: to the hospital itself, from the first of May."""
    values = {"psn_no": hospital.world.person, "reflin_medins_no": hospital.sender.hospital_code}
    values |= {"refl_date": "2018-05-01", "mdtrtarea_admdvs": "530127"}
    return {"refmedin": filled("2501", "refmedin", **values) | changes}


async def referral_of(hospital: Hospital, **admission: Any) -> str:
    """What the referral of a stay from the second to the twelfth of May is, as its bill was stored."""
    mdtrt_id = await hospital.admitted(visit_id(), **admission)
    await hospital.charged(mdtrt_id, hospital.line(mdtrt_id, "1", "8000.00"))
    await hospital.discharged(mdtrt_id)
    output = await hospital.settled(mdtrt_id, "8000.00")
    trace = (await read(hospital, output))["trace"]
    return "cut" if any("未按规定转诊" in step["formula"] for step in trace) else "full"


async def test_a_transfer_filing_makes_the_referral_compliant(province: Hospital) -> None:
    """Without a filing the rate at a provincial hospital is cut; with one on the admission day it isn't; withdrawn it
    is again."""
    assert await referral_of(province) == "cut"
    filing = (await province.done("2501", transfer(province)))["result"]["trt_dcla_detl_sn"]
    assert await referral_of(province) == "full"
    withdrawal = {"data": {"psn_no": province.world.person, "trt_dcla_detl_sn": filing, "memo": ""}}
    await province.done("2502", withdrawal)
    await province.refused("2502", withdrawal, "nhsa_filing_unknown")
    assert await referral_of(province) == "cut"


async def test_a_filing_counts_for_its_days_and_hospital(province: Hospital) -> None:
    """A filing that ended before, that begins later, or that is to another hospital doesn't help."""
    await province.done("2501", transfer(province, enddate="2018-05-01"))
    await province.done("2501", transfer(province, begndate="2018-05-03"))
    await province.done("2501", transfer(province, reflin_medins_no=province.world.county))
    assert await referral_of(province) == "cut"
    await province.done("2501", transfer(province, begndate="2018-05-02", enddate="2018-05-02"))
    assert await referral_of(province) == "full"
    await province.refused("2501", transfer(province, begndate="2018-05-03", enddate="2018-05-01"), "interval_empty")
    await province.refused("2501", transfer(province, psn_no="P0"), "unknown_person")


async def test_an_emergency_needs_no_filing(province: Hospital) -> None:
    """``med_type`` 24 is an emergency, and a township hospital needs no filing at all."""
    assert await referral_of(province, med_type="24") == "full"
    assert await referral_of(Hospital(province.world)) == "full"


async def test_a_transfer_from_a_settled_stay_is_one_episode(province: Hospital) -> None:
    """A filing that names the visit before makes both stays one episode, with one deductible."""
    world = province.world
    await world.put(
        f"/v1/persons/{world.person}",
        {
            "name": "李某",
            "id_number": world.id_number,
            "area_code": "530127",
            "insurance_type": "390",
            "identities": [],
        },
    )
    county = Hospital(world, world.county)
    first = await county.stay(visit_id(), "8000.00")
    paid = (await county.settled(first, "8000.00"))["setlinfo"]["act_pay_dedc"]
    assert paid > 0
    wanted = transfer(county, reflin_medins_no=world.province, refl_old_mdtrt_id=first)
    await county.done("2501", wanted)
    mdtrt_id = await province.stay(visit_id(), "8000.00")
    second = (await province.settled(mdtrt_id, "8000.00"))["setlinfo"]["act_pay_dedc"]
    alone = Hospital(await World(world.client).build([]), None)
    alone.sender.hospital_code = alone.world.province
    await alone.done("2501", transfer(alone))
    other = (await alone.settled(await alone.stay(visit_id(), "8000.00"), "8000.00"))["setlinfo"]["act_pay_dedc"]
    assert paid + second == other


async def test_a_chronic_disease_is_filed_where_settling_looks(hospital: Hospital) -> None:
    """2503 is a registration of the registry, seen by 5301 of every hospital; 2504 takes it out again."""
    world = hospital.world
    values = {"psn_no": world.person, "opsp_dise_code": "M01600", "opsp_dise_name": "高血压", "begndate": "2018-01-01"}
    wanted = {"data": filled("2503", "data", **values) | {"enddate": "2018-12-31"}}
    filing = (await hospital.done("2503", wanted))["result"]["trt_dcla_detl_sn"]
    await hospital.refused("2503", wanted, "nhsa_registered_before")
    county = Hospital(world, world.county)
    (row,) = (await county.done("5301", {"data": {"psn_no": world.person}}))["feedetail"]
    assert row == {
        "opsp_dise_code": "M01600",
        "opsp_dise_name": "高血压",
        "begndate": "2018-01-01",
        "enddate": "2018-12-31",
    }
    path = f"/v1/persons/{world.person}/chronic-registrations/M01600"
    assert (await world.client.get(path)).json()["until"] == "2019-01-01"
    withdrawal = {"data": {"psn_no": world.person, "trt_dcla_detl_sn": filing}}
    await county.refused("2504", withdrawal, "nhsa_filing_unknown")
    await hospital.refused("2502", withdrawal, "nhsa_filing_unknown")
    await hospital.done("2504", withdrawal)
    assert (await hospital.done("5301", {"data": {"psn_no": world.person}}))["feedetail"] == []


# ---------------------------------------------------------------- persons


async def identified(hospital: Hospital, **changes: Any) -> dict[str, Any]:
    """The output of 1101."""
    row = filled("1101", "data", certno=hospital.world.id_number, psn_name="李某", mdtrt_cert_type="01") | changes
    output: dict[str, Any] = await hospital.done("1101", {"data": row})
    return output


async def test_a_person_is_identified_with_insurance_and_identities(hospital: Hospital) -> None:
    """1101 gives the fund's number, the insurance and the dated identity classes with their Chinese names."""
    output = await identified(hospital)
    person = hospital.world
    assert output["baseinfo"]["psn_no"] == person.person
    assert output["baseinfo"]["certno"] == person.id_number
    assert output["baseinfo"]["psn_name"] == "李某"
    assert output["baseinfo"]["gend"] == ("1" if int(person.id_number[16]) % 2 else "2")
    assert output["baseinfo"]["brdy"].replace("-", "") == person.id_number[6:14]
    (insurance,) = output["insuinfo"]
    assert (insurance["insutype"], insurance["psn_insu_stas"], insurance["insuplc_admdvs"]) == ("390", "1", "530127")
    (identity,) = output["idetinfo"]
    assert identity["psn_idet_type"] == "2302"
    assert "建档立卡" in identity["memo"]
    assert (identity["begntime"], identity["endtime"]) == ("2016-01-01", "")


async def test_every_class_has_its_national_code(hospital: Hospital) -> None:
    """The seven classes of identity are told by the codes of the dictionary."""
    codes = {
        "destitute": "2304",
        "low_income": "2303",
        "returned_poverty": "226104",
        "registered_poor": "2302",
        "monitored": "226101",
        "low_income_edge": "236074",
        "illness_poverty": "2306",
    }
    world = hospital.world
    body = {"name": "李某", "id_number": world.id_number, "area_code": "530127", "insurance_type": "390"}
    held = [{"class": name, "from": "2016-01-01", "until": "2040-01-01"} for name in codes]
    await world.put(f"/v1/persons/{world.person}", body | {"identities": held})
    output = await identified(hospital)
    assert {row["psn_idet_type"] for row in output["idetinfo"]} == set(codes.values())
    assert all(row["memo"] and row["endtime"] == "2039-12-31 00:00:00"[:10] for row in output["idetinfo"])


async def test_a_person_is_known_by_number_and_name_together(hospital: Hospital) -> None:
    """A wrong name or a wrong number is nobody; blanks in the name and a small x don't matter."""
    row = filled("1101", "data", certno=hospital.world.id_number, psn_name="王某")
    await hospital.refused("1101", {"data": row}, "unknown_person")
    await hospital.refused(
        "1101", {"data": row | {"certno": "530102190001010000", "psn_name": "李某"}}, "unknown_person"
    )
    await identified(hospital, psn_name="李 某", certno=hospital.world.id_number.lower())


async def entitled(hospital: Hospital, **changes: Any) -> list[str]:
    """The entitlement flags of the four funds by 2001."""
    values = {"psn_no": hospital.world.person, "insutype": "390", "med_type": "21", "begntime": "2018-05-02"}
    row = filled("2001", "data", **values, fixmedins_code=hospital.sender.hospital_code) | changes
    rows = (await hospital.done("2001", {"data": row}))["trtinfo"]
    assert [item["fund_pay_type"] for item in rows] == ["390100", "390200", "610100", "640100"]
    assert all(item["trt_chk_rslt"] and item["trt_chk_type"] == "01" for item in rows)
    return [item["trt_enjymnt_flag"] for item in rows]


async def test_entitlement_is_told_per_fund(hospital: Hospital) -> None:
    """2001: the poor by all four funds, outpatients by basic insurance only, who isn't insured by none."""
    assert await entitled(hospital) == ["1", "1", "1", "1"]
    assert await entitled(hospital, med_type="11") == ["1", "0", "0", "0"]
    world = hospital.world
    body = {"name": "李某", "id_number": world.id_number, "area_code": "530127", "insurance_type": "390"}
    await world.put(f"/v1/persons/{world.person}", body | {"identities": []})
    assert await entitled(hospital) == ["1", "1", "0", "0"]
    await world.put(f"/v1/persons/{world.person}", body | {"identities": [], "insured_from": "2019-01-01"})
    assert await entitled(hospital) == ["0", "0", "0", "0"]
    assert (await identified(hospital, begntime="2018-05-02"))["insuinfo"][0]["psn_insu_stas"] == "0"
    await hospital.refused("2001", {"data": filled("2001", "data", psn_no="P0", insutype="390")}, "unknown_person")


async def test_the_year_so_far_is_told_by_accumulator(hospital: Hospital) -> None:
    """5206 gives a row per accumulator of the year; the months of a year are the year."""
    await hospital.settled(await hospital.stay(visit_id()), "12000.00")
    rows = (await hospital.done("5206", {"data": {"psn_no": hospital.world.person, "cum_ym": "201805"}}))["cuminfo"]
    year = await hospital.world.year()
    by_code = {row["cum_type_code"]: row["cum"] for row in rows}
    assert by_code["C0000"] == year["inpatient_count"] == 1
    assert by_code["F0000"] == float(year["own_total"])
    assert all((row["year"], row["cum_ym"]) == ("2018", "201805") for row in rows)
    await hospital.refused("5206", {"data": {"psn_no": hospital.world.person, "cum_ym": "18.05."}}, "nhsa_date_format")
    rows = (await hospital.done("5206", {"data": {"psn_no": hospital.world.person}}))["cuminfo"]
    assert {row["cum"] for row in rows} == {0}


# ---------------------------------------------------------------- queries and sessions


async def test_visits_and_diagnoses_are_found_again(hospital: Hospital) -> None:
    """5201 gives the visits of a time and type with what was sent of them, 5202 their diagnoses."""
    number = visit_id()
    mdtrt_id = await hospital.admitted(number, adm_bed="12", coner_name="张某", geso_val="38")
    await hospital.discharged(mdtrt_id, dscg_bed="14")
    asked = {"psn_no": hospital.world.person, "begntime": "2018-05-01", "endtime": "2018-05-02", "med_type": "21"}
    (row,) = (await hospital.done("5201", {"data": asked}))["mdtrtinfo"]
    assert (row["mdtrt_id"], row["ipt_otp_no"], row["adm_bed"], row["dscg_bed"]) == (mdtrt_id, number, "12", "14")
    assert (row["begntime"], row["ipt_days"], row["geso_val"]) == ("2018-05-02 08:00:00", 10, 38)
    assert (await hospital.done("5201", {"data": asked | {"med_type": "14"}}))["mdtrtinfo"] == []
    assert (await hospital.done("5201", {"data": asked | {"endtime": "2018-05-01"}}))["mdtrtinfo"] == []
    assert (await hospital.done("5201", {"data": asked | {"mdtrt_id": "mdt_0"}}))["mdtrtinfo"] == []
    county = Hospital(hospital.world, hospital.world.county)
    assert (await county.done("5201", {"data": asked}))["mdtrtinfo"] == []
    (diagnosis,) = (await hospital.done("5202", hospital.of_visit(mdtrt_id)))["diseinfo"]
    assert (diagnosis["diag_code"], diagnosis["diag_name"], diagnosis["maindiag_flag"]) == ("I63.900", "脑梗死", "1")
    stored = await hospital.world.client.get("/livez")
    assert stored.status_code == 200


async def test_a_settlements_lines_are_found_again(hospital: Hospital) -> None:
    """5204 is a list of the lines as they were settled, each with its scope; of a reversal there are none."""
    mdtrt_id = await hospital.admitted(visit_id())
    rows = [hospital.line(mdtrt_id, "a"), hospital.line(mdtrt_id, "b", "100.00", kind="B", memo="x", drord_no="D1")]
    await hospital.charged(mdtrt_id, *rows)
    await hospital.discharged(mdtrt_id)
    info = (await hospital.settled(mdtrt_id, "125.00"))["setlinfo"]
    lines = await hospital.done("5204", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"]))
    assert [line["feedetl_sn"] for line in lines] == ["a", "b"]
    second = lines[1]
    assert (second["overlmt_amt"], second["preselfpay_amt"], second["inscp_scp_amt"]) == (50, 5, 45)
    assert (second["hilist_name"], second["chrgitm_lv"], second["memo"], second["rx_drord_no"]) == (
        "项目B",
        "02",
        "x",
        "D1",
    )
    assert second["fee_ocur_time"] == "2018-05-02 09:30:00"
    cancelled = (await hospital.done("2305", hospital.of_visit(mdtrt_id, setl_id=info["setl_id"])))["setlinfo"]
    assert await hospital.done("5204", hospital.of_visit(mdtrt_id, setl_id=cancelled["setl_id"])) == []
    found = (await hospital.done("5203", hospital.of_visit(mdtrt_id, setl_id=cancelled["setl_id"])))["setlinfo"]
    assert (found["refd_setl_flag"], found["medfee_sumamt"]) == ("1", -125)
    await hospital.refused("5203", hospital.of_visit(mdtrt_id, setl_id="set_0"), "nhsa_settlement_unknown")


async def test_an_operator_signs_in_and_out(hospital: Hospital) -> None:
    """9001 gives a number by which the same operator signs out with 9002, as often as they like; nobody else does."""
    row = {"opter_no": "op01", "mac": "00:00", "ip": "127.0.0.1"}
    opened = (await hospital.done("9001", {"signIn": row}))["signinoutb"]
    out = {"signOut": {"sign_no": opened["sign_no"], "opter_no": "op01"}}
    first = (await hospital.done("9002", out))["sign_time"]
    assert (await hospital.done("9002", out))["sign_time"] == first
    for wrong in ({"opter_no": "op02"}, {"sign_no": "sig_0"}, {"sign_no": secrets.token_hex(4)}):
        await hospital.refused("9002", {"signOut": out["signOut"] | wrong}, "nhsa_session_unknown")
