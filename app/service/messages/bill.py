"""What is said of a bill and of whom it is for."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "line_amount_mismatch": (
        "金额与数量×单价不符（相差超过1分）。请核对该行的数量、单价和金额。",
        "The amount differs from quantity × unit price by more than 0.01. Check the line's quantity, price and amount.",
    ),
    "total_mismatch": (
        "总金额与各明细行金额之和不符。请核对总金额，并检查是否漏传或重复传了明细。",
        "The total differs from the sum of the lines. Check the total, and whether lines are lacking or sent twice.",
    ),
    "duplicate_line_no": (
        "明细行号重复。请为每一行使用不同的行号。",
        "The line number occurs twice. Give each line a number of its own.",
    ),
    "negative_amount": (
        "金额不能为负。退费请用退费行，并填写所退的原行号。",
        "The amount can't be negative. To take a charge back send a refund line that names the original line.",
    ),
    "negative_quantity": (
        "非退费行的数量不能为负。退费请填写所退的原行号（refund_of_line_no）。",
        "Only a refund line can have a negative quantity. Name the original line in refund_of_line_no.",
    ),
    "quantity_zero": (
        "数量不能为零。请填写实际数量，或删除该行。",
        "The quantity can't be zero. Send the real quantity or remove the line.",
    ),
    "refund_not_negative": (
        "退费行的数量和金额必须为负。请把该行的数量和金额改为负数。",
        "A refund line needs a negative quantity and amount. Change their signs.",
    ),
    "refund_exceeds_line": (
        "退费数量超过原行的剩余数量。剩余 {remaining}；请核对该行此前已退的数量，减少本次退费。",
        "The refund exceeds what is left of the original line. "
        "{remaining} is left; check earlier refunds of it and refund less.",
    ),
    "refund_amount_mismatch": (
        "退费金额与原行金额不符。按原行计算应为 {expected} 元，请修改。",
        "The refund's amount doesn't fit the original line. By that line it should be {expected} yuan.",
    ),
    "refund_line_unknown": (
        "找不到被退的原行。请核对所填的原行号；退费行本身不能再被退。",
        "The line to be refunded doesn't exist. Check its number; a refund line can't be refunded itself.",
    ),
    "refund_line_differs": (
        "退费行与原行的项目编码或单价不一致。请按原行填写编码和单价。",
        "The refund's item code or unit price differs from the original line. Send those of that line.",
    ),
    "charged_outside_stay": (
        "费用发生日不在入院日至出院日之间。请核对收费时间（按北京时间）和入出院日期。",
        "The charge lies outside the stay. Check its time (in Beijing time) and the days of admission and discharge.",
    ),
    "discharge_before_admission": (
        "出院日早于入院日。请核对两个日期。",
        "The discharge is before the admission. Check both days.",
    ),
    "outpatient_days_differ": (
        "门诊单据的入院日和出院日必须是同一天。请把两个日期都填为就诊日，跨日的请分开结算。",
        "An outpatient bill has both days equal. Send the day of the visit twice; settle other days apart.",
    ),
    "in_the_future": (
        "日期在今天之后。请核对日期，费用发生后再结算。",
        "The day lies in the future. Check it; settle only after the charges have arisen.",
    ),
    "unknown_person": (
        "未找到该参保人。请核对医保个人编号（不是身份证号），或先在登记系统登记此人。",
        "The person isn't registered. Check the fund's own number (not the id number) or register the person first.",
    ),
    "unknown_hospital": (
        "未找到该定点医疗机构。请核对机构编码，或先登记该机构。",
        "The hospital isn't registered. Check its code or register it first.",
    ),
    "not_insured": (
        "此人在入院（就诊）日没有参保城乡居民医保。请核对参保起止日期，或联系参保地经办机构。",
        "The person isn't insured under 390 on the admission (visit) day. "
        "Check the dates of insurance or ask the person's local fund.",
    ),
    "fact_missing": (
        "结算规则要用到的一项事实没有填写（如在职或退休、项目种类）。请补上后再算。",
        "A fact that a rule asks for isn't given, such as retired or not, or an item's kind. Add it and send again.",
    ),
    "insurance_type_unsupported": (
        "不支持该险种。目前只结算城乡居民基本医疗保险（390）。",
        "This type of insurance isn't supported. Only residents' basic insurance (390) is settled here.",
    ),
    "hospital_not_contracted": (
        "该医疗机构在入院（就诊）日没有定点协议。"
        "请核对机构和日期，或由登记人员补录协议期；现金垫付的由经办机构按零星报销办理。",
        "The hospital has no designated-provider contract on the admission (visit) day. "
        "Check both, or have the contract registered.",
    ),
    "stay_split_changed": (
        "这笔跨年住院结算时分没分年度，和现在的规定不同，不能按原结算单重算。请撤销这笔结算，再重新结算。",
        "The law splits this stay otherwise than its settlement does. It changed whether a stay over the turn of the "
        "year is split there: reverse the settlement and settle the bill again.",
    ),
    "disease_not_listed": (
        "慢特病病种不在目录内，或未填写病种编码。请按参保地的病种目录填写编码。",
        "The chronic disease isn't listed or its code is missing. Send a code from the list of the person's area.",
    ),
    "disease_not_registered": (
        "此人未办理该慢特病病种的认定。请先办理认定，或按普通门诊结算。",
        "The person isn't registered for this chronic disease. Register it first or settle as an ordinary visit.",
    ),
    "delivery_mode_missing": (
        "生育住院缺少分娩方式。请填写 vaginal（顺产）或 caesarean（剖宫产）。",
        "The mode of delivery is missing. Send vaginal or caesarean.",
    ),
    "work_injury_not_covered": (
        "已认定的工伤不由医疗保险支付。请向工伤保险申请，不要在此结算。",
        "A recognised work injury isn't covered here. Claim it from work-injury insurance.",
    ),
    "transfer_visit_unknown": (
        "找不到转出医院的就诊记录。请核对转出机构编码和就诊号，确认转出医院已结算。",
        "The visit that the person was transferred from is unknown. "
        "Check its hospital and visit id, and that it is settled.",
    ),
}
