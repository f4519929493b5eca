"""What each code says to a reader, in Chinese and English. Pure.

The first sentence says what is wrong, names no figure, and is the title; what follows says what to do next. Figures in
``{braces}`` are ours and come from the values of the fault or error, never from the input.
"""

import re
from collections.abc import Mapping
from typing import Final

from app.basics.errors import Language

_FORM: Final[dict[str, tuple[str, str]]] = {
    "missing": ("缺少必填字段。请补上该字段后重新提交。", "A required field is missing. Add it and send again."),
    "unknown_field": (
        "有接口未定义的字段。请核对字段名的拼写，删除多余的字段。",
        "There is a field that the interface doesn't define. Check its spelling or remove it.",
    ),
    "wrong_type": (
        "JSON 类型不对。此处应为 {expected}，请按接口文档修改。",
        "The JSON type is wrong. Send {expected} here.",
    ),
    "not_an_object": (
        "此处应为 JSON 对象。请用 {{ }} 包住各字段后重新提交。",
        "A JSON object is expected here. Wrap the fields in {{ }} and send again.",
    ),
    "money_not_string": (
        '金额、单价、数量和比例必须是字符串，不能是 JSON 数字。请加上引号，例如 "25.00"。',
        'Amounts, prices, quantities and rates are strings, not JSON numbers. Put them in quotes, for example "25.00".',
    ),
    "money_format": (
        '金额格式不对。请用字符串表示，单位元，必须有两位小数，例如 "25.00"。',
        'The amount has the wrong form. Send yuan as a string with exactly two decimals, for example "25.00".',
    ),
    "price_format": (
        '单价格式不对。请用字符串表示，单位元，不能为负，最多六位小数，例如 "12.50"。',
        'The unit price has the wrong form. Send yuan, not negative, with at most six decimals, for example "12.50".',
    ),
    "quantity_format": (
        '数量格式不对。请用字符串表示，最多四位小数，例如 "2" 或 "0.5"。',
        'The quantity has the wrong form. Send a string with at most four decimals, for example "2" or "0.5".',
    ),
    "rate_format": (
        '比例格式不对。请用 0 到 1 之间的字符串表示，最多四位小数，例如 "0.7000"。',
        'The rate has the wrong form. Send a string from 0 to 1 with at most four decimals, for example "0.7000".',
    ),
    "date_format": (
        '日期格式不对，或日历上没有这一天。请写成 YYYY-MM-DD，例如 "2018-05-12"。',
        'The date has the wrong form or isn\'t in the calendar. Write YYYY-MM-DD, for example "2018-05-12".',
    ),
    "datetime_format": (
        '时间格式不对。请按 RFC 3339 填写并带时区，例如 "2018-05-02T09:30:00+08:00"。',
        'The time has the wrong form. Write RFC 3339 with an offset, for example "2018-05-02T09:30:00+08:00".',
    ),
    "date_out_of_range": (
        "年份超出可用范围。请核对年份；表示“长期有效”时请不填该字段，不要填 9999 年。",
        "The year can't be used. Check it; for an open end leave the field out instead of naming the year 9999.",
    ),
    "not_in_list": (
        "取值不在允许的范围内。可用的值：{allowed}。请改用其中之一。",
        "The value is not among the allowed ones. Use one of: {allowed}.",
    ),
    "text_too_long": (
        "文字太长。最多 {limit} 个字符，请缩短。",
        "The text is too long. Shorten it to at most {limit} characters.",
    ),
    "text_too_short": (
        "文字太短或为空。至少要有 {limit} 个字符，请填写完整。",
        "The text is too short or empty. Write at least {limit} characters.",
    ),
    "text_format": (
        "文字不符合该字段的格式。请检查首尾空格、控制字符和位数，按接口文档修改。",
        "The text doesn't have the form of this field. Check blanks at its ends, control characters and its length.",
    ),
    "nul_character": (
        "文字中含有空字符（U+0000）。请在导出数据时去掉该字符。",
        "The text contains a NUL character (U+0000). Remove it where the data is exported.",
    ),
    "number_out_of_range": (
        "数字超出范围。允许的范围：{range}。请核对后修改。",
        "The number is out of range. Send one within: {range}.",
    ),
    "too_many_items": (
        "条目太多。最多 {limit} 条，请减少后重新提交。",
        "There are too many items. Send at most {limit}.",
    ),
    "too_few_items": (
        "条目太少。至少要有 {limit} 条，请补齐后重新提交。",
        "There are too few items. Send at least {limit}.",
    ),
    "too_many_lines": (
        "明细行太多。一张单据最多 {limit} 行，请按中途结算拆成多次提交。",
        "The bill has too many lines. Send at most {limit}; split it into interim bills.",
    ),
}

_BILL: Final[dict[str, tuple[str, str]]] = {
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
        "The refund exceeds what is left of the original line. {remaining} is left; check earlier refunds of it and refund less.",
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
        "The person isn't insured under 390 on the admission (visit) day. Check the dates of insurance or ask the person's local fund.",
    ),
    "insurance_type_unsupported": (
        "不支持该险种。目前只结算城乡居民基本医疗保险（390）。",
        "This type of insurance isn't supported. Only residents' basic insurance (390) is settled here.",
    ),
    "hospital_not_contracted": (
        "该医疗机构在入院（就诊）日没有定点协议。请核对机构和日期，或由登记人员补录协议期；现金垫付的由经办机构按零星报销办理。",
        "The hospital has no designated-provider contract on the admission (visit) day. Check both, or have the contract registered.",
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
        "找不到转出医院的就诊记录。请核对转出机构编码和就诊号，确认对方已结算。",
        "The visit that the person was transferred from is unknown. Check its hospital and visit id, and that it is settled.",
    ),
    "policy_gap": (
        "当天没有适用的政策规定。涉及 {parameter}（{day}）；请核对日期和参保地，或请政策管理员补充政策包。",
        "No policy rule applies on that day. It concerns {parameter} on {day}; check the day and area, or have the pack completed.",
    ),
    "policy_overlap": (
        "当天有两条相互重叠的政策规定。涉及 {parameter}（{day}）；请政策管理员修正政策包后重新提交。",
        "Two policy rules overlap on that day. It concerns {parameter} on {day}; have the policy pack corrected, then send again.",
    ),
}

_SETTLING: Final[dict[str, tuple[str, str]]] = {
    "already_settled": (
        "该次就诊的这一结算序号已经结算过。请用 Location 所指地址查询原结算，不要重复结算。",
        "This visit and sequence number is already settled. Read the settlement that Location names; don't settle it again.",
    ),
    "quote_mismatch": (
        "现在算出的个人负担与预结算不一致，未结算。现在应为 {patient} 元；请重新预结算，并向患者确认后再提交。",
        "The patient's share isn't the expected one, nothing was settled. It is now {patient} yuan; quote again and ask the patient.",
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
        "The settlement isn't recoverable. Only one settled with an undeterminable work injury is; reverse it otherwise.",
    ),
    "paid_by_needs_finance": (
        "零星报销（paid_by 为 patient）需要财务权限。请由医保经办机构办理；医院直接结算请用 hospital。",
        "A claim paid by the patient needs the finance scope. The fund's office settles it; hospitals send paid_by hospital.",
    ),
    "maker_is_checker": (
        "经办人与复核人不能是同一人。请由另一人复核。",
        "Maker and checker are the same subject. Have somebody else approve it.",
    ),
    "clock_backwards": (
        "业务时钟只能往前拨。请填写不早于当前业务时间的时间。",
        "The clock only moves forward. Send an instant that isn't before the current business time.",
    ),
    "clock_is_real": (
        "服务使用真实时间，不能拨动时钟。测试请以 ONESTOP_CLOCK=manual:<时间> 启动服务。",
        "The service runs on real time, which can't be moved. For tests start it with ONESTOP_CLOCK=manual:<instant>.",
    ),
}

_REGISTRY: Final[dict[str, tuple[str, str]]] = {
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
    "catalogue_overlap": (
        "该项目的另一版本有效期与此重叠。请先截止旧版本，或调整有效期。",
        "Another version of this item is valid at the same time. End the older one first or change the days.",
    ),
}

_RECORDS: Final[dict[str, tuple[str, str]]] = {
    "list_running": (
        "有名单正在比对或等待比对。请等它结束后再更换密钥。",
        "A poverty list is running or waiting. Rotate the keys when it has ended.",
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
    "pack_unknown": (
        "没有这个政策包。请核对名称，可用的名称见 GET /v1/policies。",
        "There is no such policy pack. Check its name; GET /v1/policies lists them.",
    ),
    "parameter_unknown": (
        "没有可由地区自定的这个参数。请使用政策包中对所有人相同的金额参数，例如 safety_net.own_cap。",
        "No parameter of this name can have a figure of an area's own. Use a sum of the pack that is the same for everybody, such as safety_net.own_cap.",
    ),
}

_CLEARING: Final[dict[str, tuple[str, str]]] = {
    "period_format": (
        "月份格式不对。请写成 YYYY-MM，例如 2018-05。",
        "The month has the wrong form. Write YYYY-MM, for example 2018-05.",
    ),
    "fund_not_in_statement": (
        "申报单中没有该基金的金额。请核对基金代码，可用的见申报单的 totals。",
        "The statement has nothing of this fund. Check the fund's code; the statement's totals show which there are.",
    ),
    "statement_not_approved": (
        "申报单中该基金的部分尚未审批。请先由申报人以外的人审批。",
        "This fund's part of the statement isn't approved. Have somebody other than its declarer approve it first.",
    ),
    "differences_open": (
        "该基金还有未处理的对账差异。请先逐条处理并写明原因，再审批。",
        "There are unresolved differences of this fund. Resolve each with its reason, then approve.",
    ),
    "deductions_open": (
        "该基金还有未决的扣款。请等待申诉期满或作出决定，再审批。",
        "There are undecided deductions of this fund. Wait for the days of appeal to pass or decide them, then approve.",
    ),
    "return_exceeds_payment": (
        "退回金额超过已付未退的金额。最多 {most} 元，请核对金额。",
        "More would come back than was paid. At most {most} yuan; check the amount.",
    ),
    "before_sending": (
        "日期早于送出拨付的日期。拨付单于 {sent_on} 送出，请核对日期。",
        "The day lies before the order was sent. It was sent on {sent_on}; check the day.",
    ),
    "amount_not_positive": (
        "金额必须大于零。请填写实际金额。",
        "The amount has to be more than zero. Enter the real amount.",
    ),
    "year_out_of_range": (
        "年度超出可用范围。请填写当年或相邻年度。",
        "The year can't be used. Enter this year or one near it.",
    ),
    "already_released": (
        "该年度的质量保证金已有清退单。请使用已有的清退单。",
        "There is already a release of this year's deposit. Use that one.",
    ),
    "no_deposit": (
        "该年度没有暂扣的质量保证金。请核对机构、基金和年度。",
        "No deposit is held for this year. Check hospital, fund and year.",
    ),
    "deposit_changed": (
        "起草之后保证金余额有变化。请取消后重新起草清退单。",
        "The deposit has changed since the draft. Draft the release again.",
    ),
    "already_declared": (
        "该月已经申报。请查询已有的申报单，需要重报时先撤回。",
        "This month is already declared. Read that statement, or withdraw it before declaring again.",
    ),
    "invalid_move": (
        "当前状态不允许这一步操作。请查询最新状态后再操作。",
        "The current state doesn't allow this. Read the present state first.",
    ),
    "month_closed": (
        "该月已关账，不能再记入。{period} 之外未关账月份的日期可以使用，或由他人重新开账。",
        "The month is closed. Use a day of an open month instead of one in {period}, or have somebody else reopen it.",
    ),
    "period_not_ended": (
        "该月或该年尚未结束。请在期满后再办理。",
        "This month or year has not ended. Come back when it has.",
    ),
    "already_closed": (
        "该月或该年已经关账。无需再次关账；需要改动时请由他人重新开账。",
        "It is closed already. There is nothing left to do; to change something have somebody else reopen it.",
    ),
    "order_exists": (
        "该申报单在此基金和年度已有拨付单。请使用已有的拨付单。",
        "There is already an order for this statement, fund and year. Use that one.",
    ),
    "bank_reference_used": (
        "银行流水号已被使用。请核对流水号，确认该笔付款是否已登记。",
        "The bank reference is already used. Check it, and whether the payment was recorded before.",
    ),
    "payment_exceeds_order": (
        "付款金额超过拨付单的未付金额。未付 {most} 元，请核对金额。",
        "The payment exceeds what is unpaid of the order. Unpaid are {most} yuan; check the amount.",
    ),
    "deposit_too_high": (
        "质量保证金比例过高。不得超过 1 减最低拨付比例，即 {highest}，请降低后重新提交。",
        "The deposit rate is too high. It can't exceed 1 minus the payout floor, {highest}; lower it.",
    ),
    "payout_floor": (
        "该保证金会使年度预计拨付率低于最低要求。请把保证金比例降到 {largest_deposit_rate} 或以下；为 0 时总是允许。",
        "This deposit would push the year's projected payout rate below its floor. Hold back at most {largest_deposit_rate}; 0 is always allowed.",
    ),
    "fund_without_floor": (
        "该基金没有最低拨付率要求，不需要例外。请核对基金编码。",
        "This fund has no payout floor and needs no exception. Check its code.",
    ),
    "exception_exists": (
        "该基金该年度已有例外申请。请查询并由他人批准已有的申请。",
        "There is already an exception for this fund and year. Read it, and have somebody else approve it.",
    ),
    "all_funds_needed": (
        "年度关账涉及全部基金，此令牌只管部分基金。请由可管全部基金的人员办理。",
        "Closing a year concerns every fund and this token is of some of them. Use one that isn't limited to funds.",
    ),
    "payout_below_floor": (
        "年度拨付率低于最低要求，不能关账。请先拨付列出的未付单据，或申请例外并由他人批准。",
        "The payout rate is below its floor, the year can't be closed. Pay the listed statements or have an exception approved.",
    ),
}

_AUDIT: Final[dict[str, tuple[str, str]]] = {
    "totals_or_file": (
        "对账数据不完整或重复。请在 totals（各基金合计）和 file（明细文件）中填写且只填写一项。",
        "Send either totals or a file. Give the totals per fund, or a detail file, and not both.",
    ),
    "fund_repeated": ("同一基金出现了两次。请合并为一行。", "A fund is named twice. Make one row of it."),
    "settlement_repeated": (
        "同一结算、同一基金在文件中已出现过。首次出现在第 {row} 行；请合并或删除重复行。",
        "An earlier row has the same settlement and fund. It is row {row}; make one row of the two.",
    ),
    "cell_missing": ("单元格是空的。请补上该值。", "The cell is empty. Fill it in."),
    "cell_amount": (
        "金额无法识别。请写成最多两位小数的数，例如 25.00。",
        "The amount can't be read. Write a number with at most two decimals, for example 25.00.",
    ),
    "too_many_differences": (
        "差异过多。超过 {limit} 条，文件多半不属于这份申报单；请核对月份、参保地和结算编号后重新上传。",
        "There are too many differences. Beyond {limit} the file hardly is this statement's; check month, area and settlement ids.",
    ),
    "settlement_not_in_statement": (
        "该申报单中没有此结算在该基金的应付。请核对结算编号（须为原结算，不是撤销或调整）和基金。",
        "The statement has no payable of this fund for the settlement. Check fund and id, which is that of the settlement itself.",
    ),
    "deduction_exceeds_payable": (
        "扣款超过该基金对此结算的应付余额。扣除其他扣款后还有 {payable} 元；请减少扣款。",
        "The deduction exceeds what the fund owes for the settlement. {payable} yuan are left beside other deductions; deduct less.",
    ),
    "amount_zero": ("金额不能为零。请填写大于零的金额。", "The amount is zero. Send one above zero."),
    "line_unknown": (
        "该结算没有这一行。请核对明细行号。",
        "The settlement has no such line. Check the line's number.",
    ),
    "appeal_too_late": (
        "申诉期限已过。最后一日是 {day}；扣款按无异议处理。",
        "The time for an appeal is over. Its last day was {day}; the deduction stands.",
    ),
    "reduced_amount": (
        "减少后的扣款金额不对。应大于 0 且小于 {claimed} 元；全部维持用 upheld，全部撤销用 dismissed。",
        "The reduced amount doesn't fit. Send one above 0 and below {claimed}; use upheld for the whole, dismissed for nothing.",
    ),
    "decision_amount": (
        "金额与裁定结果不符。此结果的扣款金额是 {amount} 元；请改为该金额，或不填。",
        "The amount contradicts the outcome. With this outcome {amount} is deducted; send that, or leave the amount out.",
    ),
    "size_or_rate": (
        "抽样数量不明确。请在 size（份数）和 rate（比例）中填写且只填写一项。",
        "Send either a size or a rate. Say how many settlements to draw, or which share, and not both.",
    ),
    "statement_needs_all_funds": (
        "该操作涉及申报单的所有基金，令牌只限部分基金。请由不限基金的令牌办理。",
        "This concerns every fund of the statement, and the token is limited to some. Use a token without that limit.",
    ),
}

_REPORTS: Final[dict[str, tuple[str, str]]] = {
    "already_submitted": (
        "该月月报已经提交。请查询该月报；提交后的更正计入以后各月。",
        "This month's report is already submitted. Read it; later corrections show in later months.",
    ),
    "all_funds_needed": (
        "该令牌只涉及部分基金，不能提交或签发月报。请使用不限基金的令牌。",
        "This token reaches some funds only and can't answer for the whole report. Use one that isn't limited to funds.",
    ),
}

_REQUEST: Final[dict[str, tuple[str, str]]] = {
    "idempotency_key_missing": (
        "缺少 Idempotency-Key 请求头。请为每笔业务生成一个不重复的键，重试时使用同一个键。",
        "The Idempotency-Key header is missing. Make one key per business act and repeat with the same key.",
    ),
    "idempotency_key_invalid": (
        "Idempotency-Key 格式不对。请使用 16 到 255 个字母、数字、下划线或连字符，例如 UUID。",
        "The Idempotency-Key has the wrong form. Use 16 to 255 characters of A-Z a-z 0-9 _ and -, for example a UUID.",
    ),
    "idempotency_key_reused": (
        "该 Idempotency-Key 已用于另一请求。重试请原样发送原请求；新业务请换新键。",
        "This Idempotency-Key was used for another request. To repeat send the same request; for a new one make a new key.",
    ),
    "idempotency_in_progress": (
        "相同 Idempotency-Key 的请求正在处理。请稍等片刻，用同一个键重试。",
        "A request with this Idempotency-Key is in progress. Wait a moment and repeat with the same key.",
    ),
    "unauthorized": (
        "缺少访问令牌。请在请求头加上 Authorization: Bearer <令牌>。",
        "The access token is missing. Send the header Authorization: Bearer <token>.",
    ),
    "token_invalid": (
        "访问令牌无效、已过期或已停用。请核对令牌，或向管理员申请新令牌。",
        "The access token is invalid, expired or revoked. Check it or ask an administrator for a new one.",
    ),
    "token_expired": (
        "访问令牌已过期。请向管理员申请新令牌。",
        "The access token has expired. Ask an administrator for a new one.",
    ),
    "forbidden": (
        "没有执行该操作的权限。请向管理员申请权限。",
        "You may not do this. Ask an administrator for permission.",
    ),
    "forbidden_scope": (
        "令牌没有所需的权限。需要以下之一：{scope}；请换用令牌，或向管理员申请。",
        "The token lacks the scope. One of these is needed: {scope}; use another token or ask an administrator.",
    ),
    "not_found": (
        "未找到，或不在您的权限范围内。请核对地址和编号。",
        "Not found, or not yours. Check the address and the id.",
    ),
    "method_not_allowed": (
        "该地址不支持此请求方法。请改用 Allow 响应头列出的方法。",
        "The address doesn't support this method. Use one that the Allow header lists.",
    ),
    "body_too_large": (
        "请求体过大。最多 {limit} 字节，请拆分后提交。",
        "The body is too large. Send at most {limit} bytes; split it.",
    ),
    "unsupported_media_type": (
        "请求体的类型不受支持。请以 UTF-8 发送未压缩的 application/json。",
        "The type of the body isn't supported. Send application/json in UTF-8, not compressed.",
    ),
    "malformed_json": (
        "请求体不是有效的 JSON。请检查括号、引号、逗号和嵌套层数；不能为空，不能有 NaN。",
        "The body isn't valid JSON. Check brackets, quotes, commas and nesting; it can't be empty or hold NaN.",
    ),
    "malformed_request": (
        "无法读取该请求。请检查请求头和请求体的格式。",
        "The request can't be read. Check the form of its headers and body.",
    ),
    "invalid_utf8": (
        "请求体不是有效的 UTF-8。请检查编码，不要用 GBK 发送。",
        "The body isn't valid UTF-8. Check the encoding of the sending system.",
    ),
    "invalid_parameter": (
        "地址或请求头中的参数无效。请按接口文档核对 {parameter}。",
        "A parameter of the address or a header is invalid. Check {parameter} in the interface's documentation.",
    ),
    "invalid_cursor": (
        "翻页游标无效。请原样使用上一页返回的 next_cursor，或从第一页重新开始。",
        "The cursor isn't one of ours. Send next_cursor exactly as it was answered, or start from the first page.",
    ),
    "precondition_failed": (
        "数据已被他人修改。请重新读取最新版本，再用新的 ETag 提交。",
        "The data was changed meanwhile. Read it again and send the new ETag.",
    ),
    "precondition_required": (
        "缺少 If-Match 请求头。请先读取数据，再带上其 ETag 提交。",
        "The If-Match header is missing. Read the data first and send its ETag.",
    ),
    "too_many_requests": (
        "请求过于频繁。未写入任何数据；请按 Retry-After 等待后用同一个键重试。",
        "There are too many requests. Nothing was written; wait as Retry-After says and repeat with the same key.",
    ),
    "request_refused": (
        "请求被拒绝。请按接口文档核对请求。",
        "The request was refused. Check it with the interface's documentation.",
    ),
    "unavailable": (
        "服务暂不可用。未写入任何数据；请按 Retry-After 等待后用同一个键重试。",
        "The service is unavailable for now. Nothing was written; wait as Retry-After says and repeat with the same key.",
    ),
    "busy": (
        "服务繁忙。未写入任何数据；请按 Retry-After 等待后用同一个键重试。",
        "The service is busy. Nothing was written; wait as Retry-After says and repeat with the same key.",
    ),
    "database_unavailable": (
        "暂时连不上数据库。请按 Retry-After 等待后用同一个键重试；持续出现请联系运维。",
        "The database can't be reached for now. Wait as Retry-After says, repeat with the same key; tell operations if it lasts.",
    ),
    "internal_error": (
        "服务内部错误。请用同一个键重试；仍然出现时，请把 request_id 告知运维。",
        "Something went wrong on our side. Repeat with the same key; if it persists, tell operations the request_id.",
    ),
}

_FILES: Final[dict[str, tuple[str, str]]] = {
    "unsupported_file_type": (
        "文件类型不受支持。请以 text/csv、XLSX 类型直接发送，或用 multipart/form-data 的 file 字段上传，不要压缩。",
        "The type of the file isn't supported. Send text/csv or XLSX itself, or a multipart/form-data field file, not compressed.",
    ),
    "malformed_form": (
        "表单无法读取。请用 multipart/form-data 上传一个 file 字段，其他字段只能是短文本。",
        "The form can't be read. Send multipart/form-data with one field file and short texts beside it.",
    ),
    "file_empty": (
        "文件是空的。请检查导出的文件后重新上传。",
        "The file is empty. Check what was exported and send it again.",
    ),
    "file_encrypted": (
        "文件有密码保护。请去掉密码，另存后重新上传。",
        "The file is protected by a password. Remove it, save, and send the file again.",
    ),
    "file_old_excel": (
        "文件是旧版 Excel（.xls）。请另存为 .xlsx 或 UTF-8 的 CSV 后重新上传。",
        "The file is an old Excel workbook (.xls). Save it as .xlsx or as CSV in UTF-8 and send it again.",
    ),
    "xlsx_damaged": (
        "工作簿已损坏，无法读取。请用表格软件打开并另存为 .xlsx 后重新上传。",
        "The workbook is damaged. Open it in a spreadsheet, save it as .xlsx and send it again.",
    ),
    "not_a_workbook": (
        "文件是压缩包，不是 XLSX 工作簿。请解压后上传其中的 .xlsx 或 .csv。",
        "The file is an archive, not an XLSX workbook. Unpack it and send the .xlsx or .csv in it.",
    ),
    "unpacked_too_large": (
        "工作簿解压后过大。上限是 {limit}；请删去空白行列、格式和多余的工作表，或改用 CSV。",
        "The workbook unpacks to too much. The limit is {limit}; remove empty rows, formats and other sheets, or use CSV.",
    ),
    "encoding_unknown": (
        "文件编码无法识别，从这一行起既不是 UTF-8 也不是 GB18030。请另存为“CSV UTF-8”后重新上传。",
        "The encoding isn't known: from this row on it is neither UTF-8 nor GB18030. Save it as CSV UTF-8 and send it again.",
    ),
    "csv_damaged": (
        "这一行的引号不配对，或单元格过长，无法继续读取。请检查引号后重新上传。",
        "A quote of this row isn't closed, or a cell is too long. Check the quotes and send the file again.",
    ),
    "column_missing": (
        "缺少必需的列。请在第一行写上列名，可用：{headings}。",
        "A required column is missing. Head one in the first row as: {headings}.",
    ),
    "column_twice": (
        "同一列出现了两次。请只保留一个 {column} 列。",
        "A column is there twice. Keep one {column}.",
    ),
    "no_rows": ("只有表头，没有数据行。请检查导出的文件。", "There are headings but no rows. Check what was exported."),
    "too_many_rows": (
        "行数过多。最多 {limit} 行，请拆成几个文件。",
        "There are too many rows. The limit is {limit}; split the file.",
    ),
    "too_many_columns": (
        "列数过多。最多 {limit} 列，请删去多余的列。",
        "There are too many columns. The limit is {limit}; remove those that aren't needed.",
    ),
    "cells_merged": (
        "工作表有合并单元格，合并处的值只属于一格。请取消合并并填满每一格。",
        "The sheet has merged cells, whose value belongs to one cell only. Unmerge them and fill every cell.",
    ),
    "too_many_cells": (
        "这一行的单元格比表头多，可能有未加引号的逗号。请给含逗号的内容加上引号。",
        "The row has more cells than there are headings, maybe by an unquoted comma. Quote texts that have commas.",
    ),
    "cell_too_long": ("单元格内容过长。请缩短。", "The cell's text is too long. Shorten it."),
    "cell_formula": (
        "单元格是公式，不是值。请复制后“选择性粘贴为数值”再上传。",
        "The cell is a formula, not a value. Paste it as a value and send the file again.",
    ),
    "cell_error": (
        "单元格是错误值（如 #N/A）。请改正后重新上传。",
        "The cell holds an error such as #N/A. Correct it and send the file again.",
    ),
    "cell_scientific": (
        "号码被表格软件改成了科学计数法（如 5.30102E+17），后几位已丢失。请把该列设为“文本”，从原始数据重新导出。",
        "A spreadsheet turned the number into scientific notation. Digits are lost: make the column text and export it again from the source.",
    ),
    "cell_digits_lost": (
        "单元格是超过 15 位的数值，表格软件只保留前 15 位，其余变成 0。请把该列设为“文本”，从原始数据重新导出。",
        "The cell is a number of more than 15 digits, of which a spreadsheet keeps 15. Make the column text and export it again from the source.",
    ),
    "digits_lost": (
        "身份证号以 000 结尾且校验码不对，多半是被表格软件当作数值、丢了后几位。请把该列设为“文本”，从原始数据重新导出。",
        "The id number ends in 000 and its check digit is wrong. Most likely a spreadsheet cut it: make the column text and export it again from the source.",
    ),
    "value_missing": (
        "缺少必需的值。身份证号缺失时要有姓名和出生日期。请补上。",
        "A required value is missing. Without an id number name and birth date are needed. Add it.",
    ),
    "day_invalid": (
        "日期无法识别。请写成 2016-01-01、2016/1/1 或 20160101。",
        "The day can't be read. Write 2016-01-01, 2016/1/1 or 20160101.",
    ),
    "class_unknown": (
        "人员类别不认识。请使用特困、低保、返贫致贫、建档立卡、监测对象、低保边缘、因病致贫之一，或其国家代码。",
        "The class isn't known. Use one such as destitute, low_income or registered_poor, its Chinese name or its national code.",
    ),
    "row_repeated": (
        "同一人、同一类别在名单中已出现过，本行未处理。请核对是否重复。",
        "An earlier row has the same person and class; this one was left out. Check the repetition.",
    ),
    "person_not_found": (
        "参保人中没有此人。请核对号码；确未参保的先办理参保登记，再导入一次。",
        "No insured person is found. Check the number; register the person if need be, then import the list again.",
    ),
    "name_differs": (
        "身份证号已找到，但姓名与登记的不同。请核对两边的姓名。",
        "The id number is registered under another name. Check the names on both sides.",
    ),
    "several_persons": (
        "姓名和出生日期对应多人。请补上身份证号。",
        "Several persons have this name and birth date. Add the id number.",
    ),
    "id_number_differs": (
        "姓名和出生日期相同的人，登记的身份证号不同。请核对号码。",
        "The person of this name and birth date is registered with another id number. Check the number.",
    ),
    "by_name_and_birth": (
        "按姓名和出生日期找到。建议在名单中补上身份证号。",
        "Found by name and birth date. Better add the id number to the list.",
    ),
    "already_known": ("已经登记。没有变化。", "This is registered already. Nothing was changed."),
    "no_such_identity": (
        "此人在该日没有这一类别的身份。请核对人员类别和日期。",
        "The person has no identity of this class on that day. Check the class and the day.",
    ),
    "identity_overlap_list": (
        "此人已有一段同类别、已截止的身份，与名单的日期重叠。请在个人信息中核对后更正。",
        "An ended identity of this class overlaps the list's day. Check the person and correct the identity there.",
    ),
    "job_crashed": (
        "任务多次异常中断，已停止。请把任务编号告知运维。",
        "The job broke off several times and was stopped. Tell operations its id.",
    ),
    "export_too_long": (
        "清单太长，无法导出。最多 {limit} 行，请缩小条件；直接下载超限时，可用 POST /v1/exports 建立导出任务（最多一百万行）。",
        "The list is too long to be exported. Narrow it to {limit} rows; what is too long at once can be a job: POST /v1/exports, up to a million rows.",
    ),
    "export_needs_office": (
        "医院的令牌不能建立导出任务。请按月份、日期等条件缩小范围后直接下载：GET /v1/exports。",
        "A hospital's token can't have export jobs. Narrow the list by month or days and download it: GET /v1/exports.",
    ),
    "result_not_ready": (
        "任务没有可下载的结果。请查询任务，完成后再取。",
        "The job has no result to download. Read the job, and fetch the result when it is done.",
    ),
    "result_expired": (
        "结果文件已过保存期并删除。请重新导出。",
        "The result was kept for its time and is deleted by now. Export the list again.",
    ),
    "job_state": (
        "任务当前的状态不允许这一步。请查询任务；已完成的导入请用更正名单或新文件修正。",
        "The job's state doesn't allow this. Read the job; correct a finished import with a correction list or a new file.",
    ),
    "version_repeated": (
        "文件中已有同一编码、同一生效日期的行。请只保留一行。",
        "An earlier row has the same code and first day. Keep one of them.",
    ),
    "not_in_file": (
        "完整目录中没有此项目，接受后按生效日截止。如不应截止，请补上该项目后重新上传。",
        "The complete catalogue lacks this item. Accepting ends it on the effective day; if it should stay, add it and send the file again.",
    ),
    "import_has_faults": (
        "仍有格式错误、重复或冲突的行，不能接受。请按结果改正文件，取消本任务后重新上传。",
        "Some rows are malformed, repeated or in conflict. Correct the file, cancel this job and send the file again.",
    ),
    "diff_outdated": (
        "比较之后目录已有改动。请取消本任务，重新上传文件并再次核对差异。",
        "The catalogue has changed since the comparison. Cancel this job, send the file again and look at the new difference.",
    ),
}

_PAGES: Final[dict[str, tuple[str, str]]] = {
    "login_failed": (
        "用户名或密码不对，或账号已停用、暂时锁定。请重新输入；连续五次不对，账号锁定 15 分钟，忘记密码请找管理员重置。",
        "Name or password is wrong, or the user is disabled or locked for a while. Try again; five wrong passwords lock a name for 15 minutes, an administrator resets one that was forgotten.",
    ),
    "too_many_logins": (
        "登录失败次数过多。请 15 分钟后再试。",
        "Too many logins failed from here. Try again in 15 minutes.",
    ),
    "session_ended": ("登录已失效。请重新登录。", "The session has ended. Log in again."),
    "form_not_ours": (
        "表单已失效，或不是由本页面提交的，没有做任何改动。请刷新页面后重新提交。",
        "The form has expired or was not sent from our page; nothing was changed. Reload the page and send it again.",
    ),
    "user_exists": (
        "已有同名用户。请换一个用户名，或重置该用户的密码。",
        "There is a user of this name already. Take another name, or reset that user's password.",
    ),
    "password_unchanged": (
        "新密码与原密码相同。请设置一个不同的密码。",
        "The new password is the old one. Choose another.",
    ),
    "passwords_differ": (
        "两次输入的新密码不一致。请重新输入。",
        "The new password was typed differently the second time. Type it again.",
    ),
}

_NATIONAL: Final[dict[str, tuple[str, str]]] = {
    "nhsa_headers_missing": (
        "缺少网关请求头，或请求头过长。该机构需要：{headers}；请核对机构的网关方式。",
        "Headers of the gateway are lacking or too long. This hospital needs {headers}; check its gateway profile.",
    ),
    "nhsa_signature_wrong": (
        "网关签名或密钥标识不对。请按对接手册逐步核对待签名串、密钥和编码。",
        "The gateway signature or the key's name is wrong. Check text, secret and encoding by the integrators' guide.",
    ),
    "nhsa_timestamp_stale": (
        "网关时间戳无效或与服务器时间相差超过30分钟。请校准时钟后重新签名发送。",
        "The gateway timestamp is no time, or more than 30 minutes off. Set the clock, then sign and send again.",
    ),
    "nhsa_nonce_reused": (
        "网关随机串已经使用过。请换新的随机串，重新签名发送。",
        "The gateway nonce was used before. Take a new one, sign and send again.",
    ),
    "nhsa_network_refused": (
        "该地址不允许免签名调用。请为机构配置签名方式，或把该网段加入 ONESTOP_NHSA_NETWORKS。",
        "Calls without a signature aren't allowed from here. Give the hospital a profile, or allow the network.",
    ),
    "nhsa_busy": (
        "中心暂时繁忙或连不上数据库。请稍候，用同一 msgid、同一 input 重发；不会重复办理。",
        "The service is busy or can't reach its database. Wait a little, then repeat with the same msgid and input; nothing is done twice.",
    ),
    "nhsa_failed": (
        "中心内部错误。请用同一 msgid、同一 input 重发；仍然出现时，请把请求号 {request_id} 告知经办机构。",
        "Something went wrong on our side. Repeat with the same msgid and input; if it persists, tell the agency the request {request_id}.",
    ),
    "nhsa_unknown_transaction": (
        "没有这个交易编号，或本服务不提供该交易。请核对 infno。",
        "There is no such transaction here. Check infno.",
    ),
    "nhsa_infno_differs": (
        "地址中的交易编号与报文中的不一致。请改为同一编号。",
        "The transaction in the path differs from the one in the message. Send the same in both.",
    ),
    "nhsa_input_type": (
        "input 不是 JSON 对象，也不是其文本。请按交易的节点填写。",
        "The input is neither a JSON object nor the text of one. Send the nodes of the transaction.",
    ),
    "nhsa_input_too_long": (
        "input 太长。最多 {limit} 个字符；费用明细请分批上传。",
        "The input is too long. Send at most {limit} characters; upload lines in several calls.",
    ),
    "nhsa_node_missing": (
        "缺少输入节点。请按该交易的表填写此节点。",
        "A node of the input is missing. Send it as the transaction's table says.",
    ),
    "nhsa_node_type": (
        "输入节点的格式不对。应为对象，或对象的列表。",
        "The node has the wrong form. Send an object or a list of objects.",
    ),
    "nhsa_too_many_rows": (
        "节点的条数太多。一次最多 {limit} 条，请分批发送。",
        "The node has too many rows. Send at most {limit} at once.",
    ),
    "nhsa_value_type": (
        "字段应为单个值。请填文本或数字，不要填对象或列表。",
        "The field takes a single value. Send a text or a number, not an object or a list.",
    ),
    "nhsa_number_format": (
        "数值格式不对，或太大。最多 {decimals} 位小数，整数部分最多 10 位。",
        "The number has the wrong form or is too large. Send at most {decimals} decimals and 10 digits before the point.",
    ),
    "nhsa_date_format": (
        "日期或时间格式不对，或日历上没有。请写成 yyyy-MM-dd 或 yyyy-MM-dd HH:mm:ss。",
        "The date or time has the wrong form or isn't in the calendar. Write yyyy-MM-dd or yyyy-MM-dd HH:mm:ss.",
    ),
    "nhsa_msgid_reused": (
        "这个 msgid 已用于内容不同的报文。请换新的 msgid；重发原报文时 input 必须不变。",
        "The msgid stands for a message with other content. Take a new one; a repeated message must have the same input.",
    ),
    "nhsa_message_running": (
        "该报文仍在处理中。请稍候，用同一 msgid 重发，或再次冲正。",
        "The message is still being worked on. Wait a little and send it again with the same msgid.",
    ),
    "nhsa_message_undone": (
        "该报文在到达之前已被冲正（2601），不再受理。请换新的 msgid 重新办理。",
        "The message was undone by 2601 before it arrived. Start again with a new msgid.",
    ),
    "nhsa_settlement_cancelled": (
        "该报文的结算后来已被撤销。撤销结算为 {setl_id}；需要重新结算时请换新的 msgid。",
        "What this message settled was cancelled since. The cancelling settlement is {setl_id}; settle again with a new msgid.",
    ),
    "nhsa_answer_erased": (
        "该报文已处理过，其应答已过保留期。请用 5203 查询结算。",
        "The message was answered, but its answer isn't kept any more. Look the settlement up with 5203.",
    ),
    "nhsa_visit_unknown": (
        "本机构没有这次就诊，或已撤销。请核对 mdtrt_id 和住院/门诊号。",
        "The hospital has no such visit, or it was withdrawn. Check mdtrt_id and the hospital's own number.",
    ),
    "nhsa_person_differs": (
        "人员编号与原登记不一致。请核对是否拿错患者。",
        "The person isn't the one that was registered. Check that it is the right patient.",
    ),
    "nhsa_visit_setting": (
        "门诊与住院的交易不能混用。请改用该就诊类别的交易。",
        "Transactions of outpatients and inpatients can't be mixed. Use those of this kind of visit.",
    ),
    "nhsa_visit_exists": (
        "该住院/门诊号已有登记。请用原来的 mdtrt_id；登记有误请先撤销。",
        "The hospital's number has a visit already. Use its mdtrt_id, or withdraw it first.",
    ),
    "nhsa_visit_number_fixed": (
        "住院号不能变更。请撤销入院后重新办理。",
        "The hospital's number of a visit can't be changed. Withdraw the admission and admit again.",
    ),
    "nhsa_visit_settled": (
        "该就诊已经结算。现有结算为 {setl_id}；需要改动请先撤销该结算。",
        "The visit is settled. The settlement is {setl_id}; cancel it before changing anything.",
    ),
    "nhsa_visit_has_lines": (
        "该就诊还有费用明细。请先撤销全部明细（0000），再撤销登记。",
        "The visit still has lines. Withdraw them all (0000) first.",
    ),
    "nhsa_discharged_before": (
        "该就诊已办理出院。请先撤销出院（2405）。",
        "The patient is discharged already. Withdraw the discharge (2405) first.",
    ),
    "nhsa_not_discharged": (
        "该就诊尚未办理出院。请先办理出院（2402），或按中途结算办理。",
        "The patient isn't discharged. Discharge first (2402), or make it an interim settlement.",
    ),
    "nhsa_med_type_unsupported": (
        "该医疗类别不在本服务的结算范围，或与门诊、住院不符。请核对 med_type。",
        "This med_type isn't settled here, or doesn't fit outpatients or inpatients. Check it.",
    ),
    "nhsa_no_lines": (
        "没有可结算的费用明细。请先上传明细，并核对收费批次号和截止日。",
        "There are no lines to settle. Upload them first; check the batch number and the cut-off day.",
    ),
    "nhsa_rows_of_visits": (
        "一次上传只能属于一次就诊、一名患者。请按就诊分开发送。",
        "One call can only be of one visit and person. Send them apart.",
    ),
    "nhsa_serial_repeated": (
        "费用明细流水号重复。请为每条明细使用不同的流水号；已上传的不要重复上传。",
        "The line's serial number occurs twice. Give each line its own, and don't upload lines again.",
    ),
    "nhsa_line_unknown": (
        "没有这条费用明细或这个批次。请核对流水号、批次号。",
        "There is no such line or batch. Check the serial or batch number.",
    ),
    "nhsa_line_settled": (
        "该费用明细已经结算，不能撤销。请先撤销结算。",
        "The line is settled and can't be withdrawn. Cancel the settlement first.",
    ),
    "nhsa_line_refunded": (
        "该费用明细已有退费明细。请同时撤销退费明细。",
        "The line has a refund line. Withdraw that one as well.",
    ),
    "nhsa_scope_differs": (
        "送来的费用范围金额与中心不一致。中心计算为 {ours} 元；请以预结算的返回为准。",
        "The scope amount sent differs from ours. We have {ours} yuan; take it from the quote.",
    ),
    "nhsa_settlement_unknown": (
        "该就诊没有这笔结算。请核对 setl_id。",
        "The visit has no such settlement. Check setl_id.",
    ),
    "nhsa_already_cancelled": (
        "该结算已经撤销。撤销结算为 {setl_id}，无需再次撤销。",
        "The settlement is cancelled already. The cancelling settlement is {setl_id}.",
    ),
    "nhsa_later_settlements": (
        "此人本年度在其后还有结算，不能直接撤销。本机构的后续结算：{later}，其他机构 {others} 笔；请由近及远先撤销后续结算，或请经办机构办理连带重算。",
        "The person has later settlements in this year. Yours: {later}; others': {others}. Cancel those first, newest first, or ask the agency to compute them again.",
    ),
    "nhsa_not_undoable": (
        "该交易不能冲正。冲正只用于结算（2207、2304）和入院（2401），其他交易请用各自的撤销交易。",
        "This transaction can't be undone by 2601. It undoes 2207, 2304 and 2401; use the withdrawal of the others.",
    ),
    "nhsa_filing_unknown": (
        "本机构没有为此人登记这项备案，或已撤销。请核对 trt_dcla_detl_sn。",
        "The hospital has no such filing of this person, or it was withdrawn. Check trt_dcla_detl_sn.",
    ),
    "nhsa_registered_before": (
        "此人的该慢特病在这段时间已有备案。请核对起止日期，或先撤销原备案（2504）。",
        "The person is registered for the disease in that time already. Check the days, or withdraw the former filing (2504).",
    ),
    "nhsa_dictionary_unknown": (
        "统筹区档案所指的字典没有装载。请联系经办机构核对 ONESTOP_NHSA_DICTIONARY_DIR 和统筹区档案。",
        "The dictionary that the area's record names isn't loaded. Ask the agency to check its folder and the record.",
    ),
    "nhsa_totals_differ": (
        "申报数与中心不一致，未申报。{differences}；请对账（3201、3202）后重新申报。",
        "What is declared differs from ours, and nothing was declared. {differences}; reconcile by 3201 and 3202, then declare again.",
    ),
    "nhsa_declared_before": (
        "该清算类别本月已申报。申报事件为 {event}；更正请先撤销（3204）。",
        "This clearing type of the month is declared already. The declaration is {event}; withdraw it first (3204).",
    ),
    "nhsa_declaration_unknown": (
        "本机构没有这次清算申报，或已撤销。请核对 clr_appy_evt_id。",
        "The hospital has no such declaration, or it was withdrawn. Check clr_appy_evt_id.",
    ),
    "nhsa_declaration_fixed": (
        "对账单已进入对账或审核，不能再撤销或申报。请联系经办机构。",
        "The statement is being reconciled or audited by now. Ask the agency.",
    ),
    "nhsa_clr_type_unsupported": (
        "该清算类别没有可申报的结算。本服务使用 11、14、21、99949。",
        "This clearing type has nothing to declare. Here it is 11, 14, 21 or 99949.",
    ),
    "nhsa_session_unknown": (
        "没有该操作员的这次签到。请核对 sign_no 和 opter_no。",
        "The operator has no such session. Check sign_no and opter_no.",
    ),
    "nhsa_hospital_differs": (
        "机构编号与报文的不一致。请填本机构的编号。",
        "The hospital isn't the sender of the message. Send your own code.",
    ),
    "nhsa_time_too_long": (
        "对账期间太长。最多 {limit} 天，请分段对账。",
        "The time is too long. Reconcile at most {limit} days at once.",
    ),
    "nhsa_file_unknown": (
        "没有这个文件，或已过下载期限。请核对文件查询号和文件名，或重新上传。",
        "There is no such file, or its time is over. Check number and name, or upload it again.",
    ),
    "nhsa_file_unreadable": (
        "文件无法读取。应为 ZIP，其中只有一个 UTF-8 的制表符分隔文本。",
        "The file can't be read. Send a ZIP with one tab-separated text in UTF-8.",
    ),
    "nhsa_file_row": (
        "文件中有一行不符合格式。第 {row} 行；请按表 150 的列填写，金额为数字。",
        "A row of the file has the wrong form. It is row {row}; send the columns of table 150, amounts as numbers.",
    ),
}

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    **_FORM,
    **_BILL,
    **_SETTLING,
    **_REGISTRY,
    **_RECORDS,
    **_FILES,
    **_CLEARING,
    **_AUDIT,
    **_REPORTS,
    **_REQUEST,
    **_PAGES,
    **_NATIONAL,
}
LANGUAGES: Final[tuple[Language, Language]] = ("zh", "en")

_MAX_RANGES: Final = 50
_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*"
)


class _Shown(dict[str, str]):
    """Our figures for a message; one that is absent becomes an ellipsis rather than an error."""

    def __missing__(self, key: str) -> str:
        return "…"


def text(code: str, values: Mapping[str, str], language: str) -> str:
    """The message of a code with our figures filled in. A code without a message is named instead; raises nothing."""
    return _template(code, language).format_map(_Shown(values))


def title(code: str, language: str) -> str:
    """The first sentence of the message, without its stop: the same for every occurrence of a code."""
    template = _template(code, language).format_map(_Shown())
    return template.partition(". " if language == "en" else "。")[0].rstrip("。.")


def summary(code: str, values: Mapping[str, str], faults: int, language: str) -> str:
    """The message of the first fault, and of how many it is the first."""
    first = text(code, values, language)
    if faults < 2:
        return first
    return f"{first} ({faults} faults, see errors.)" if language == "en" else f"{first}（共 {faults} 处，见 errors。）"


def _template(code: str, language: str) -> str:
    chinese, english = MESSAGES.get(code, (f"请求未被接受。代码：{code}。", f"The request was refused. Code: {code}."))
    return english if language == "en" else chinese


def language_of(accept_language: str | None) -> Language:
    """The language to answer in, by an ``Accept-Language`` header: of equals the first named, otherwise Chinese."""
    qualities: dict[str, float] = {}
    for part in (accept_language or "").split(",")[:_MAX_RANGES]:
        if match := _RANGE.fullmatch(part):
            primary, quality = match[1].lower(), float(match[2] or 1)
            qualities[primary] = max(quality, qualities.get(primary, 0.0))
    rest = qualities.get("*", 0.0)
    chinese, english = qualities.get("zh", rest), qualities.get("en", rest)
    if english == chinese:
        named = [primary for primary in qualities if primary in LANGUAGES]
        return "en" if english > 0 and named[:1] == ["en"] else "zh"
    return "en" if english > chinese else "zh"
