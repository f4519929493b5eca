"""What is said of reconciling a statement, and of deductions with their appeals and samples."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "totals_or_file": (
        "对账数据不完整或重复。请在 totals（各基金合计）和 file（明细文件）中填写且只填写一项。",
        "Send either totals or a file. Give the totals per fund, or a detail file, and not both.",
    ),
    "figures_missing": (
        "医疗机构的数字没有填全。请填写每个已申报基金的笔数和金额，没有的填 0。",
        "Figures of the hospital are missing. Give count and amount for every fund declared, 0 where there is none.",
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
        "差异过多。超过 {limit} 条，文件多半不属于这份月度结算申报表；请核对月份、参保地和结算编号后重新上传。",
        "There are too many differences. "
        "Beyond {limit} the file hardly is this statement's; check month, area and settlement ids.",
    ),
    "settlement_not_in_statement": (
        "该月度结算申报表中没有此结算在该基金的应付。请核对结算编号（须为原结算，不是撤销或调整）和基金。",
        "The statement has no payable of this fund for the settlement. "
        "Check fund and id, which is that of the settlement itself.",
    ),
    "deduction_exceeds_payable": (
        "审核扣款超过该基金对此结算的应付余额。减去其他审核扣款后还有 {payable} 元；请减少扣款。",
        "The deduction exceeds what the fund owes for the settlement. "
        "{payable} yuan are left beside other deductions; deduct less.",
    ),
    "not_of_claim": (
        "与该零星报销单不符。请填写该单自己的结算编号和基金，或不填。",
        "The claim is of another settlement or fund. Name those of the claim, or leave them out.",
    ),
    "amount_zero": ("金额不能为零。请填写大于零的金额。", "The amount is zero. Send one above zero."),
    "line_unknown": ("该结算没有这一行。请核对明细行号。", "The settlement has no such line. Check the line's number."),
    "appeal_too_late": (
        "申诉期限已过。最后一日是 {day}；扣款按无异议处理。",
        "The time for an appeal is over. Its last day was {day}; the deduction stands.",
    ),
    "reduced_amount": (
        "部分核减后的扣款金额不对。应大于 0 且小于 {claimed} 元；全部维持用 upheld，全部撤销用 dismissed。",
        "The reduced amount doesn't fit. "
        "Send one above 0 and below {claimed}; use upheld for the whole, dismissed for nothing.",
    ),
    "decision_amount": (
        "金额与复核决定不符。此决定的扣款金额是 {amount} 元；请改为该金额，或不填。",
        "The amount contradicts the outcome. "
        "With this outcome {amount} is deducted; send that, or leave the amount out.",
    ),
    "size_or_rate": (
        "抽样数量不明确。请在 size（份数）和 rate（比例）中填写且只填写一项。",
        "Send either a size or a rate. Say how many settlements to draw, or which share, and not both.",
    ),
    "statement_needs_all_funds": (
        "该操作涉及月度结算申报表的所有基金，账号只限部分基金。请由不限基金的账号办理。",
        "This concerns every fund of the statement, and the token is limited to some. Use a token without that limit.",
    ),
}
