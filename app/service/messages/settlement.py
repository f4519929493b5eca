"""What is said when a bill is settled, reversed or corrected."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "already_settled": (
        "该次就诊的这一结算序号已经结算过。请用 Location 所指地址查询原结算，不要重复结算。",
        "This visit and sequence number is already settled. "
        "Read the settlement that Location names; don't settle it again.",
    ),
    "quote_mismatch": (
        "现在算出的个人负担与预结算不一致，未结算。现在应为 {patient} 元；请重新预结算，并向患者确认后再提交。",
        "The patient's share isn't the expected one, nothing was settled. "
        "It is now {patient} yuan; quote again and ask the patient.",
    ),
    "quote_expired": (
        "预结算已过期。请重新预结算，再用新的 quote_id 提交。",
        "The quote has expired. Quote again and send the new quote_id.",
    ),
    "quote_invalid": (
        "预结算编号无效。请原样使用预结算返回的 quote_id，或重新预结算。",
        "The quote id isn't one of ours. Send the quote_id exactly as it was answered, or quote again.",
    ),
    "later_settlements_exist": (
        "此人本年度在其后还有结算。请先撤销后面的结算；有权限时可用 cascade 一并重算。",
        "The person has later settlements in this year. Reverse those first, or use cascade if you may.",
    ),
    "already_reversed": (
        "该结算已经撤销。无需再次撤销，请查询撤销记录。",
        "The settlement is already reversed. Nothing more is needed; read its reversal.",
    ),
    "not_a_settlement": (
        "该记录是撤销或调整，不是结算。请对原结算进行操作。",
        "This is a reversal or an adjustment, not a settlement. Name the original settlement.",
    ),
    "cascade_needs_finance": (
        "连带重算涉及其他医疗机构的结算，需要财务权限。请联系医保经办机构的财务人员处理。",
        "The cascade touches another hospital's settlements and needs the finance scope. Ask the fund's finance staff.",
    ),
    "not_recoverable": (
        "该结算不是工伤待定的结算，不能追偿。只有结算时工伤性质未定（undeterminable）的才能追偿；其他情况请撤销结算。",
        "The settlement isn't recoverable. "
        "Only one settled with an undeterminable work injury is; reverse it otherwise.",
    ),
    "paid_by_needs_finance": (
        "零星报销（paid_by 为 patient）需要财务权限。请由医保经办机构办理；医院直接结算请用 hospital。",
        "A claim paid by the patient needs the finance scope. "
        "The fund's office settles it; hospitals send paid_by hospital.",
    ),
}
