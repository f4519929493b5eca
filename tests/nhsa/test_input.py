"""What the national interface takes: liberal in reading, strict where the tables are, never a 5xx."""

import json
import re
import secrets
from datetime import datetime
from typing import Any

import httpx
import pytest

from app.basics.days import SHANGHAI
from app.nhsa.client import filled
from app.nhsa.door import HANDLERS
from app.nhsa.envelope import plain_body, written
from app.nhsa.fields import FROM_ENVELOPE, TRANSACTIONS, fixed, read_instant, shown
from tests.nhsa.national import Hospital
from tests.nhsa.test_message import msgid
from tests.nhsa.test_stay import visit_id
from tests.world import World


@pytest.fixture
async def hospital(client: httpx.AsyncClient) -> Hospital:
    """The township hospital of a world of its own."""
    return Hospital(await World(client).build())


async def posted(hospital: Hospital, body: Any, **options: Any) -> dict[str, Any]:
    """The answer to a body as it is."""
    answer = await hospital.sender.post(body, **options)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


# ---------------------------------------------------------------- required fields, from the tables


def excused(node: str, name: str) -> bool:
    """Whether a required field may stand elsewhere: in the envelope, in the visit."""
    return name in FROM_ENVELOPE or (node, name) == ("feedetail", "med_type")


@pytest.mark.thorough
@pytest.mark.parametrize("infno", sorted(set(TRANSACTIONS) & set(HANDLERS)))
async def test_each_required_field_is_missed_by_name(hospital: Hospital, infno: str) -> None:
    """Every required field of every node, left out in turn, sent empty or as "null": -1 that names node and field."""
    nodes = {node: [filled(infno, node)] for node in TRANSACTIONS[infno].input}
    for node, fields in TRANSACTIONS[infno].input.items():
        for field in fields:
            if not field.required or excused(node, field.name):
                continue
            row = nodes[node][0]
            without = {key: value for key, value in row.items() if key != field.name}
            for sent in (without, row | {field.name: secrets.choice(["", "  ", "null", None])}):
                words = await hospital.refused(infno, nodes | {node: [sent]}, "missing")
                assert f"节点 {node}" in words
                assert f"字段 {field.name}（{field.title}）" in words


async def test_every_missing_field_is_told_at_once(hospital: Hospital) -> None:
    """An empty row names its required fields, as many as have room in 200 characters, and how many more there are."""
    words = await hospital.refused("2401", {"mdtrtinfo": {}}, "missing")
    required = [f for f in TRANSACTIONS["2401"].input["mdtrtinfo"] if f.required and f.name not in FROM_ENVELOPE]
    named = [f for f in required if f.name in words]
    left = len(required) - len(named)
    assert len(named) > 8
    assert (f"另有 {left} 处问题" in words) == (left > 0)
    assert len(words) <= 200


async def test_areas_may_stand_in_the_envelope_or_the_visit(hospital: Hospital) -> None:
    """Of ``insuplc_admdvs`` and ``mdtrtarea_admvs`` one in the envelope is enough; later the visit has them."""
    wanted = hospital.admission(visit_id())
    for name in FROM_ENVELOPE:
        del wanted["mdtrtinfo"][name]
    bare = hospital.sender.envelope("2401", wanted, insuplc_admdvs="", mdtrtarea_admvs=None)
    answer = await posted(hospital, bare)
    assert "字段 insuplc_admdvs、mdtrtarea_admvs" in answer["err_msg"]
    mdtrt_id = (await hospital.done("2401", wanted))["result"]["mdtrt_id"]
    line = hospital.line(mdtrt_id, "1")
    del line["med_type"]
    await hospital.charged(mdtrt_id, line)
    quote = hospital.settling("2303", mdtrt_id, "25.00")
    for name in FROM_ENVELOPE:
        quote["data"].pop(name, None)
    answer = await posted(hospital, hospital.sender.envelope("2303", quote, insuplc_admdvs="", mdtrtarea_admvs=""))
    assert answer["infcode"] == 0


# ---------------------------------------------------------------- sloppiness, one test each


async def test_the_input_may_be_a_json_text(hospital: Hospital) -> None:
    """``input`` as the text of an object is the object."""
    text = json.dumps(hospital.admission(visit_id()))
    answer = await posted(hospital, hospital.sender.envelope("2401", text))  # type: ignore[arg-type]
    assert answer["infcode"] == 0


@pytest.mark.parametrize("spelling", ["Input", "INPUT"])
async def test_the_input_may_be_spelled_otherwise(hospital: Hospital, spelling: str) -> None:
    """``Input`` is ``input``, also beside an empty one."""
    body = hospital.sender.envelope("2401", {}, input=None) | {spelling: hospital.admission(visit_id())}
    assert (await posted(hospital, body))["infcode"] == 0


async def test_numbers_may_be_texts_and_texts_numbers(hospital: Hospital) -> None:
    """Amounts as JSON numbers keep their digits; codes as numbers are taken as texts."""
    mdtrt_id = await hospital.admitted(visit_id(), med_type=21, insutype=390)
    row = hospital.line(mdtrt_id, "1") | {"det_item_fee_sumamt": 0.3, "cnt": 3, "pric": 0.1, "feedetl_sn": 7}
    (result,) = await hospital.charged(mdtrt_id, row)
    assert (result["det_item_fee_sumamt"], result["cnt"], result["pric"]) == (0.3, 3, 0.1)
    assert result["feedetl_sn"] == "7"


async def test_the_text_null_is_nothing(hospital: Hospital) -> None:
    """The text "null" in an optional field is as if it weren't there."""
    await hospital.admitted(visit_id(), matn_type="null", geso_val="null", birctrl_matn_date="NULL")


async def test_any_content_type_is_json(hospital: Hospital) -> None:
    """``text/plain`` and no content type at all are read as JSON, also with a byte order mark."""
    for content_type in ("text/plain", "text/plain;charset=GBK", "application/x-www-form-urlencoded", ""):
        body = json.dumps(hospital.sender.envelope("2401", hospital.admission(visit_id()))).encode()
        answer = await hospital.sender.post(b"\xef\xbb\xbf" + body, **{"content-type": content_type})
        assert answer.json()["infcode"] == 0, content_type


@pytest.mark.parametrize("inf_time", ["20180512101112", "2018-05-12 10:11:12", "", None, "whenever"])
async def test_the_envelopes_time_may_be_written_anyhow(hospital: Hospital, inf_time: str | None) -> None:
    """``inf_time`` decides nothing and is never a reason to refuse."""
    body = hospital.sender.envelope("2401", hospital.admission(visit_id()), inf_time=inf_time)
    assert (await posted(hospital, body))["infcode"] == 0


async def test_names_may_be_in_upper_case(hospital: Hospital) -> None:
    """Envelope, nodes and fields in any case are the same."""

    def upper(value: Any) -> Any:
        if isinstance(value, dict):
            return {key.upper(): upper(item) for key, item in value.items()}
        return [upper(item) for item in value] if isinstance(value, list) else value

    body = upper(hospital.sender.envelope("2401", hospital.admission(visit_id())))
    assert (await posted(hospital, body))["infcode"] == 0


@pytest.mark.parametrize(
    "number",
    [
        "H53010200001201805121011120001",
        "201805121011129999",
        "a1b2c3d4e5f64a7b8c9d0e1f2a3b4c",
        "530102-20180512-1",
        "{0A1B2C3D-0001}",
        "1",
    ],
)
async def test_a_msgid_is_opaque(hospital: Hospital, number: str) -> None:
    """Any text of at most 30 characters is a msgid."""
    number = (secrets.token_hex(4) + number)[:30] if len(number) > 1 else number
    assert (await hospital.send("2401", hospital.admission(visit_id()), number))["infcode"] == 0


async def test_a_single_row_may_come_without_its_list(hospital: Hospital) -> None:
    """One line as an object is a list of one; a list of one is an object."""
    mdtrt_id = await hospital.admitted(visit_id())
    await hospital.done("2301", {"feedetail": hospital.line(mdtrt_id, "1")})
    await hospital.done("2303", {"data": [hospital.settling("2303", mdtrt_id, "25.00")["data"]]})


@pytest.mark.parametrize("path", ["/fsi/api/rsfComIfsService/callService/{}", "/nhsa/{}"])
async def test_three_paths_lead_to_the_same(hospital: Hospital, path: str) -> None:
    """The transaction may stand in the path, instead of in the envelope or beside it; two that differ are refused."""
    body = hospital.sender.envelope("2401", hospital.admission(visit_id()))
    assert (await posted(hospital, body | {"infno": ""}, path=path.format("2401")))["infcode"] == 0
    assert "[nhsa_infno_differs]" in (await posted(hospital, body, path=path.format("2402")))["err_msg"]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2018-05-02 09:30:01", "2018-05-02T09:30:01+08:00"),
        ("20180502093001", "2018-05-02T09:30:01+08:00"),
        ("20180502093001123", "2018-05-02T09:30:01+08:00"),
        ("2018-05-02T01:30:01Z", "2018-05-02T09:30:01+08:00"),
        ("2018-05-02T09:30:01.000+08:00", "2018-05-02T09:30:01+08:00"),
        ("2018/05/02 09:30", "2018-05-02T09:30:00+08:00"),
        ("20180502", "2018-05-02T00:00:00+08:00"),
        ("2018-05-02", "2018-05-02T00:00:00+08:00"),
        ("2018-02-30", None),
        ("0001-01-01", None),
        ("1526000000", None),
        ("", None),
    ],
)
def test_times_are_read_as_hospitals_write_them(text: str, instant: str | None) -> None:
    """Days and instants in their usual forms; Shanghai's without an offset."""
    read = read_instant(text)
    assert (None if read is None else read.isoformat()) == instant


# ---------------------------------------------------------------- what isn't taken


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("med_type", "99x", "not_in_list"),
        ("insutype", "1", "not_in_list"),
        ("geso_val", "many", "nhsa_number_format"),
        ("geso_val", "1.5", "nhsa_number_format"),
        ("geso_val", "1e99", "nhsa_number_format"),
        ("begntime", "2018-13-01", "nhsa_date_format"),
        ("ipt_no", "x" * 51, "text_too_long"),
        ("ipt_no", "a\x00b", "text_format"),
        ("ipt_no", "\ud800", "text_format"),
        ("ipt_no", {"a": 1}, "nhsa_value_type"),
        ("ipt_no", ["1"], "nhsa_value_type"),
    ],
)
async def test_a_field_that_isnt_what_the_table_says_is_named(
    hospital: Hospital, field: str, value: Any, code: str
) -> None:
    """Wrong codes where money hangs on them, wrong numbers, days and texts are refused with node and field."""
    words = await hospital.refused("2401", hospital.admission(visit_id(), **{field: value}), code)
    assert f"节点 mdtrtinfo 字段 {field}" in words


async def test_other_codes_are_stored_as_sent(hospital: Hospital) -> None:
    """A code list that no money hangs on isn't enforced, and lengths up to fifty pass whatever the table says."""
    await hospital.admitted(visit_id(), mdtrt_cert_type="x9", dise_type_code="longer than six", tel="1" * 50)


async def test_insurance_of_another_kind_is_refused_when_it_comes_to_money(hospital: Hospital) -> None:
    """``insutype`` 310 is a known code, but not settled here."""
    mdtrt_id = await hospital.stay(visit_id(), "25.00")
    words = await hospital.refused(
        "2303", hospital.settling("2303", mdtrt_id, "25.00", insutype="310"), "insurance_type_unsupported"
    )
    assert "字段 insutype" in words


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"infno": "0000"}, "nhsa_unknown_transaction"),
        ({"infno": "1311"}, "nhsa_unknown_transaction"),
        ({"infno": "24\u0660\u0661"}, "nhsa_unknown_transaction"),
        ({"infno": None}, "missing"),
        ({"msgid": None}, "missing"),
        ({"msgid": "x" * 31}, "text_too_long"),
        ({"msgid": "a\x00"}, "text_format"),
        ({"fixmedins_code": "nobody"}, "unknown_hospital"),
        ({"fixmedins_code": ""}, "missing"),
        ({"fixmedins_code": "a\u0000b"}, "text_format"),
        ({"input": None}, "missing"),
        ({"input": "[1"}, "nhsa_input_type"),
        ({"input": "1"}, "nhsa_input_type"),
        ({"input": [1]}, "nhsa_input_type"),
        ({"input": {}}, "nhsa_node_missing"),
        ({"input": {"mdtrtinfo": 1}}, "nhsa_node_type"),
        ({"input": {"mdtrtinfo": [1]}}, "nhsa_node_type"),
        ({"input": {"mdtrtinfo": [{}, {}]}}, "nhsa_too_many_rows"),
        ({"input": {"mdtrtinfo": {}, "x": "y" * 400_000}}, "nhsa_input_too_long"),
    ],
)
async def test_an_envelope_that_cant_be_used_is_told_why(hospital: Hospital, change: dict[str, Any], code: str) -> None:
    """Whatever is wrong with the envelope is told with infcode -1, and it is exact in its form."""
    body = hospital.sender.envelope("2401", hospital.admission(visit_id())) | change
    answer = await posted(hospital, body)
    assert answer["infcode"] == -1
    assert f"[{code}]" in answer["err_msg"]
    assert answer["output"] == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"[]", "malformed_json"),
        (b"1", "malformed_json"),
        (b'{"infno": NaN}', "malformed_json"),
        (b"\xff\xfe{}", "invalid_utf8"),
        (b"[" * 100_000 + b"]" * 100_000, "malformed_json"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "malformed_json"),
        (b'{"input": "' + b"[" * 50_000 + b'"}', "nhsa_input_type"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "missing"),
    ],
)
async def test_a_body_that_isnt_a_message_is_no_defect(hospital: Hospital, body: bytes, code: str) -> None:
    """Broken JSON, wrong encodings, deep nesting and endless digits are answered, never 5xx."""
    answer = await posted(hospital, body)
    assert answer["infcode"] == -1
    assert f"[{code}]" in answer["err_msg"]


async def test_an_oversized_body_is_no_defect(hospital: Hospital) -> None:
    """More than the service takes is answered as such."""
    answer = await posted(hospital, b'{"x": "' + b"y" * (8 * 1024 * 1024) + b'"}')
    assert "[body_too_large]" in answer["err_msg"]


@pytest.mark.thorough
async def test_nonsense_in_any_field_is_never_a_defect(hospital: Hospital) -> None:
    """Every transaction, with every field of nonsense: refused or done, but answered."""
    nonsense = ["1", "-1", "9999-12-31", "你" * 40, "set_1", "mdt_1", "0000", "9" * 9, "99991231235959"]
    for infno in sorted(HANDLERS):
        for value in nonsense:
            spec = TRANSACTIONS[infno].input
            nodes = {node: [{field.name: value for field in fields}] for node, fields in spec.items()}
            answer = await hospital.send(infno, nodes, msgid())
            assert "[nhsa_failed]" not in answer["err_msg"], (infno, value)
            right = {node: [filled(infno, node)] for node in spec}
            for row in right.values():
                row[0] |= {name: value for name in row[0] if secrets.randbelow(3) == 0}
            answer = await hospital.send(infno, right, msgid())
            assert "[nhsa_failed]" not in answer["err_msg"], (infno, right)


# ---------------------------------------------------------------- writing


async def test_the_answer_is_exact(hospital: Hospital) -> None:
    """Members, stamps of 17 digits, a message number of 30, numbers with two decimals, texts that are there when
    empty."""
    mdtrt_id = await hospital.stay(visit_id(), "25.00")
    answer = await hospital.sender.post(hospital.sender.envelope("2304", hospital.settling("2304", mdtrt_id, "25.00")))
    assert answer.headers["content-type"].startswith("application/json")
    content = answer.json()
    assert list(content) == ["infcode", "inf_refmsgid", "refmsg_time", "respond_time", "err_msg", "output"]
    assert content["infcode"] == 0
    assert re.fullmatch(r"530127\d{24}", content["inf_refmsgid"])
    assert all(re.fullmatch(r"\d{17}", content[name]) for name in ("refmsg_time", "respond_time"))
    assert '"hifp_pay":23.75,' in answer.text
    assert '"medfee_sumamt":25.00,' in answer.text
    info = content["output"]["setlinfo"]
    assert list(info) == [field.name for field in TRANSACTIONS["2304"].output["setlinfo"]]
    for field in TRANSACTIONS["2304"].output["setlinfo"]:
        assert isinstance(info[field.name], int | float if field.kind == "number" else str)
    assert info["exp_content"] == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", info["setl_time"])


def test_numbers_are_written_with_the_tables_decimals() -> None:
    """Scaled integers of either sign, also below one."""
    assert [fixed(value, 2) for value in (0, 5, -5, 2500, -2500)] == ["0.00", "0.05", "-0.05", "25.00", "-25.00"]
    assert fixed(7, 0) == "7"


def test_a_row_has_every_field_of_its_table() -> None:
    """What isn't known is zero or empty, what isn't in the table is left out."""
    row = shown(TRANSACTIONS["2401"].output["result"], {"mdtrt_id": "mdt_1", "unheard": 1})
    assert row == {"mdtrt_id": "mdt_1", "exp_content": ""}


def test_numbers_keep_their_digits_when_read() -> None:
    """No number of a message goes through a float."""
    assert plain_body(b'{"A": 0.1000000000000000055, "b": 12345678901234567890.12}') == {
        "a": "0.1000000000000000055",
        "b": "12345678901234567890.12",
    }


def test_an_area_that_is_none_gives_a_number_of_thirty_digits_all_the_same() -> None:
    """``inf_refmsgid`` always has 6, 14 and 10 digits."""
    now = datetime(2018, 5, 12, 10, 0, tzinfo=SHANGHAI)
    for area in ("", "x", "5301027", "五三〇一〇二"):
        assert re.fullmatch(r"\d{30}", json.loads(written({"mdtrtarea_admvs": area}, now))["inf_refmsgid"])
