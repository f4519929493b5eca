"""What is said of persons, identities, contracts and the catalogue."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "person_id_is_id_number": (
        "个人编号不能使用身份证号。请使用医保系统分配的个人编号。",
        "The person id is an id number. Use the fund's own number instead.",
    ),
    "id_number_invalid": (
        "身份证号无效。请核对 18 位号码、出生日期和校验码。",
        "The id number isn't valid. Check its 18 characters, the date of birth and the check digit.",
    ),
    "id_number_in_use": (
        "该身份证号已登记在另一个人名下。请核对是否重复登记。",
        "The id number is already registered for another person. Check whether the person is registered twice.",
    ),
    "interval_empty": (
        "结束日必须晚于开始日。结束日当天不包含在内，请核对两个日期。",
        "The end isn't after the start. The day of the end is not included; check both days.",
    ),
    "identity_overlap": (
        "同一身份类别的有效期相互重叠。请调整日期，使各段不重叠。",
        "Periods of one identity overlap. Change their days so that they don't.",
    ),
    "ratio_for_class_a": (
        '甲类项目的先行自付比例必须是 0。请改为 "0"，或改为乙类。',
        'A class A item has first-pay ratio 0. Send "0", or make it class B.',
    ),
    "catalogue_gap": (
        "两个版本之间恰好空一天。多半是结束日期与生效日期算法不同；请改正日期，使版本首尾相接。",
        "Between two versions exactly one day has none. Most likely a last day was meant: make the versions meet.",
    ),
    "catalogue_overlap": (
        "该项目的另一版本有效期与此重叠。请先截止旧版本，或调整有效期。",
        "Another version of this item is valid at the same time. End the older one first or change the days.",
    ),
    "period_overlap": (
        "这一段与另一段的日期重叠。请调整日期，使各段不重叠。",
        "This period shares days with another one. Change their days so that they don't.",
    ),
    "periods_differ": (
        "单独填写的起止日与各段不一致。请填最早一段的开始日和最晚一段的结束日，或不填。",
        "The day sent beside the periods isn't their first or last day. Send that day, or leave it out.",
    ),
    "contract_overlap": (
        "此人在这些日期已有另一份家庭医生签约。请先截止前一份，或调整日期。",
        "The person has another family-doctor contract on these days. End that one first, or change the days.",
    ),
}
