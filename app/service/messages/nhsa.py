"""What is said at the national interface."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
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
        "The service is busy or can't reach its database. "
        "Wait a little, then repeat with the same msgid and input; nothing is done twice.",
    ),
    "nhsa_failed": (
        "中心内部错误。请用同一 msgid、同一 input 重发；仍然出现时，请把请求号 {request_id} 告知经办机构。",
        "Something went wrong on our side. "
        "Repeat with the same msgid and input; if it persists, tell the agency the request {request_id}.",
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
        "The number has the wrong form or is too large. "
        "Send at most {decimals} decimals and 10 digits before the point.",
    ),
    "nhsa_date_format": (
        "日期或时间格式不对，或日历上没有。请写成 yyyy-MM-dd 或 yyyy-MM-dd HH:mm:ss。",
        "The date or time has the wrong form or isn't in the calendar. Write yyyy-MM-dd or yyyy-MM-dd HH:mm:ss.",
    ),
    "nhsa_msgid_reused": (
        "这个 msgid 已用于内容不同的报文。请换新的 msgid；重发原报文时 input 必须不变。",
        "The msgid stands for a message with other content. "
        "Take a new one; a repeated message must have the same input.",
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
        "What this message settled was cancelled since. "
        "The cancelling settlement is {setl_id}; settle again with a new msgid.",
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
        "人员信息与登记的不一致。请核对是否拿错患者。",
        "The person isn't the one that is registered. Check that it is the right patient.",
    ),
    "nhsa_not_identified": (
        "本机构一年内没有凭证件识别过该参保人。请先办理1101，或填写证件号码后重新登记。",
        "This hospital hasn't identified the person by certificate within a year. Send 1101 first, or send the number.",
    ),
    "nhsa_card_not_served": (
        "本服务不读卡，也不解析电子凭证。请以居民身份证（mdtrt_cert_type 02）识别，或同时填写证件号码 certno。",
        "Cards and electronic vouchers aren't read here. Identify by identity card (type 02), or send certno.",
    ),
    "nhsa_too_many_failures": (
        "本机构识别人员失败次数过多，暂停识别。一小时内已达 {limit} 次；请核对证件号码和姓名，一小时后再试。",
        "Too many persons could not be identified for this hospital. {limit} failed within an hour: check numbers and "
        "names, try later.",
    ),
    "nhsa_withdrawn_since": (
        "该报文所办的登记后来已被撤销。撤销交易为 {by}；需要重新办理时请换新的 msgid。",
        "What this message registered was withdrawn since. It was withdrawn by {by}; start again with a new msgid.",
    ),
    "nhsa_msgid_of_other": (
        "这个 msgid 属于本机构的另一交易。该交易为 {infno}；请核对 oinfno 和 omsgid。",
        "The msgid is that of another transaction of the hospital. It is {infno}; check oinfno and omsgid.",
    ),
    "nhsa_day_settled": (
        "费用发生日已在中途结算之内。已结算至 {until}（{setl_id}）；请先撤销该结算（2305）再上传，或改正日期。",
        "The line's day is in an interim settlement. It is settled until {until} ({setl_id}); "
        "cancel that first (2305), or correct the day.",
    ),
    "nhsa_month_format": (
        "清算年月格式不对。应为 yyyyMM，例如 201805。",
        "The month has the wrong form. Write yyyyMM, such as 201805.",
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
        "此人本年度在其后还有结算，不能直接撤销。"
        "本机构的后续结算：{later}，其他机构 {others} 笔；请由近及远先撤销后续结算，或请经办机构办理连带重算。",
        "The person has later settlements in this year. "
        "Yours: {later}; others': {others}. Cancel those first, newest first, or ask the agency to compute them again.",
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
        "The person is registered for the disease in that time already. "
        "Check the days, or withdraw the former filing (2504).",
    ),
    "nhsa_dictionary_unknown": (
        "统筹区档案所指的字典没有装载。请联系经办机构核对 ONESTOP_NHSA_DICTIONARY_DIR 和统筹区档案。",
        "The dictionary that the area's record names isn't loaded. Ask the agency to check its folder and the record.",
    ),
    "nhsa_totals_differ": (
        "申报数与中心不一致，未申报。{differences}；请对账（3201、3202）后重新申报。",
        "What is declared differs from ours, and nothing was declared. "
        "{differences}; reconcile by 3201 and 3202, then declare again.",
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
        "该月申报已进入对账或审核，不能再撤销或申报。请联系经办机构。",
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
        "文件无法读取。应为 ZIP，其中只有一个制表符分隔的文本，编码为 UTF-8 或 GB18030。",
        "The file can't be read. Send a ZIP with one tab-separated text in UTF-8 or GB 18030.",
    ),
    "nhsa_file_row": (
        "文件中有一行的列数不足。第 {row} 行；请按表 150 填写 {columns} 列，以制表符分隔。",
        "A row of the file has too few columns. It is row {row}; send the {columns} of table 150, parted by tabs.",
    ),
    "nhsa_file_amount": (
        "文件中有一个金额不是数字。第 {row} 行 {column} 列；请填最多两位小数的数字，没有金额的填 0。",
        "An amount of the file isn't a number. See row {row}, column {column}: at most two decimals, 0 for none.",
    ),
}
