"""Computing a bill offline from a file, showing it in a terminal, and the demo over real HTTP."""

import json
from decimal import ROUND_HALF_UP, Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from rich.text import Text

from app.basics.errors import Malformed, PolicyError, Refused
from app.demo.bill import example
from app.demo.compute import OfflineYear, compute_file
from app.demo.run import run_demo
from app.demo.show import show_settlement
from app.demo.world import CATALOGUE, HOSPITALS, PERSONS
from app.policies import SCHEMES, SHIPPED
from app.service.security import looks_like_id_number, valid_id_number
from app.tiers.model import ACCUMULATORS, CLASSES
from tests.conftest import ADMIN_TOKEN
from tests.tiers.packs import pack_text

RETIREMENT = (("not_retired", "0.8"), ("retired", "0.9"))
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "bill.json"


def written(folder: Path, given: Any) -> Path:
    """A file that holds a value as JSON."""
    path = folder / "bill.json"
    path.write_text(json.dumps(given), encoding="utf-8")
    return path


def test_the_example_is_the_demos_bill() -> None:
    """The committed file and the demo can't drift apart."""
    assert json.loads(EXAMPLE.read_text(encoding="utf-8")) == example()


def test_the_example_conserves() -> None:
    """Portions and scope each add up to the total, the lines' scopes to the bill's, and the funds to what is
    payable."""
    answer = compute_file(EXAMPLE, None)
    total = Decimal(answer["total"])
    assert sum(map(Decimal, answer["portions"].values())) == total
    assert sum(map(Decimal, answer["scope"].values())) == total
    for column, amount in answer["scope"].items():
        assert sum(Decimal(line[column]) for line in answer["lines"]) == Decimal(amount)
    payables = sum(Decimal(payable["amount"]) for payable in answer["payables"])
    assert payables == Decimal(answer["fund_total"]) == total - Decimal(answer["portions"]["patient"])


def test_the_examples_portions_are_those_worked_out_by_hand() -> None:
    """The six portions of the example, checked with paper and pencil.

    Scope (section 3): own expense is the unapproved restricted drug 3 × 319.80 = 959.40, the class C drug 514.00 and
    the class C mattress 150.00, together 1623.40. Over the limit: the catheter 1080.00 − 860.00 = 220.00. What is paid
    first adds up to 1852.16 (see the next test). In scope remain 20912.19 − 1623.40 − 220.00 − 1852.16 = 17216.63.
    Basic insurance (4.1): registered poor at level 2 has the ordinary deductible of 500.00 and the tilted rate of 85 %:
    (17216.63 − 500.00) × 0.85 = 16716.63 × 0.85 = 14209.1355, half-up 14209.14. Serious illness (4.2): 17216.63 −
    14209.14 = 3007.49 is below the deductible of 12000 ÷ 2 = 6000: nothing. Medical assistance (4.3): 3007.49 × 0.70 =
    2105.243, so 2105.24. Safety net (4.4 a): 20912.19 × 0.90 = 18820.971, so 18820.97; paid are 14209.14 + 2105.24 =
    16314.38; the top-up is 2506.59. (b) the patient's 2091.22 is far below the year's 9862.00: nothing more.
    """
    answer = compute_file(EXAMPLE, None)
    assert answer["scope"] == {
        "own_expense": "1623.40",
        "over_limit": "220.00",
        "first_pay": "1852.16",
        "in_scope": "17216.63",
    }
    assert answer["portions"] == {
        "basic": "14209.14",
        "serious_illness": "0.00",
        "medical_assistance": "2105.24",
        "safety_net": "2506.59",
        "supplement": "0.00",
        "hospital": "0.00",
        "patient": "2091.22",
    }
    assert answer["kind"] == "quote"
    assert answer["settlement_id"] is None
    assert answer["paying_area"] == "530100"


def test_first_pay_adds_up_line_by_line() -> None:
    """Redone with decimals from the example alone: each class B line's net amount below its ceiling, times its
    ratio."""
    given = example()
    entries = {item["item_code"]: item for item in given["catalogue"]}
    net: dict[int, Decimal] = {}
    for line in given["bill"]["lines"]:
        number = line.get("refund_of_line_no") or line["line_no"]
        net[number] = net.get(number, Decimal(0)) + Decimal(line["amount"])
    first_pay = Decimal(0)
    for line in given["bill"]["lines"]:
        entry = entries[line["item_code"]]
        if line["line_no"] not in net or entry["class"] != "B" or (entry["restricted"] and not line["approved"]):
            continue
        ceiling = Decimal((entry["ceilings"] or {}).get("2", line["unit_price"]))
        over = max(Decimal(0), Decimal(line["unit_price"]) - ceiling) * Decimal(line["quantity"])
        share = (net[line["line_no"]] - over) * Decimal(entry["first_pay_ratio"])
        first_pay += share.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert str(first_pay) == "1852.16"


def test_the_year_before_counts(tmp_path: Path) -> None:
    """With 10000.00 of serious illness behind it, the whole 3007.49 lies above the deductible: 70 % of it is
    2105.24."""
    given = example() | {"year_to_date": {"serious_base": "10000.00", "inpatient_count": 1}}
    answer = compute_file(written(tmp_path, given), None)
    assert answer["portions"]["serious_illness"] == "2105.24"
    assert answer["year_to_date"]["before"]["inpatient_count"] == 1
    assert answer["year_to_date"]["after"]["serious_base"] == "13007.49"


def test_a_stay_over_the_new_year_counts_in_both(tmp_path: Path) -> None:
    """Where the pack splits stays, the lines to 31 December count after the older year, the others after the newer
    one; what is shown has both."""
    given = example() | {"last_year_to_date": {"basic_paid": "69900.00", "inpatient_count": 2}}
    bill, lines = given["bill"], given["bill"]["lines"]
    days = ["2020-12-30T09:00:00+08:00"] + ["2021-01-02T09:00:00+08:00"] * (len(lines) - 1)
    lines = [line | {"charged_at": day} for line, day in zip(lines, days, strict=True)]
    given["bill"] = bill | {"admitted_on": "2020-12-20", "discharged_on": "2021-01-10", "lines": lines}
    given["person"] = given["person"] | {"area_code": "140105", "identities": []}
    answer = compute_file(written(tmp_path, given), SCHEMES / "taiyuan.yaml")
    older, newer = answer["years"]
    assert (older["benefit_year"], newer["benefit_year"], answer["benefit_year"]) == (2020, 2021, 2021)
    assert older["year_to_date"]["before"]["basic_paid"] == "69900.00"
    assert Decimal(older["portions"]["basic"]) <= 100
    assert older["year_to_date"]["after"]["inpatient_count"] == 3
    assert newer["year_to_date"]["after"]["inpatient_count"] == 0
    console = Console(width=100, file=StringIO(), color_system=None)
    show_settlement(answer, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "2020 年度累计" in shown
    assert "2021 年度累计" in shown


def test_an_episodes_deductible_is_paid_once(tmp_path: Path) -> None:
    """What the episode paid before is taken off; the year doesn't count the episode twice."""
    given = example() | {"episode_deductible_paid": "500.00", "episode_counted": True}
    answer = compute_file(written(tmp_path, given), None)
    assert answer["portions"]["basic"] == "14634.14"  # 17216.63 × 0.85 = 14634.1355
    assert answer["year_to_date"]["after"]["inpatient_count"] == 0


def test_a_policy_file_replaces_the_shipped_pack(tmp_path: Path) -> None:
    """A pack file of the same name counts instead of the shipped one; other figures give other portions."""
    text = (SHIPPED / "yunnan.yaml").read_text(encoding="utf-8")
    (tmp_path / "yunnan.yaml").write_text(
        text.replace('2: "0.85", 3: "0.70"', '2: "0.90", 3: "0.70"'), encoding="utf-8"
    )
    answer = compute_file(EXAMPLE, tmp_path / "yunnan.yaml")
    assert answer["portions"]["basic"] == "15044.97"  # 16716.63 × 0.90 = 15044.967
    assert answer["policy"]["digest"] != compute_file(EXAMPLE, None)["policy"]["digest"]


def test_a_policy_file_rules_the_areas_that_it_names_before_any_shipped_pack(tmp_path: Path) -> None:
    """A draft that inherits a shipped pack, or one beside it, is used where it covers the area, however the prefixes
    compare."""
    head = 'pack: NAME\ntitle: 草案\ninherits: PARENT\nareas: ["53"]\n'
    rate = (
        "parameters:\n  basic.inpatient.rate:\n    title: 住院支付比例\n    unit: rate\n    by: [level]\n    rows:\n"
        '      - {class: tilted, from: 2017-11-03, value: {1: "0.95", 2: "0.90", 3: "0.70"}, status: assumed,'
        " source: {document: assumption, clause: 草案}}\n"
    )
    (tmp_path / "draft.yaml").write_text(head.replace("NAME", "draft").replace("PARENT", "yunnan") + rate, "utf-8")
    (tmp_path / "next.yaml").write_text(
        head.replace("NAME", "next").replace("PARENT", "draft").replace("53", "5301"), "utf-8"
    )
    shipped = compute_file(EXAMPLE, None)["portions"]["basic"]
    for name in ("draft", "next"):
        answer = compute_file(EXAMPLE, tmp_path / f"{name}.yaml")
        assert answer["policy"]["pack"] == name
        assert answer["portions"]["basic"] != shipped
    assert compute_file(EXAMPLE, SCHEMES / "wuwei_deep.yaml")["policy"]["pack"] == "yunnan"


def test_a_wrong_policy_file_is_refused(tmp_path: Path) -> None:
    """A pack that can't be loaded says why."""
    (tmp_path / "other.yaml").write_text("pack: other\n", encoding="utf-8")
    with pytest.raises(PolicyError, match=r"other\.yaml"):
        compute_file(EXAMPLE, tmp_path / "other.yaml")


def test_all_faults_come_at_once_with_their_places(tmp_path: Path) -> None:
    """Faults of the bill and of the facts beside it are named by pointers into the file, those of the
    bill last and in its order; no value is echoed."""
    given = example()
    given["bill"] |= {"total": "1.00", "insurance_type": "310"}
    given["bill"]["lines"][0]["amount"] = "987654.00"
    given["catalogue"][1] |= {"item_code": given["catalogue"][0]["item_code"], "class": "A", "first_pay_ratio": "0.5"}
    given["person"]["identities"] *= 2
    with pytest.raises(Refused) as refused:
        compute_file(written(tmp_path, given), None)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/person/identities/1", "identity_overlap"),
        ("/catalogue/1/first_pay_ratio", "ratio_for_class_a"),
        ("/catalogue/1/valid_from", "catalogue_overlap"),
        ("/bill/insurance_type", "insurance_type_unsupported"),
        ("/bill/lines/0/amount", "line_amount_mismatch"),
        ("/bill/total", "total_mismatch"),
    ]
    assert "987654" not in repr([fault.values for fault in refused.value.faults])


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"hospital": {"level": 4, "rank": "county", "area_code": "530127"}}, "/hospital/level", "not_in_list"),
        ({"year_to_date": {"basic_paid": 5}}, "/year_to_date/basic_paid", "money_not_string"),
        ({"year_to_date": {"basic": "5.00"}}, "/year_to_date/basic", "unknown_field"),
        ({"person": {"area_code": "110101"}}, "/bill/discharged_on", "policy_gap"),
    ],
)
def test_a_wrong_fact_is_refused(tmp_path: Path, changes: dict[str, Any], pointer: str, code: str) -> None:
    """Each fact beside the bill is held to its form."""
    with pytest.raises(Refused) as refused:
        compute_file(written(tmp_path, example() | changes), None)
    assert (pointer, code) in [(fault.pointer, fault.code) for fault in refused.value.faults]


def test_a_registration_counts_where_the_pack_asks_for_it(tmp_path: Path) -> None:
    """Offline too a chronic disease has to be registered on the visit day, if the pack requires it; an empty interval
    is a fault."""
    flag = "- {from: 2017-11-03, value: false, status: assumed"
    text = (SHIPPED / "yunnan.yaml").read_text(encoding="utf-8")
    (tmp_path / "yunnan.yaml").write_text(text.replace(flag, flag.replace("false", "true")), encoding="utf-8")
    given = example()
    given["bill"] |= {"medical_type": "14", "discharged_on": "2018-05-02", "disease_code": "M03900"}
    line = given["bill"]["lines"][0]
    given["bill"] |= {"lines": [line], "total": line["amount"]}
    codes = []
    for since, until in (("2018-05-03", None), ("2018-05-02", "2018-05-02"), ("2018-05-02", "2018-05-03")):
        registration = {"disease_code": "M03900", "from": since, "until": until}
        given["person"] |= {"chronic_registrations": [registration]}
        try:
            answer = compute_file(written(tmp_path, given), tmp_path / "yunnan.yaml")
            codes.append(answer["total"])
        except Refused as refused:
            codes.append(refused.code)
    assert codes == ["disease_not_registered", "interval_empty", line["amount"]]


def test_a_disease_that_is_not_listed_is_found_by_the_policy(tmp_path: Path) -> None:
    """A fault that only the engine can tell has its place in the file too."""
    given = example()
    given["bill"] |= {"medical_type": "14", "discharged_on": "2018-05-02", "disease_code": "X00"}
    given["bill"]["lines"] = given["bill"]["lines"][:1]
    given["bill"]["total"] = "30.00"
    with pytest.raises(Refused) as refused:
        compute_file(written(tmp_path, given), None)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/bill/disease_code", "disease_not_listed")
    ]


def test_what_is_not_json_is_malformed(tmp_path: Path) -> None:
    """A file that holds no JSON isn't read any further."""
    (tmp_path / "bill.json").write_text("账单", encoding="utf-8")
    with pytest.raises(Malformed):
        compute_file(tmp_path / "bill.json", None)


def test_the_offline_year_has_every_accumulator() -> None:
    """The file can name each accumulator that the engine knows."""
    assert OfflineYear.__struct_fields__ == ACCUMULATORS


def test_the_world_is_well_formed() -> None:
    """One person of each class, id numbers with right check digits, numbers of the fund that aren't id numbers."""
    assert all(valid_id_number(person["id_number"]) for person in PERSONS.values())
    assert not any(looks_like_id_number(person_id) or len(person_id) != 20 for person_id in PERSONS)
    assert len({person["id_number"] for person in PERSONS.values()}) == len(PERSONS)
    classes = [person["identities"][0]["class"] if person["identities"] else "ordinary" for person in PERSONS.values()]
    assert classes == list(CLASSES)
    assert {hospital["level"] for hospital in HOSPITALS.values()} == {1, 2, 3}
    assert {item["class"] for item in CATALOGUE.values()} == {"A", "B", "C"}


def shown(**changes: Any) -> str:
    """The tables of the example, as a pipe gets them."""
    buffer = StringIO()
    show_settlement(compute_file(EXAMPLE, None) | changes, Console(file=buffer, width=120))
    return buffer.getvalue()


def test_the_tables_fit_a_terminal_without_colour() -> None:
    """No line is wider than 80 cells, nothing is cut off, and a pipe gets no escape sequences."""
    text = shown()
    assert "\x1b" not in text
    assert "…" not in text
    assert max(Text(line.rstrip()).cell_len for line in text.splitlines()) <= 80
    for part in (
        "14209.14",
        "67.95%",
        "10.00%",
        "20912.19",
        "已颁布",
        "暂定",
        "建档立卡贫困人口",
        "贰仟零玖拾壹元贰角贰分",
    ):
        assert part in text, part


def test_a_pack_that_is_not_shipped_can_be_shown() -> None:
    """Without titles the figures are shown by their names."""
    policy = {"pack": "elsewhere", "version": "1", "digest": "", "assumed": 0}
    assert "basic.inpatient.rate" in shown(policy=policy).replace("\n", "")


def run(base_url: str, token: str = ADMIN_TOKEN) -> str:
    """What the demo prints."""
    buffer = StringIO()
    try:
        run_demo(base_url, token, Console(file=buffer, width=80))
    except SystemExit as left:
        return f"{left.code}\n{buffer.getvalue()}"
    return buffer.getvalue()


def test_the_demo_settles_once_however_often_it_runs(service_url: str) -> None:
    """The service pays what the offline computation says; the second run replays, and the address opens the slip with
    the token beside it, which isn't in the address."""
    first, second = run(service_url), run(service_url)
    assert "2091.22" in first
    assert "没有重复支付" not in first
    assert "没有重复支付" in second
    address, token = first.split("演示账号口令：")[1].split()[:2]
    assert address in second
    assert token not in address
    slip = httpx.get(address, auth=("demo", token))
    assert slip.status_code == 200
    for part in ("张永福", "530127********9959", "滇禾县人民医院（演示）", "贰仟零玖拾壹元贰角贰分", "I63.900"):
        assert part in slip.text, part
    assert PERSONS["53012700000000000104"]["id_number"] not in slip.text


def test_the_demo_says_why_it_failed(service_url: str) -> None:
    """A refusal and a service that isn't there are explained, and leave with status 1."""
    refused, absent = run(service_url, "wrong"), run("http://127.0.0.1:9")
    assert refused.startswith("1\n")
    assert "服务拒绝了请求（401 token_invalid）：" in refused.replace("\n", "")
    assert absent.startswith("1\n")
    assert "连不上服务 http://127.0.0.1:9" in absent


def test_a_bill_of_an_employee_is_computed_from_the_employees_funds(tmp_path: Path) -> None:
    """The person is insured as the bill says; a retired one by the figures of retired persons."""
    rule = "rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: rate, counts_paid: basic_paid"
    text = pack_text([rule], {"rate": ("rate", '"0.8"')}).replace("pack: words", "pack: employees")
    row = '{from: 2018-01-01, value: "0.8", status: assumed, source: {document: d, clause: "1"}}'
    rows = [row.replace("{from", f"{{retirement: {who}, from").replace("0.8", rate) for who, rate in RETIREMENT]
    head = 'areas: ["5301"]\ninsurance_types: ["310"]\nfunds: {"310": {basic: "310100"}}\n'
    text = text.replace(row, "\n      - ".join(rows)).replace('areas: ["99"]\n', head)
    pack = tmp_path / "employees.yaml"
    pack.write_text(text, encoding="utf-8")
    given = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    given["bill"]["insurance_type"] = "310"
    for retired, rate in ((False, "0.8000"), (True, "0.9000")):
        given["person"]["retired"] = retired
        (tmp_path / "bill.json").write_text(json.dumps(given), encoding="utf-8")
        answer = compute_file(tmp_path / "bill.json", pack)
        assert [payable["fund"] for payable in answer["payables"]] == ["310100"]
        assert answer["trace"][1]["inputs"]["rate"] == rate
