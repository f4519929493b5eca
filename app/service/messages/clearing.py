"""What is said of statements, orders, payments, deposits, closings and monthly reports."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "payee_account_changed": (
        "收款账户在审批后有变更。请由另一人重新审批后再送出拨付。",
        "The payee's account changed after the approval. Have another person approve it again, then send it.",
    ),
    "in_payment_batch": (
        "该单据在未结束的付款批次中。请等银行回盘，或取消批次、由两人登记未执行，再办理这一步。",
        "It stands in a live payment batch. "
        "Wait for the bank's answer; or cancel the batch, or have two people record it as not executed.",
    ),
    "payee_account_missing": (
        "收款方没有经批准的收款账户，不能进入付款批次。请登记账户、由另一人批准后重新审批该单据，或线下支付后登记。",
        "The payee has no approved account to be paid to. "
        "Set one, have another person approve it and the payment again; or pay by hand and record it.",
    ),
    "not_of_one_area": (
        "付款批次只能包含同一付款地区的单据。请按地区分批。",
        "A payment batch pays for one area. Make a batch for each area.",
    ),
    "order_repeated": ("同一单据出现了两次。请只保留一次。", "The same order stands here twice. Name it once."),
    "xml_damaged": (
        "XML 文件不完整或含有不允许的声明，没有入账任何一笔。请向银行重新下载完整的文件。",
        "The XML file is damaged, cut, or declares a document type; nothing was booked. Get the whole file again.",
    ),
    "not_a_receipt": (
        "这不是银行回盘文件。请上传 camt.053、camt.054，或按银行列名的 XLSX、CSV。",
        "This is no answer of a bank. Upload camt.053, camt.054, or XLSX or CSV in the bank's columns.",
    ),
    "no_bookings": (
        "文件中没有已记账的交易。请检查导出的日期范围。",
        "The file has no booked transaction. Check the days for which it was made.",
    ),
    "booking_incomplete": (
        "文件中有一笔交易缺少金额、日期，或不是人民币。请向银行重新下载，没有入账任何一笔。",
        "A transaction in the file lacks its amount or day, or isn't in CNY; nothing was booked. Get the file again.",
    ),
    "result_unknown": (
        "结果列的内容无法识别。请写“成功”或“退回”，或在列映射中补上银行的用词。",
        "The result can't be understood. Write the word for paid or returned that the operators' guide names, or add "
        "the bank's word to the map of columns.",
    ),
    "batch_too_long": (
        "批量的行数超过上限。一次最多 {limit} 行，请缩小条件或分批提交。",
        "The batch has too many rows. Send at most {limit} at once: narrow the filter, or send several batches.",
    ),
    "not_of_this_action": (
        "该字段不属于这种批量操作。请只保留与 action 对应的一种：ids、filter 或 rows。",
        "This field doesn't belong to the action. Keep the one that does: ids, filter or rows.",
    ),
    "bank_check_pending": (
        "数据库刚从备份恢复，银行尚未核对，暂不能送出拨付。请核对 {since} 以来的银行流水，由两人登记核对（银行核对），"
        "再送出，以免重复付款。",
        "The database was restored and the bank wasn't checked since; nothing can be sent. Look at what the bank has "
        "paid since {since}, have two people enter the check (bank checks), then send: nothing must be paid twice.",
    ),
    "bank_check_not_needed": (
        "没有待核对的恢复，不需要登记银行核对。请照常办理。",
        "Nothing was restored that the bank would have to be checked for. Go on as usual.",
    ),
    "bank_check_too_early": (
        "核对截止日早于恢复的日期。数据库于 {restored_on} 恢复，请核对到该日为止的银行流水。",
        "The bank was checked until before the database was restored. It was on {restored_on}; check until that day.",
    ),
    "period_format": (
        "月份格式不对。请写成 YYYY-MM，例如 2018-05。",
        "The month has the wrong form. Write YYYY-MM, for example 2018-05.",
    ),
    "fund_not_in_statement": (
        "月度结算申报表中没有该基金的金额。请核对基金代码，可用的见月度结算申报表的 totals。",
        "The statement has nothing of this fund. Check the fund's code; the statement's totals show which there are.",
    ),
    "statement_not_approved": (
        "月度结算申报表中该基金的部分尚未审批。请先由申报人以外的人审批。",
        "This fund's part of the statement isn't approved. Have somebody other than its declarer approve it first.",
    ),
    "differences_open": (
        "该基金还有未处理的对账差异。请先逐条处理并写明原因，再审批。",
        "There are unresolved differences of this fund. Resolve each with its reason, then approve.",
    ),
    "deductions_open": (
        "该基金还有未决的审核扣款。请等待申诉期满或作出决定，再审批。",
        "There are undecided deductions of this fund. "
        "Wait for the days of appeal to pass or decide them, then approve.",
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
        "该年度的质量保证金已有待复核的清算单。请先复核或取消该清算单。",
        "A release of this year's deposit waits already. Approve or cancel that one first.",
    ),
    "deposit_released": (
        "该拨付单暂扣的质量保证金已经清算，拨付单不能取消。请按原单继续付款。",
        "The deposit that this order withheld was released since, so it can't be cancelled. Go on paying it.",
    ),
    "parts_in_progress": (
        "申报单的部分分项已复核、有审核扣款或已生成拨付单，不能撤回。请先处理这些分项。",
        "Something hangs on parts of this statement; it can't be withdrawn. "
        "See first to their approvals, deductions or orders.",
    ),
    "return_before_payment": (
        "退回日期有误：到该日为止退回金额超过已付金额。请核对日期和金额。",
        "By that day more would have come back than was paid. Check day and amount.",
    ),
    "payment_before_return": (
        "付款日期有误：到该日为止付款金额超过应付金额。退回后再付的款项，日期不得早于退回日期。",
        "By that day more would have been paid than is ordered. What is paid again is dated after its return; "
        "check the day.",
    ),
    "repayment_exceeds_carried": (
        "归还金额超过结转金额。最多 {most} 元，请核对金额。",
        "More would be repaid than is carried forward. At most {most} yuan; check the amount.",
    ),
    "before_carrying": (
        "归还日期早于结转日期。结转于 {day}，请核对日期。",
        "The day lies before the amount was carried forward. That was on {day}; check the day.",
    ),
    "before_opening": (
        "日期早于退补款产生的日期。退补款产生于 {opened_on}，请核对日期。",
        "The day lies before the balance came about. That was on {opened_on}; check the day.",
    ),
    "no_deposit": (
        "该年度没有暂扣的质量保证金。请核对机构、基金和年度。",
        "No deposit is held for this year. Check hospital, fund and year.",
    ),
    "deposit_changed": (
        "起草之后保证金余额有变化。请取消后重新起草清算单。",
        "The deposit has changed since the draft. Draft the release again.",
    ),
    "already_declared": (
        "该月已经申报。请查询已有的月度结算申报表，需要重报时先撤回。",
        "This month is already declared. Read that statement, or withdraw it before declaring again.",
    ),
    "invalid_move": (
        "当前状态不允许这一步操作。请查询最新状态后再操作。",
        "The current state doesn't allow this. Read the present state first.",
    ),
    "month_closed": (
        "该月已关账，不能再记入。{period} 之外未关账月份的日期可以使用，或由他人反结账。",
        "The month is closed. Use a day of an open month instead of one in {period}, or have somebody else reopen it.",
    ),
    "period_not_ended": (
        "该月或该年尚未结束。请在期满后再办理；年度例外从该年 1 月 1 日起即可申请。",
        "This month or year has not ended. "
        "Come back when it has; an exception for a year can be drafted from its 1 January on.",
    ),
    "year_not_begun": (
        "该年度尚未开始。请在年度开始后再申请例外。",
        "The year has not begun. Ask for an exception when it has.",
    ),
    "already_closed": (
        "该月或该年已经关账。无需再次关账；月份需要改动时请由他人反结账，年度关账后不能再打开，以后的更正计入当期。",
        "It is closed already. "
        "To change a month have somebody else reopen it; a year stays closed, corrections count in the open period.",
    ),
    "order_exists": (
        "该月度结算申报表在此基金和年度已有拨付单。请使用已有的拨付单。",
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
        "质量保证金比例过高。不得超过 1 减拨付率要求，即 {highest}，请降低后重新提交。",
        "The deposit rate is too high. It can't exceed 1 minus the required payout rate, {highest}; lower it.",
    ),
    "payout_floor": (
        "该保证金会使年度预计拨付率低于拨付率要求。请把保证金比例降到 {largest_deposit_rate} 或以下；为 0 时总是允许。",
        "This deposit would push the year's projected payout rate below the required rate. "
        "Hold back at most {largest_deposit_rate}; 0 is always allowed.",
    ),
    "fund_without_floor": (
        "该基金没有拨付率要求，不需要例外。请核对基金编码。",
        "This fund has no required payout rate and needs no exception. Check its code.",
    ),
    "exception_exists": (
        "该基金该年度已有例外申请。请查询并由他人批准已有的申请。",
        "There is already an exception for this fund and year. Read it, and have somebody else approve it.",
    ),
    "all_funds_needed": (
        "该操作涉及全部基金，此账号只限部分基金。请由不限基金的账号办理。",
        "This concerns every fund, and the token is limited to some. Use a token without that limit.",
    ),
    "payout_below_floor": (
        "年度未达拨付率要求，不能关账。请先拨付列出的未付单据，或申请例外并由他人批准。",
        "The payout rate is below the required rate, the year can't be closed. "
        "Pay the listed statements or have an exception approved.",
    ),
    "already_submitted": (
        "该月月报已经提交。请查询该月报；提交后的更正计入以后各月。",
        "This month's report is already submitted. Read it; later corrections show in later months.",
    ),
}
