"""The columns of lists: what each member of a row is called in both languages, and what its cells are.

A member's name means one thing in every list, so its title and kind stand here once; a list derives its columns from
the type of its rows. Where a name means something else in one list, that list says so itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct

from app.basics.classes import BASE_CLASSES, ClassWords
from app.basics.errors import Language
from app.basics.money import fen
from app.service.export import Column, Kind, flag_text
from app.service.words import CODES, has_words, worded


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A column: the member of the row that it shows (a member of a member by its path: ``portions.basic``), its
    title, what its cells are, and whether money is summed below it."""

    path: str
    kind: Kind
    title: Mapping[Language, str]
    summed: bool = True

    @property
    def worded(self) -> bool:
        """Whether its values are said in words; codes that others know as well stay, with their words beside them."""
        return has_words(self.path) and self.path not in CODES

    def file_column(self, language: Language) -> Column:
        """The column of a file for people."""
        return Column(self.title[language], self.kind, self.summed)

    def value(self, row: Struct) -> object:
        """The member of the row."""
        value: object = row
        for name in self.path.split("."):
            value = getattr(value, name)
        return value

    def cell(self, row: Struct, language: Language, classes: Mapping[str, ClassWords] = BASE_CLASSES) -> object:
        """The row's cell as a file for people wants it: money in fen, days as days, states and kinds in words, packs'
        own benefit classes in those of ``classes``."""
        value = self.value(row)
        if value is None:
            return None
        match self.kind:
            case "money":
                return fen(str(value))
            case "date":
                return date.fromisoformat(value) if isinstance(value, str) else value
            case "text" if isinstance(value, dict):
                return "，".join(f"{worded(self.path, name, language)} {count}" for name, count in value.items())
            case "text" if isinstance(value, list):
                return "，".join(value)
            case "text" if self.worded:
                return worded(self.path, str(value), language, classes)
        return value


_WORDS: Final[Mapping[Kind, Mapping[str, tuple[str, str]]]] = {
    "text": {
        "appeal_reason": ("申诉理由", "Reason of the appeal"),
        "about": ("涉及对象", "About"),
        "account": ("科目", "Account"),
        "appealed_by": ("申诉人", "Appealed by"),
        "approved_by": ("审核人", "Approved by"),
        "area_code": ("统筹区", "Pooling area"),
        "audit_id": ("审计编号", "Audit row"),
        "basis": ("对账依据", "Compared by"),
        "balance_id": ("患者退补款编号", "Balance"),
        "benefit_class": ("人员类别", "Benefit class"),
        "cause": ("依据", "Cause"),
        "claim_id": ("零星报销单编号", "Claim"),
        "closed_by": ("处理人", "Looked at by"),
        "closing_reason": ("处理说明", "What was found out"),
        "clr_type": ("清算类别", "Clearing type"),
        "created_by": ("经办人", "Made by"),
        "decided_by": ("复核人", "Decided by"),
        "decision_reason": ("复核理由", "Reason of the decision"),
        "deduction_id": ("扣款编号", "Deduction"),
        "difference_id": ("差异编号", "Difference"),
        "direction": ("方向", "Direction"),
        "disbursement_id": ("拨付单号", "Order"),
        "document_number": ("文号", "Document number"),
        "event": ("业务事件", "Event"),
        "fund": ("基金", "Fund"),
        "hospital_code": ("医疗机构编码", "Hospital code"),
        "item_code": ("项目编码", "Item code"),
        "job_id": ("任务编号", "Job"),
        "kind": ("类型", "Kind"),
        "medical_type": ("医疗类别", "Medical type"),
        "name": ("名称", "Name"),
        "numbered_by": ("文号登记人", "Numbered by"),
        "of_settlement_id": ("原结算编号", "Corrected settlement"),
        "operation": ("操作", "Operation"),
        "other_account": ("对应科目", "Other account"),
        "outcome": ("复核决定", "Decision"),
        "paid_by": ("垫付方", "Paid first by"),
        "paying_area": ("参保统筹区", "Paying area"),
        "period": ("费用月份", "Month"),
        "person_id": ("人员编号", "Person"),
        "policy.pack": ("政策配置", "Policy pack"),
        "policy.version": ("政策版本", "Policy version"),
        "posting_id": ("分录编号", "Posting"),
        "prepayment_id": ("预付编号", "Prepayment"),
        "projection": ("预测依据", "Basis of the projection"),
        "proposed_item_code": ("建议项目编码", "Proposed item code"),
        "query": ("条件", "Query"),
        "adjustments": ("调整记录", "Adjustments"),
        "readjudication_id": ("批量重新核算编号", "Readjudication"),
        "reason": ("原因", "Reason"),
        "source": ("范围", "Which person-years"),
        "reason_code": ("原因代码", "Reason code"),
        "reconciliation_id": ("对账编号", "Reconciliation"),
        "reference": ("付款凭证号", "Payment reference"),
        "release_id": ("保证金清算编号", "Deposit release"),
        "request_id": ("请求号", "Request"),
        "resolution": ("处理说明", "Resolution"),
        "resolved_by": ("处理人", "Resolved by"),
        "result": ("对账结果", "Result"),
        "result_digest": ("结果摘要", "Digest of the result"),
        "sent_by": ("发送人", "Sent by"),
        "settlement_id": ("结算号", "Settlement"),
        "state": ("状态", "State"),
        "statement_id": ("月度结算申报表号", "Statement"),
        "part_id": ("分项编号", "Part"),
        "status": ("状态", "State"),
        "subject": ("经办人", "Made by"),
        "summary": ("结果", "Outcome"),
        "taken_by": ("抵扣于", "Taken over by"),
        "transfer_id": ("分录编号", "Transfer"),
        "their_reference": ("医疗机构编号", "Hospital's reference"),
        "seal_finding_id": ("发现编号", "Finding"),
        "table": ("数据表", "Table"),
        "acknowledgement_id": ("确认编号", "Acknowledgement"),
        "asked_by": ("确认人", "Said by"),
        "confirmed_by": ("复核确认人", "Confirmed by"),
        "tier": ("保障层级", "Tier"),
        "type": ("差异类型", "Kind of difference"),
        "visit_id": ("就诊号", "Visit"),
    },
    "money": {
        "amount": ("金额", "Amount"),
        "balance": ("余额", "Balance"),
        "carried": ("结转抵扣", "Carried"),
        "hospitals.incurred": ("医疗机构发生额", "Hospitals: incurred"),
        "hospitals.payable": ("医疗机构应付", "Hospitals: payable"),
        "hospitals.disbursed": ("医疗机构已拨付", "Hospitals: disbursed"),
        "persons.incurred": ("个人发生额", "Persons: incurred"),
        "persons.payable": ("个人应付", "Persons: payable"),
        "persons.disbursed": ("个人已拨付", "Persons: disbursed"),
        "deducted": ("已扣款", "Deducted"),
        "owed_back": ("待个人退回", "To be given back"),
        "instant": ("即时结算已付", "Instant"),
        "repaid": ("已归还结转", "Repaid"),
        "cash": ("已付现金", "Paid in cash"),
        "credit": ("贷方", "Credit"),
        "debit": ("借方", "Debit"),
        "deductions": ("扣款", "Deductions"),
        "deposit": ("质量保证金", "Deposit"),
        "disbursed": ("已拨付", "Disbursed"),
        "disbursed_of_due": ("到期已拨付", "Disbursed of what is due"),
        "due": ("到期应付", "Due"),
        "expected": ("预计新增", "Expected"),
        "final_paid": ("最终已付", "Finally paid"),
        "final_payable": ("最终应付", "Finally payable"),
        "forfeited": ("扣罚", "Forfeited"),
        "fund_total": ("基金支付合计", "Paid by funds"),
        "gross": ("审核应付", "Approved"),
        "incurred": ("发生额", "Incurred"),
        "offset": ("预付抵扣", "Prepayment used"),
        "ours": ("经办机构金额", "Our amount"),
        "outstanding": ("未抵扣余额", "Not used yet"),
        "paid": ("已付", "Paid"),
        "payable": ("应付", "Payable"),
        "patient_owes": ("患者应补", "Patient bears more"),
        "posted_fund_total": ("已入账基金变化", "Posted: funds"),
        "posted_patient": ("已入账个人变化", "Posted: patient"),
        "payable_adjustment": ("定额结余", "Surplus of fixed sums"),
        "portions.basic": ("基本医保", "Basic insurance"),
        "portions.hospital": ("医院承担", "Borne by the hospital"),
        "portions.medical_assistance": ("医疗救助", "Medical assistance"),
        "portions.patient": ("个人负担", "Patient"),
        "portions.safety_net": ("兜底保障", "Safety net"),
        "portions.serious_illness": ("大病保险", "Serious illness insurance"),
        "portions.supplement": ("补充保险", "Supplementary insurance"),
        "premium_subsidy": ("参保补贴", "Premium subsidy"),
        "required": ("年底前尚需拨付", "Still required by year end"),
        "returned": ("退回", "Returned"),
        "scheduled": ("已安排", "Scheduled"),
        "scope.first_pay": ("先行自付", "First pay"),
        "scope.in_scope": ("政策范围内", "In scope"),
        "scope.over_limit": ("超限价", "Over price limits"),
        "scope.own_expense": ("全自费", "Own expense"),
        "theirs": ("医疗机构金额", "Hospital's amount"),
        "total": ("医疗费总额", "Total"),
        "unpaid": ("未付", "Unpaid"),
        "upheld": ("核定扣款", "Upheld"),
        "given_back": ("已退还扣款", "Given back"),
        "year_end_offset": ("年末预付抵扣", "Prepayment used at year end"),
    },
    "date": {
        "admitted_on": ("入院日期", "Admitted"),
        "appeal_by": ("申诉截止", "Appeal until"),
        "decide_by": ("复核决定期限", "Decided by"),
        "appealed_on": ("申诉日期", "Appealed on"),
        "approved_on": ("审核日期", "Approved on"),
        "as_of": ("截止日", "As of"),
        "business_date": ("记账日", "Business day"),
        "class_since": ("认定日期", "Class since"),
        "created_on": ("经办日期", "Made on"),
        "decided_on": ("复核日期", "Decided on"),
        "discharged_on": ("出院日期", "Discharged"),
        "due_on": ("应付日期", "Due on"),
        "exited_on": ("退出日期", "Exited on"),
        "insured_from": ("参保起", "Insured from"),
        "insured_until": ("参保止", "Insured until"),
        "numbered_on": ("文号登记日期", "Numbered on"),
        "opened_on": ("发现日期", "Found on"),
        "paid_on": ("付款日期", "Paid on"),
        "pay_by": ("应付款日", "Pay by"),
        "proposed_on": ("提出日期", "Proposed on"),
        "received_on": ("收到日", "Received on"),
        "resolved_on": ("处理日期", "Resolved on"),
        "sent_on": ("发送日期", "Sent on"),
    },
    "instant": {
        "compared_at": ("对账时间", "Compared at"),
        "completed_at": ("完成时间", "Completed at"),
        "declared_at": ("申报时间", "Declared at"),
        "opened_at": ("发生时间", "Opened at"),
        "recorded_at": ("记录时间", "Recorded at"),
        "settled_at": ("结算时间", "Settled at"),
        "received_at": ("提交时间", "Received"),
        "since": ("起始时间", "Since"),
        "found_at": ("发现时间", "Found at"),
        "mended_at": ("恢复时间", "Mended at"),
        "confirmed_at": ("复核确认时间", "Confirmed at"),
    },
    "count": {
        "age_days": ("天数", "Days open"),
        "bills": ("变化的结算数", "Settlements that change"),
        "benefit_year": ("待遇年度", "Benefit year"),
        "block": ("区块", "Block"),
        "count": ("行数", "Rows"),
        "done": ("已处理行数", "Rows done"),
        "fiscal_year": ("财政年度", "Fiscal year"),
        "hospitals": ("医疗机构数", "Hospitals"),
        "line_no": ("明细行", "Line"),
        "lines": ("明细数", "Lines"),
        "ours_count": ("经办机构笔数", "Our count"),
        "settle_seq": ("结算序号", "Settlement no."),
        "settlements": ("结算数", "Settlements"),
        "status_code": ("状态码", "Status code"),
        "theirs_count": ("医疗机构笔数", "Hospital's count"),
        "within_grace": ("宽限内差异", "Within grace"),
        "year": ("年度", "Year"),
    },
    "rate": {
        "assessed_ratio": ("考核比例", "Assessed ratio"),
        "deposit_rate": ("保证金比例", "Deposit rate"),
        "hospitals.incurred_ratio": ("医疗机构拨付率", "Hospitals: payout rate"),
        "persons.incurred_ratio": ("个人拨付率", "Persons: payout rate"),
        "final_ratio": ("最终拨付率", "Final payout rate"),
        "floor": ("拨付率要求", "Required rate"),
        "incurred_ratio": ("拨付率", "Payout rate"),
        "matured_ratio": ("到期拨付率", "Payout rate of what is due"),
        "projected_ratio": ("预测拨付率", "Projected payout rate"),
    },
    "flag": {
        "account_pinned": ("已确定收款账户", "Account fixed"),
        "changed_since": ("试算后有变化", "Changed since the dry run"),
        "interim": ("中途结算", "Interim"),
        "other_person": ("非本机构人员", "Not the hospital's person"),
        "out_of_area": ("异地", "Out of area"),
        "overdue": ("逾期", "Overdue"),
        "late_declared": ("迟申报金额", "Declared late"),
        "recoverable": ("可追偿", "Recoverable"),
        "statutory": ("法定要求", "Required by law"),
    },
}
_UNSUMMED: Final = frozenset({"balance"})
COLUMNS: Final[Mapping[str, ListColumn]] = {
    path: ListColumn(path, kind, {"zh": chinese, "en": english}, path not in _UNSUMMED)
    for kind, members in _WORDS.items()
    for path, (chinese, english) in members.items()
}
BESIDE: Final[Mapping[str, tuple[str, str]]] = {
    "hospital_code": ("医疗机构", "Hospital"),
    "fund": ("基金名称", "Name of the fund"),
    "medical_type": ("医疗类别名称", "Name of the type"),
    "clr_type": ("清算类别名称", "Name of the clearing type"),
}
"""What stands in a file beside a code: the column of its names."""
_FILTERS: Final[Mapping[str, tuple[str, str]]] = {
    "hospital_code": ("医疗机构", "Hospital"),
    "from": ("起始日", "From"),
    "asked": ("待确认未执行", "Not executed, to be confirmed"),
    "open": ("待处理", "To be looked at"),
    "outcome": ("处理结果", "Outcome"),
    "receipt_id": ("回盘文件号", "Receipt"),
    "result": ("结果", "Result"),
    "to": ("截止日", "To"),
    "group_by": ("分组", "Grouped by"),
    "prefix": ("科目开头", "Account begins with"),
}


def columns_of(
    row: type[Struct], *, without: Iterable[str] = (), own: Iterable[ListColumn] = ()
) -> tuple[ListColumn, ...]:
    """The columns of a type of rows, one per member in its order, the members of a member in its place. ``without``
    names what a file leaves out, ``own`` are columns that mean something else here. KeyError for a member without a
    title."""
    left_out, known = frozenset(without), {one.path: one for one in own}
    return tuple(known.get(path) or COLUMNS[path] for path in _paths(row, left_out))


def _paths(row: type[Struct], left_out: frozenset[str], before: str = "") -> list[str]:
    paths: list[str] = []
    for field in msgspec.structs.fields(row):
        path = before + field.name
        if path in left_out:
            continue
        inside = isinstance(field.type, type) and issubclass(field.type, Struct)
        paths += _paths(field.type, left_out, f"{path}.") if inside else [path]
    return paths


def filters_text(filters: Mapping[str, object], language: Language) -> str:
    """What a list was narrowed to, for the header of its file: ``费用月份 2018-05；基金 390100 基本医保``."""
    return "；".join(
        f"{filter_title(name, language)} {_filter_value(name, value, language)}" for name, value in filters.items()
    )


def filter_title(name: str, language: Language) -> str:
    """What a filter is called: as the column of its name."""
    if name in _FILTERS:
        return _FILTERS[name][language == "en"]
    return COLUMNS[name].title[language]


def _filter_value(name: str, value: object, language: Language) -> str:
    if isinstance(value, bool):
        return flag_text(value, language)
    text = str(value)
    words = worded(name, text, language)
    return f"{text} {words}" if name in CODES and words != text else words
