"""What the columns of settlements and of readjudications mean."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "help.column.readjudication_id": ("批量重新核算的编号。", "Number of the readjudication."),
    "help.column.source": (
        "重新核算哪些人员年度：待重算清单、政策更正涉及的，或全部。",
        "Which person-years: those on the worklist, those that a correction of the policy concerns, or all.",
    ),
    "help.column.fund_total": (
        "各基金支付之和；批量重新核算中是它的变化。",
        "What all funds pay together; of a readjudication how that changes.",
    ),
    "help.column.status": (
        "结算现在的状态：已结算、已调整或已撤销。",
        "What has become of the settlement: settled, adjusted or reversed.",
    ),
    "help.column.settled_at": ("结算的时间，也决定费用月份。", "When it was settled; decides the month, too."),
    "help.column.benefit_year": (
        "待遇年度：起付线和封顶线按它累计。",
        "The year whose deductibles and ceilings count.",
    ),
    "help.column.visit_id": ("医疗机构的住院号或门诊号。", "The hospital's number of the visit."),
    "help.column.settle_seq": ("这次就诊的第几张账单，从 1 起。", "Which bill of the visit it is, from 1."),
    "help.column.benefit_class": ("结算所按的人员类别。", "The class of insured by which it was settled."),
    "help.column.medical_type": (
        "医疗类别：普通门诊、门诊慢特病、住院、生育住院。",
        "Outpatient, chronic disease, inpatient, childbirth.",
    ),
    "help.column.admitted_on": ("入院日；门诊为就诊日。", "Day of admission; the visit's day for outpatients."),
    "help.column.discharged_on": ("出院日，决定适用哪天的政策。", "Day of discharge: its policy applies."),
    "help.column.interim": ("未出院时的中途结算。", "Settled during a stay that goes on."),
    "help.column.paid_by": (
        "谁先付了基金承担的部分：医疗机构垫付，或患者先付后报。",
        "Who paid the funds' share first: the hospital, or the patient.",
    ),
    "help.column.paying_area": ("负责付款的统筹区。", "The pooling area that pays."),
    "help.column.out_of_area": ("在参保统筹区以外就医。", "Treated outside the own pooling area."),
    "help.column.scope.own_expense": (
        "目录外或未批准、由患者全额承担的费用。",
        "Not covered, or not approved: the patient's own.",
    ),
    "help.column.scope.over_limit": (
        "单价超过最高限价的部分，由患者承担。",
        "What is above the price limit: the patient's own.",
    ),
    "help.column.scope.first_pay": (
        "乙类项目先由患者自付的部分。",
        "The patient's share of class B items, before anything else.",
    ),
    "help.column.scope.in_scope": ("政策范围内费用：各项待遇都从它算起。", "What the benefits are computed from."),
    "help.column.portions.basic": ("基本医疗保险支付。", "Paid by basic insurance."),
    "help.column.portions.serious_illness": ("大病保险支付。", "Paid by serious illness insurance."),
    "help.column.portions.supplement": ("补充保险支付。", "Paid by supplementary insurance."),
    "help.column.portions.medical_assistance": ("医疗救助支付。", "Paid by medical assistance."),
    "help.column.portions.safety_net": ("兜底保障支付。", "Paid by the safety net."),
    "help.column.portions.hospital": ("按政策由医院承担。", "What the policy puts on the hospital."),
    "help.column.portions.patient": ("患者自己承担。", "What the patient bears."),
    "help.column.payable_adjustment": (
        "按定额结算时，定额与实际费用的差额，归医疗机构。",
        "What a fixed sum is more than the bill; the hospital's.",
    ),
    "help.column.recoverable": (
        "不能排除工伤等第三方责任，可向责任方追偿。",
        "Somebody else may be liable and can be asked for it.",
    ),
    "help.column.policy.pack": ("结算所用的政策配置。", "The pack of policies that it was settled by."),
    "help.column.policy.version": ("结算所用的政策版本。", "The version of the policy that it was settled by."),
    "help.column.result_digest": (
        "结算结果的摘要，重新计算时用来比对。",
        "SHA-256 of the results, to compare a replay with.",
    ),
    "help.column.of_settlement_id": ("被更正的那笔结算。", "The settlement that was corrected."),
}
