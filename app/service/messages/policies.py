"""What is said of policy packs and their figures."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "policy_gap": (
        "当天没有适用的政策规定。涉及 {parameter}（{day}）；请核对日期和参保地，或请政策管理员补充政策配置。",
        "No policy rule applies on that day. "
        "It concerns {parameter} on {day}; check the day and area, or have the pack completed.",
    ),
    "policy_overlap": (
        "当天有两条相互重叠的政策规定。涉及 {parameter}（{day}）；请政策管理员修正政策配置后重新提交。",
        "Two policy rules overlap on that day. "
        "It concerns {parameter} on {day}; have the policy pack corrected, then send again.",
    ),
    "pack_unknown": (
        "没有这个政策配置。请核对名称，可用的名称见 GET /v1/policies。",
        "There is no such policy pack. Check its name; GET /v1/policies lists them.",
    ),
    "reform_at_fault": (
        "改革方案不能使用。{finding}请按所说修改后重新提交。",
        "The reform can't be used. {finding} Change it as is said there, and send it again.",
    ),
    "reform_named_as_pack": (
        "改革方案不能与已有的政策配置同名。请在第 {line} 行写一个新名字，例如 pack: reform。",
        "A reform can't have the name of a pack in use. Give it one of its own in line {line}, such as pack: reform.",
    ),
    "reform_inherits_not": (
        "改革方案没有继承所模拟的政策配置。请在第 {line} 行写 inherits: {pack}，并且只写有变化的数值。",
        "The reform doesn't inherit the pack that is simulated. "
        "Write inherits: {pack} in line {line}, and only the figures that change.",
    ),
    "days_reversed": (
        "截止日早于起始日。请调换，两日均包含在内。",
        "The last day is before the first. Exchange them; both are included.",
    ),
    "parameter_unknown": (
        "没有可由地区自定的这个参数。请使用政策配置中对所有人相同的金额参数，例如 safety_net.own_cap。",
        "No parameter of this name can have a figure of an area's own. "
        "Use a sum of the pack that is the same for everybody, such as safety_net.own_cap.",
    ),
}
