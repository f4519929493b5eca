"""The columns of exported lists: what each member of an answer is called in Chinese, and what its cells are."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from app.basics.money import fen
from app.service.export import Column, Kind

_TEXTS: Final = {
    "appeal_reason": "申诉理由",
    "account": "科目",
    "appealed_by": "申诉人",
    "approved_by": "审核人",
    "area_code": "统筹区",
    "basis": "对账依据",
    "balance_id": "个人往来编号",
    "benefit_class": "人员类别",
    "cause": "依据",
    "clr_type": "清算类别",
    "created_by": "经办人",
    "decided_by": "复核人",
    "decision_reason": "复核理由",
    "deduction_id": "扣款编号",
    "difference_id": "差异编号",
    "direction": "方向",
    "disbursement_id": "拨付单编号",
    "event": "业务事件",
    "fund": "基金",
    "hospital_code": "医院编码",
    "item_code": "项目编码",
    "job_id": "任务编号",
    "kind": "类型",
    "medical_type": "医疗类别",
    "name": "名称",
    "of_settlement_id": "原结算编号",
    "other_account": "对方科目",
    "outcome": "复核结果",
    "paid_by": "垫付方",
    "paying_area": "参保统筹区",
    "period": "账期",
    "person_id": "人员编号",
    "policy.pack": "政策包",
    "policy.version": "政策版本",
    "posting_id": "分录编号",
    "prepayment_id": "预付编号",
    "projection": "预测依据",
    "proposed_item_code": "建议项目编码",
    "reason": "原因",
    "reason_code": "原因代码",
    "reconciliation_id": "对账编号",
    "reference": "付款凭证号",
    "release_id": "保证金清算编号",
    "request_id": "请求号",
    "resolution": "处理说明",
    "resolved_by": "处理人",
    "result": "对账结果",
    "result_digest": "结果摘要",
    "sent_by": "发送人",
    "settlement_id": "结算编号",
    "state": "状态",
    "statement_id": "申报单编号",
    "status": "状态",
    "subject": "经办人",
    "summary": "结果",
    "taken_by": "抵扣于",
    "transfer_id": "分录编号",
    "their_reference": "医院方编号",
    "tier": "保障层级",
    "type": "差异类型",
    "visit_id": "就诊号",
}
_MONEY: Final = {
    "amount": "金额",
    "balance": "余额",
    "carried": "结转抵扣",
    "cash": "已付现金",
    "credit": "贷方",
    "debit": "借方",
    "deductions": "扣款",
    "deposit": "质量保证金",
    "disbursed": "已拨付",
    "disbursed_of_due": "到期已拨付",
    "due": "到期应付",
    "expected": "预计新增",
    "final_paid": "最终已付",
    "final_payable": "最终应付",
    "forfeited": "扣罚",
    "fund_total": "基金支付合计",
    "gross": "审核应付",
    "incurred": "发生额",
    "offset": "预付抵扣",
    "ours": "本方金额",
    "outstanding": "未抵扣余额",
    "overdue_amount": "逾期未付",
    "paid": "已付",
    "payable": "应付",
    "payable_adjustment": "定额结余",
    "portions.basic": "基本医保",
    "portions.hospital": "医院承担",
    "portions.medical_assistance": "医疗救助",
    "portions.patient": "个人负担",
    "portions.safety_net": "兜底保障",
    "portions.serious_illness": "大病保险",
    "premium_subsidy": "参保补贴",
    "required": "年底前尚需拨付",
    "returned": "退回",
    "scheduled": "已安排",
    "scope.first_pay": "先行自付",
    "scope.in_scope": "政策范围内",
    "scope.over_limit": "超限价",
    "scope.own_expense": "全自费",
    "theirs": "医院方金额",
    "total": "医疗费总额",
    "unpaid": "未付",
    "upheld": "核定扣款",
    "year_end_offset": "年末预付抵扣",
}
_DAYS: Final = {
    "admitted_on": "入院日期",
    "appeal_by": "申诉截止",
    "appealed_on": "申诉日期",
    "approved_on": "审核日期",
    "as_of": "截止日",
    "business_date": "记账日",
    "class_since": "认定日期",
    "created_on": "制单日期",
    "decided_on": "复核日期",
    "discharged_on": "出院日期",
    "due_on": "应完成日",
    "exited_on": "退出日期",
    "insured_from": "参保起",
    "insured_until": "参保止",
    "opened_on": "发现日期",
    "paid_on": "付款日期",
    "pay_by": "应付款日",
    "proposed_on": "提出日期",
    "received_on": "收到日",
    "resolved_on": "处理日期",
    "sent_on": "发送日期",
}
_INSTANTS: Final = {
    "compared_at": "对账时间",
    "completed_at": "完成时间",
    "declared_at": "申报时间",
    "opened_at": "发生时间",
    "recorded_at": "记录时间",
    "settled_at": "结算时间",
    "since": "起始时间",
}
_COUNTS: Final = {
    "age_days": "天数",
    "benefit_year": "待遇年度",
    "fiscal_year": "财政年度",
    "hospitals": "医院数",
    "line_no": "明细行",
    "lines": "明细数",
    "ours_count": "本方笔数",
    "settle_seq": "结算序号",
    "settlements": "结算数",
    "theirs_count": "医院方笔数",
    "within_grace": "宽限内差异",
    "year": "年度",
}
_RATES: Final = {
    "assessed_ratio": "考核比例",
    "deposit_rate": "保证金比例",
    "final_ratio": "最终拨付率",
    "floor": "下限",
    "incurred_ratio": "拨付率",
    "matured_ratio": "到期拨付率",
    "projected_ratio": "预测拨付率",
}
_FLAGS: Final = {
    "interim": "中途结算",
    "out_of_area": "异地",
    "overdue": "逾期",
    "recoverable": "可追偿",
    "statutory": "法定下限",
}
_KINDS: Final[Mapping[Kind, Mapping[str, str]]] = {
    "text": _TEXTS,
    "money": _MONEY,
    "date": _DAYS,
    "instant": _INSTANTS,
    "count": _COUNTS,
    "rate": _RATES,
    "flag": _FLAGS,
}
UNSUMMED: Final = frozenset({"balance"})
COLUMNS: Final[Mapping[str, Column]] = {
    path: Column(f"{title} {path.rpartition('.')[2]}", kind, path not in UNSUMMED)
    for kind, of in _KINDS.items()
    for path, title in of.items()
}
FILTER_TITLES: Final = {"from": "起始日", "to": "截止日", "group_by": "分组"}
OVERDUE_AMOUNT: Final = "overdue_amount"  # a payout rate's ``overdue`` is money, an order's is yes or no


def columns_of(paths: Sequence[str]) -> list[Column]:
    """The columns of members, a member of a member by its path: ``portions.basic``."""
    return [COLUMNS[path] for path in paths]


def cells_of(row: Mapping[str, Any], paths: Sequence[str]) -> list[Any]:
    """An answer's cells, as ``export.Column`` wants them."""
    return [_cell(_member(row, path), COLUMNS[path].kind) for path in paths]


def _member(row: Mapping[str, Any], path: str) -> Any:
    head, _, rest = ("overdue", "", "") if path == OVERDUE_AMOUNT else path.partition(".")
    return _member(row[head], rest) if rest else row[head]


def _cell(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    match kind:
        case "money":
            return fen(value)
        case "date":
            return date.fromisoformat(value)
        case "text" if isinstance(value, dict):
            return "，".join(f"{name} {count}" for name, count in value.items())
    return value


def filters_text(filters: Mapping[str, Any]) -> str:
    """What a list was narrowed to, for the header of its file: ``账期 period=2018-05；基金 fund=390100``."""
    return "；".join(f"{_filter_title(name)} {name}={_filter_value(value)}" for name, value in filters.items())


def _filter_title(name: str) -> str:
    return FILTER_TITLES.get(name) or COLUMNS[name].heading.partition(" ")[0]


def _filter_value(value: Any) -> str:
    return ("是" if value else "否") if isinstance(value, bool) else str(value)
