"""Corrections of settlements: taking back, refunding, asking back, computing a person-year again."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "correction.title": ("更正这笔结算", "Correct this settlement"),
    "correction.reverse": ("撤销结算", "Reverse"),
    "correction.reverse.about": (
        "整笔撤销：生成一笔金额全部为负的结算，原结算保留。撤销后不能恢复，只能重新结算。",
        "Takes the settlement back whole, by a new one with all amounts negative. It can't be undone: the bill would "
        "be settled again.",
    ),
    "correction.refund": ("退费", "Refund"),
    "correction.refund.about": (
        "填写要退的数量；各层待遇重新计算，差额记为调整。",
        "Enter the quantities that are taken back; every tier is computed again, the difference is an adjustment.",
    ),
    "correction.recover": ("追偿", "Recover"),
    "correction.recover.about": (
        "认定由第三方负担后撤销，基金已付的金额向责任方追偿。",
        "Reverses a settlement that another party is liable for; what the funds paid is asked of that party.",
    ),
    "correction.document": ("认定文书", "Document of the decision"),
    "correction.cascade": (
        "同时重新计算本人本年度之后的结算",
        "Compute the person's later settlements of the year again",
    ),
    "correction.later": (
        "之后还有结算：{later}。勾选下面的选项后一并重新计算。",
        "There are later settlements: {later}. Tick the box below to compute them again.",
    ),
    "correction.others": ("（另有 {count} 笔）", "(and {count} others)"),
    "correction.quantity": ("退回数量", "Quantity taken back"),
    "correction.quantity.settled": ("结算数量", "Quantity"),
    "correction.item": ("项目", "Item"),
    "correction.price": ("单价", "Price"),
    "correction.day": ("费用日期", "Day"),
    "correction.concerned": ("涉及的金额", "What it concerns"),
    "correction.impossible": ("这笔结算已经撤销，或者本身就是更正，不能再更正。", "This can't be corrected any more."),
    "correction.sure": (
        "确定{step}吗？{area}，{year} 年度，费用 {total} 元，基金支付 {funds} 元。",
        "{step}? {area}, {year}, bill of {total} yuan, {funds} yuan of the funds.",
    ),
    "correction.readjudicate": ("年度重算", "Compute again"),
    "correction.readjudicate.title": ("{person} {year} 年度重算", "{person}: {year} computed again"),
    "correction.readjudicate.about": (
        "按现在登记的人员类别和现行政策重新计算本年度的全部结算。下面是试算结果，尚未写入。",
        "Every settlement of the year is computed with the classes and the law known now. This is a trial; nothing is "
        "written yet.",
    ),
    "correction.readjudicate.none": ("重算后没有变化，无需调整。", "Nothing would change."),
    "correction.readjudicate.apply": ("写入调整", "Write the adjustments"),
    "correction.readjudicate.sure": (
        "确定写入吗？{person}，{year} 年度，{count} 笔结算有变化，基金合计 {amount} 元。",
        "Write it? {person}, {year}: {count} settlements change, the funds by {amount} yuan.",
    ),
    "correction.changes": ("有变化的结算", "What would change"),
    "correction.changes.count": ("{count} 笔", "{count} settlements"),
    "correction.class": ("人员类别", "Class"),
    "correction.difference": ("各方差额", "Differences"),
    "notice.correction.reverse": ("结算已撤销。", "The settlement is reversed."),
    "notice.correction.refund": ("退费已完成，差额见下。", "The refund is done; the difference is below."),
    "notice.correction.recover": (
        "已撤销，待向责任方追偿。",
        "It is reversed; what the funds paid is to be asked back.",
    ),
    "notice.correction.readjudicate": ("调整已写入。", "The adjustments are written."),
}
