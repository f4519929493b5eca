"""What the values of lists' members are called in both languages: a state, a kind, an outcome, a fund. Each word stands
here once; pages, files and their filters show it."""

from collections.abc import Mapping
from typing import Final

from app.basics.classes import BASE_CLASSES, ClassWords, class_name
from app.basics.errors import Language
from app.basics.funds import NATIONAL_FUNDS
from app.basics.names import CLASS_NAMES, MEDICAL_TYPE_NAMES, Words
from app.service.messages import MESSAGES, title

Value = tuple[str, str]

VALUES: Final[Mapping[str, Mapping[str, Value]]] = {
    "state": {
        "draft": ("草稿", "Draft"),
        "approved": ("已批准", "Approved"),
        "answered": ("银行已回盘", "Answered"),
        "sent": ("已送银行", "Sent"),
        "paid": ("已付清", "Paid"),
        "part_paid": ("部分支付", "Part paid"),
        "returned": ("已退回", "Returned"),
        "cancelled": ("已取消", "Cancelled"),
        "carried_forward": ("结转下期", "Carried forward"),
        "declared": ("已申报", "Declared"),
        "reconciled": ("已对账", "Reconciled"),
        "audited": ("已审核", "Audited"),
        "ordered": ("已生成拨付单", "Ordered"),
        "settled": ("已结清", "Settled"),
        "withdrawn": ("已撤回", "Withdrawn"),
        "open": ("待处理", "Open"),
        "asked": ("待另一人确认", "To be confirmed"),
        "acknowledged": ("已由两人确认", "Acknowledged"),
        "mended": ("已恢复原状", "Mended"),
        "resolved": ("已处理", "Resolved"),
        "proposed": ("待答复", "Proposed"),
        "reversed": ("已撤销", "Reversed"),
        "recoverable_from_person": ("待个人退回", "To be given back"),
        "accepted": ("医疗机构同意", "Accepted"),
        "appealed": ("已申诉", "Appealed"),
        "decided": ("已复核决定", "Decided"),
        "lapsed": ("已失效", "Lapsed"),
        "offset": ("已抵扣完", "Offset"),
        "refunded": ("已退给患者", "Refunded"),
        "collected": ("已收回", "Collected"),
        "waived": ("已免除", "Waived"),
        "submitted": ("已报送", "Submitted"),
        "month_open": ("已反结账", "Open again"),
        "month_soft": ("暂停付款", "Payments stopped"),
        "month_hard": ("完全关账", "Closed"),
        "overdue": ("逾期", "Overdue"),
        "computing": ("试算中", "Computing"),
        "computed": ("待批准", "To be approved"),
        "stopped": ("已停止", "Stopped"),
        "queued": ("排队中", "Queued"),
        "running": ("进行中", "Running"),
        "done": ("已完成", "Done"),
        "failed": ("失败", "Failed"),
    },
    "status": {
        "quoted": ("试算", "Quoted"),
        "settled": ("已结算", "Settled"),
        "adjusted": ("有调整", "Adjusted"),
        "reversed": ("已撤销", "Reversed"),
    },
    "kind": {
        "statement": ("月度结算申报表拨付", "For a statement"),
        "deposit_release": ("保证金清算", "Release of deposits"),
        "quote": ("试算", "Quote"),
        "settlement": ("结算", "Settlement"),
        "reversal": ("撤销结算", "Reversal"),
        "adjustment": ("调整", "Adjustment"),
        "read": ("查询", "Read"),
        "act": ("操作", "Act"),
        "login": ("登录", "Login"),
        "export": ("导出", "Export"),
        "poverty_list": ("名单比对", "Poverty list"),
        "catalogue": ("目录导入", "Catalogue"),
        "hospital_codes": ("院内编码导入", "Hospital codes"),
        "batch": ("批量办理", "Batch"),
        "readjudication": ("批量重新核算", "Readjudication"),
        "simulation": ("政策模拟", "Simulation"),
        "edited": ("内容被改", "Edited"),
        "removed": ("被删除", "Removed"),
        "unsealed": ("漏封存", "Unsealed"),
        "block": ("区块不符", "Block differs"),
        "chain": ("区块链断开", "Chain broken"),
    },
    "difference": {
        "only_ours": ("仅经办机构有", "Only the office has it"),
        "only_theirs": ("仅医疗机构有", "Only the hospital has it"),
        "amount_mismatch": ("金额不一致", "Amounts differ"),
    },
    "outcome": {
        "upheld": ("维持", "Upheld"),
        "reduced": ("部分核减", "Reduced"),
        "dismissed": ("撤销", "Dismissed"),
        "matched": ("已匹配", "Matched"),
        "unmatched": ("未匹配", "Unmatched"),
        "conflicting": ("有冲突", "Conflicting"),
        "duplicate": ("重复", "Duplicate"),
        "malformed": ("格式错误", "Malformed"),
        "added": ("新增", "Added"),
        "changed": ("变更", "Changed"),
        "ended": ("截止", "Ended"),
        "unchanged": ("未变", "Unchanged"),
        "posted": ("已入账", "Posted"),
        "refused": ("未入账", "Refused"),
    },
    "direction": {
        "refund": ("退给患者", "To the patient"),
        "collect": ("向患者收取", "From the patient"),
    },
    "result": {
        "paid": ("已付", "paid"),
        "returned": ("已退回", "returned"),
        "unknown": ("未匹配", "not matched"),
        "already_booked": ("已入账", "booked before"),
        "amount_differs": ("金额不符", "amount differs"),
        "matched": ("相符", "equal"),
        "different": ("有差异", "different"),
        "changed": ("有变化", "changes"),
        "unchanged": ("无变化", "as before"),
        "refused": ("不能核算", "can't be computed"),
    },
    "event": {
        "settlement": ("结算", "Settlement"),
        "adjustment": ("调整", "Adjustment"),
        "reversal": ("撤销结算", "Reversal"),
        "recovery": ("追偿", "Recovery"),
        "deduction": ("审核扣款", "Deduction"),
        "deduction_reversed": ("审核扣款转回", "Deduction reversed"),
        "family_doctor": ("家庭医生签约费", "Family doctor fee"),
        "deposit_withheld": ("扣留保证金", "Deposit withheld"),
        "deposit_returned": ("保证金转回", "Deposit put back"),
        "deposit_released": ("返还保证金", "Deposit released"),
        "deposit_forfeited": ("扣罚保证金", "Deposit forfeited"),
        "offset": ("预付抵扣", "Prepayment used"),
        "offset_undone": ("预付抵扣取消", "Use of a prepayment undone"),
        "carried": ("结转", "Carried"),
        "order_sent": ("拨付单送银行", "Order sent"),
        "order_settled": ("拨付单结清", "Order settled"),
        "order_withdrawn": ("拨付单退回应付", "Order withdrawn"),
        "payment": ("付款", "Payment"),
        "payment_returned": ("付款退回", "Payment returned"),
        "carry_repaid": ("归还结转", "Carried sum repaid"),
        "prepayment": ("预付款", "Prepayment"),
        "prepayment_returned": ("预付款退回", "Prepayment returned"),
    },
    "tier": {
        "scope": ("费用范围", "Scope"),
        "basic": ("基本医保", "Basic insurance"),
        "serious_illness": ("大病保险", "Serious illness"),
        "supplement": ("补充保险", "Supplement"),
        "medical_assistance": ("医疗救助", "Medical assistance"),
        "safety_net": ("兜底保障", "Safety net"),
        "hospital": ("医院承担", "Hospital"),
        "patient": ("个人负担", "Patient"),
        "reversal": ("撤销结算", "Reversal"),
    },
    "fund": {code: (fund.zh, fund.en) for code, fund in NATIONAL_FUNDS.items()},
    "clr_type": {
        "11": ("普通门诊", "Outpatient"),
        "14": ("门诊慢特病", "Chronic outpatient"),
        "21": ("住院", "Inpatient"),
        "99949": ("生育住院", "Childbirth"),
        "9914": ("家庭医生签约", "Family doctors"),
    },
    "source": {
        "worklist": ("待重算人员年度", "Those waiting to be computed again"),
        "policy": ("政策或地区数字已更正的", "Those settled under a law or figure that has changed"),
        "all": ("该年度全部", "All of the year"),
    },
    "basis": {"totals": ("合计数", "Totals"), "file": ("明细文件", "File of details")},
    "projection": {
        "last_year": ("去年同期", "Same months of last year"),
        "known_only": ("只计已知应付", "Known payables only"),
    },
    "paid_by": {"hospital": ("医疗机构", "Hospital"), "patient": ("个人（零星报销）", "Patient")},
}


def _named(names: Words) -> Mapping[str, Value]:
    return {code: (name, names["en"][code]) for code, name in names["zh"].items()}


_GROUPS: Final[Mapping[str, Mapping[str, Value]]] = {
    **VALUES,
    "type": VALUES["difference"],
    "summary": VALUES["outcome"],
    "benefit_class": _named(CLASS_NAMES),
    "medical_type": _named(MEDICAL_TYPE_NAMES),
}
REASON: Final = "reason"
CODES: Final = frozenset({"fund", "medical_type", "clr_type"})
"""Members whose values are codes that others know as well: their words stand beside them, not in their place."""


def has_words(member: str) -> bool:
    """Whether the values of a member of rows have words."""
    return member in _GROUPS or member == REASON


def worded(member: str, value: str, language: Language, classes: Mapping[str, ClassWords] = BASE_CLASSES) -> str:
    """What a value of a member is called; itself where nobody named it. Of a reason that is the code of a refusal, the
    refusal's first sentence. ``classes``: what packs' own benefit classes are called."""
    if member == "benefit_class":
        return class_name(value, language, classes)
    if member == REASON and value in MESSAGES:
        return title(value, language)
    found = _GROUPS.get(member, {}).get(value)
    return value if found is None else found[language == "en"]
