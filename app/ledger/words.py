"""What the checks of ledger and seals say to whoever runs them in a terminal. Amounts in yuan."""

from collections.abc import Iterator, Sequence
from typing import Final

from app.basics.ids import SEAL_FINDING, shown_id
from app.basics.money import yuan
from app.ledger.proof import CheckResult, Violation
from app.ledger.seal import SealPlace, Verified

CHECK_WORDS: Final = {
    "bill": "每张账单的各方分担、各类费用之和等于总额",
    "split": "跨年分开的结算，两年部分都不为负，更正也分到同样两年",
    "year_to_date": "每人年度累计等于其各笔结算之和",
    "undeclared": "应申报的分录没有漏在月度结算申报表之外",
    "payable": "应付科目与来源单据一致（按医院、基金、年度）",
    "settlement_transfers": "每笔结算的分录等于各基金的承担额",
    "posted_to_known": "每笔分录的账户和结算都存在",
    "cash": "银行存款科目等于银行确认的收付",
    "deposit": "保证金科目等于各拨付单扣留减去清算",
    "prepaid": "预付科目等于已付减去退回和冲抵",
    "ordered": "在途科目等于已发出未付的拨付单",
    "statement_total": "月度结算申报表合计等于其明细",
    "declared_once": "每条分录只在一张月度结算申报表中",
    "declared_own": "月度结算申报表只含本医院、本统筹区、当月及以前的应付分录",
    "order_paid": "拨付单已付金额等于银行确认",
    "order_offset": "拨付单冲抵金额等于预付冲抵记录",
    "order_approved": "拨付单应付金额等于申报减扣款",
    "payment_batch": "付款批次各笔与银行回盘、银行收付、拨付单和零星报销单一致",
    "part_total": "申报分项金额等于申报单合计",
    "part_state": "分项和申报单的状态与其拨付单、复核和记录一致",
    "withdrawn": "已撤回的申报单上没有复核、扣款或拨付单",
    "deducted": "审核扣款不超过基金对该结算的应付金额",
    "unexplained": "没有无法说明的多付（按医院、基金、统筹区、年度）",
    "deposit_positive": "各年度质量保证金余额不为负",
    "stuck_draft": "没有长期不能复核的清算单",
    "prepayment_state": "预付单的状态与其资金一致",
    "prepayment": "预付单的已付、退回、冲抵与记录一致",
    "claim": "零星报销科目等于应付减去审核扣款和银行确认的支付，未更正的单没有多付",
    "rollup": "汇总数等于其分录（按日、按月、按月度结算申报表）",
    "closed_year": "已关账年度的应付和已拨付与关账时一致",
}
COUNTED: Final = frozenset({"split", "declared_once", "declared_own", "part_state", "withdrawn", "undeclared"})
SEAL_WORDS: Final = {
    "edited": "封存后被改动",
    "removed": "封存后被删除",
    "added": "时间早于前一区块（可能是事后补入，也可能是当时时钟有误）",
    "unsealed": "早于已完成的封存却不在任何区块中",
    "block": "区块与其成员不符",
    "chain": "区块链断开（缺号，或与前一区块的摘要不符）",
    "noted": "与另行记录的摘要不符",
}


def checked_words(results: Sequence[CheckResult]) -> Iterator[str]:
    """A line for each invariant, and one for each place where it is broken."""
    for result in results:
        state = "没有问题" if result.count == 0 else f"{result.count} 处不符"
        yield f"{CHECK_WORDS[result.check]}（{result.check}）：{state}"
        for violation in result.violations:
            yield f"  {_violation(result.check, violation)}"


def _violation(check: str, violation: Violation) -> str:
    show = str if check in COUNTED or violation.place.endswith(" entries") else yuan
    return f"{violation.place}：应为 {show(violation.expected)}，实为 {show(violation.found)}"


def verified_words(verified: Verified) -> Iterator[str]:
    """What the seals say, and the head of the chain to be noted elsewhere."""
    for finding in verified.findings:
        yield f"{SEAL_WORDS[finding.kind]}（{finding.kind}）：{finding.count} 处"
        yield from (f"  {_place(place)}" for place in finding.places)
        if finding.count > len(finding.places):
            yield f"  …… 另有 {finding.count - len(finding.places)} 处"
    if not verified.findings:
        yield "封存核对没有问题。"
    for known in verified.acknowledged:
        yield f"已由两人确认：{SEAL_WORDS[known.kind]}（{known.kind}）：{known.count} 处"
        yield from (f"  {_place(place)}" for place in known.places)
    for remark in verified.remarks:
        yield f"提示：{SEAL_WORDS[remark.kind]}（{remark.kind}）：{remark.count} 处"
        yield from (f"  {_place(place)}" for place in remark.places)
    if verified.head is not None:
        yield f"最后一个区块 {verified.head[0]}，摘要 {verified.head[1]}（请记在别处，下次用 --noted 核对）"


def _place(place: SealPlace) -> str:
    row = [] if place.source is None else [f"{place.source} {place.row_id}"]
    block = [] if place.block_no is None else [f"区块 {place.block_no}"]
    number = [] if place.finding_id is None else [shown_id(SEAL_FINDING, place.finding_id)]
    return "，".join(row + block + number)
