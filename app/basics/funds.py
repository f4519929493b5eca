"""The funds of the country 基金支付类型: each code of the national dictionary ``fund_pay_type`` once, with what it is
called. Which of them pay here is the packs' to say (``PolicyBook.funds``); a test compares them with the
dictionary."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class NationalFund(NamedTuple):
    """What a fund is called: ``zh`` and ``en`` on pages and slips, ``national`` in the national dictionary."""

    zh: str
    en: str
    national: str


def _as_there(national: str, en: str) -> NationalFund:
    return NationalFund(national, en, national)


NATIONAL_FUNDS: Final[Mapping[str, NationalFund]] = {
    "390100": NationalFund("基本医保", "Basic insurance", "城乡居民基本医疗保险基金"),
    "390200": NationalFund("大病保险", "Serious illness", "城乡居民大病医疗保险基金"),
    "620101": NationalFund("补充保险", "Supplement", "补充保险资金"),
    "610100": NationalFund("医疗救助", "Medical assistance", "医疗救助基金"),
    "640100": NationalFund("兜底保障", "Safety net", "政府兜底保障资金"),
    "310100": NationalFund("职工统筹", "Employees' pooled fund", "城镇职工基本医疗保险统筹基金"),
    "330100": NationalFund("职工大额", "Large sums", "大额医疗费用补助基金"),
    "310101": _as_there("城镇职工基本医疗保险统筹基金（预付金）", "Employees' pooled fund, advances"),
    "310102": _as_there("职工门诊统筹基金", "Employees' outpatient fund"),
    "310200": _as_there("城镇职工基本医疗保险个人账户基金", "Employees' personal accounts"),
    "310300": _as_there("职工大病补助基金", "Employees' serious-illness allowance"),
    "310400": _as_there("军转干部医疗补助基金", "Allowance for former officers"),
    "310500": _as_there("代缴基金（破产改制）", "Contributions paid for others"),
    "320100": _as_there("公务员医疗补助基金", "Allowance for civil servants"),
    "320200": _as_there("厅级干部补助基金", "Allowance for senior officials"),
    "330200": _as_there("职工意外伤害基金", "Employees' accidents"),
    "340100": _as_there("离休人员医疗保障基金", "Retired cadres"),
    "340200": _as_there("离休老工人门慢保障基金", "Retired cadres, chronic outpatient"),
    "350100": _as_there("一至六级残疾军人医疗补助基金", "Disabled soldiers"),
    "370100": _as_there("企业补充医疗保险基金", "Companies' supplement"),
    "370200": _as_there("公益补充保险基金", "Charitable supplement"),
    "390101": _as_there("城乡居民基本医疗保险基金（预付金）", "Basic insurance, advances"),
    "390102": _as_there("居民门诊统筹基金", "Residents' outpatient fund"),
    "390300": _as_there("城乡居民大病补充保险基金", "Residents' serious-illness supplement"),
    "390400": _as_there("居民意外伤害基金", "Residents' accidents"),
    "390500": _as_there("居民家庭账户金", "Residents' family accounts"),
    "410100": _as_there("工伤保险基金", "Work injuries"),
    "510100": _as_there("生育基金", "Maternity"),
    "610200": _as_there("优抚对象医疗补助基金", "Allowance for those entitled to care"),
    "620100": _as_there("特惠保补偿金", "Special supplementary insurance"),
    "630100": _as_there("医院减免金", "Waived by hospitals"),
    "999109": _as_there("农村低收入人口医疗补充保险", "Supplement for rural low incomes"),
    "999900": _as_there("医院垫付", "Advanced by hospitals"),
    "999996": _as_there("医院垫付基金", "Advances of hospitals"),
    "999997": _as_there("其他基金", "Other funds"),
    "99999707": _as_there("新冠肺炎核酸检测财政补助", "Subsidy for tests of COVID-19"),
    "99999737": _as_there("职工大病补助基金", "Employees' serious-illness allowance (2)"),
}


def fund_name(code: str, language: str = "zh") -> str:
    """What a fund is called, its code where the dictionary doesn't know it."""
    fund = NATIONAL_FUNDS.get(code)
    return code if fund is None else fund.en if language == "en" else fund.zh
