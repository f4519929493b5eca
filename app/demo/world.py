"""The demo's world as plain data: hospitals, persons and catalogue items, in the form of the registry's PUT bodies.

Everything is invented. The id numbers have right check digits but sequence numbers that no registry reaches in a day;
the item codes have the national form, not the national list's content.
"""

from typing import Any, Final

Body = dict[str, Any]

TOWNSHIP: Final = "H53012700105"
COUNTY: Final = "H53012700001"
PROVINCE: Final = "H53010000003"
AREA: Final = "530127"

HOSPITALS: Final[dict[str, Body]] = {
    TOWNSHIP: {"name": "松溪镇中心卫生院（演示）", "level": 1, "rank": "township", "area_code": AREA},
    COUNTY: {"name": "滇禾县人民医院（演示）", "level": 2, "rank": "county", "area_code": AREA},
    PROVINCE: {"name": "云南省第八十医院（演示）", "level": 3, "rank": "province", "area_code": "530100"},
}

PATIENT: Final = "53012700000000000104"


def _person(name: str, id_number: str, *identities: Body) -> Body:
    return {
        "name": name,
        "id_number": id_number,
        "area_code": AREA,
        "insurance_type": "390",
        "insured_from": "2016-01-01",
        "identities": list(identities),
    }


def _identity(class_: str, since: str, evidence: str) -> Body:
    return {"class": class_, "from": since, "evidence": evidence}


PERSONS: Final[dict[str, Body]] = {
    "53012700000000000101": _person(
        "杨树根", "53012719410307991X", _identity("destitute", "2016-01-01", "特困人员救助供养证")
    ),
    "53012700000000000102": _person(
        "李秀云", "530127195208169924", _identity("low_income", "2017-07-01", "农村低保证")
    ),
    "53012700000000000103": _person(
        "王德顺", "530127196302219937", _identity("returned_poverty", "2018-01-01", "返贫致贫名单")
    ),
    PATIENT: _person("张永福", "530127195604129959", _identity("registered_poor", "2016-01-01", "建档立卡贫困户手册")),
    "53012700000000000105": _person(
        "陈菊仙", "530127197009039907", _identity("monitored", "2018-01-01", "防止返贫监测名单")
    ),
    "53012700000000000106": _person(
        "赵有田", "53012719681125997X", _identity("low_income_edge", "2018-01-01", "低保边缘家庭认定书")
    ),
    "53012700000000000107": _person(
        "周美芬", "530127197406189984", _identity("illness_poverty", "2018-03-01", "因病致贫家庭认定书")
    ),
    "53012700000000000108": _person("刘建华", "530127198201309991"),
}


def _item(
    name: str, kind: str, class_: str, ratio: str, ceilings: tuple[str, str, str] | None, restricted: bool
) -> Body:
    return {
        "name": name,
        "kind": kind,
        "class": class_,
        "first_pay_ratio": ratio,
        "ceilings": None if ceilings is None else dict(zip(("1", "2", "3"), ceilings, strict=True)),
        "restricted": restricted,
        "valid_from": "2017-01-01",
    }


def _drug(name: str, class_: str, ratio: str = "0", *, restricted: bool = False) -> Body:
    return _item(name, "drug", class_, ratio, None, restricted)


def _service(name: str, class_: str, ratio: str = "0", *, ceilings: tuple[str, str, str] | None = None) -> Body:
    return _item(name, "service", class_, ratio, ceilings, False)


def _material(name: str, class_: str, ratio: str = "0", *, ceilings: tuple[str, str, str] | None = None) -> Body:
    return _item(name, "material", class_, ratio, ceilings, False)


CATALOGUE: Final[dict[str, Body]] = {
    "001109000010000": _service("普通病房床位费（日）", "A", ceilings=("16", "30", "45")),
    "001102000050000": _service("住院诊查费（日）", "A", ceilings=("6", "12", "20")),
    "001201000020000": _service("一级护理（日）", "A", ceilings=("12", "20", "28")),
    "001201000030000": _service("二级护理（日）", "A", ceilings=("8", "12", "18")),
    "001203000010000": _service("氧气吸入（小时）", "A", ceilings=("3", "3", "4")),
    "001204000050000": _service("静脉输液（组）", "A", ceilings=("5", "8", "10")),
    "003107010220000": _service("心电监测（小时）", "A", ceilings=("3", "4", "5")),
    "003107010010000": _service("常规心电图检查", "A", ceilings=("15", "20", "25")),
    "002501010150000": _service("血细胞分析（五分类）", "A", ceilings=("18", "22", "25")),
    "002501020350000": _service("尿液分析", "A", ceilings=("8", "12", "15")),
    "002502030250000": _service("凝血功能四项", "A", ceilings=("60", "76", "90")),
    "002503050010000": _service("生化全套", "A", ceilings=("110", "138", "160")),
    "002503020010000": _service("葡萄糖测定", "A", ceilings=("5", "6", "8")),
    "002503020060000": _service("糖化血红蛋白测定", "A", ceilings=("50", "62", "75")),
    "002503030170000": _service("同型半胱氨酸测定", "B", "0.10", ceilings=("70", "86", "100")),
    "002103000010000": _service("头颅CT平扫", "B", "0.05", ceilings=("180", "226", "260")),
    "002102000010000": _service("头颅磁共振平扫及弥散", "B", "0.10", ceilings=("480", "568", "650")),
    "002103000070000": _service("头颈部CT血管成像", "B", "0.10", ceilings=("850", "985", "1150")),
    "003206000010000": _service("全脑血管造影术", "B", "0.10", ceilings=("2000", "2560", "3000")),
    "002203020050000": _service("颈部血管彩色多普勒超声", "A", ceilings=("120", "168", "200")),
    "002206000010000": _service("心脏彩色多普勒超声", "B", "0.05", ceilings=("140", "186", "220")),
    "003402000200000": _service("偏瘫肢体综合训练（次）", "B", "0.10", ceilings=("42", "52", "60")),
    "004300000050000": _service("普通针刺（次）", "A", ceilings=("18", "24", "30")),
    "001103000010000": _service("陪护床租用（日）", "C", "1"),
    "001109000060000": _service("气垫床使用（日）", "C", "1"),
    "XB01ACA056A001": _drug("阿司匹林肠溶片", "A"),
    "XB01ACL024A001": _drug("硫酸氢氯吡格雷片", "B", "0.05"),
    "XC10AAA089A001": _drug("阿托伐他汀钙片", "B", "0.05"),
    "XC08CAX069A012": _drug("硝苯地平控释片", "B", "0.05"),
    "XA10BAE046A001": _drug("盐酸二甲双胍片", "A"),
    "XN07XXD145B002": _drug("丁苯酞氯化钠注射液", "B", "0.10", restricted=True),
    "XN07XXY003B002": _drug("依达拉奉注射液", "B", "0.10"),
    "XN06BXD198B002": _drug("单唾液酸四己糖神经节苷脂钠注射液", "B", "0.20"),
    "XC01EAQ031B002": _drug("前列地尔注射液", "B", "0.10"),
    "XB01ABD056B002": _drug("低分子肝素钠注射液", "B", "0.05"),
    "XB05BCG016B002": _drug("甘露醇注射液", "A"),
    "XB05BBL233B002": _drug("氯化钠注射液", "A"),
    "XA02BCP065B001": _drug("注射用泮托拉唑钠", "B", "0.10"),
    "XV08ABD076B002": _drug("碘克沙醇注射液", "B", "0.10"),
    "XN06BXN091B001": _drug("脑苷肌肽注射液", "C", "1"),
    "XB05AAR086B002": _drug("人血白蛋白", "B", "0.10", restricted=True),
    "C14010500100000": _material("静脉留置针", "A", ceilings=("18", "22", "26")),
    "C14020300100000": _material("精密过滤输液器", "B", "0.10", ceilings=("10", "14", "18")),
    "C03010100200000": _material("造影导管", "B", "0.20", ceilings=("700", "860", "1100")),
    "C03020100200000": _material("血管鞘组", "B", "0.20", ceilings=("260", "320", "420")),
    "C02030100300000": _material("可吸收血管闭合器", "C", "1"),
}
