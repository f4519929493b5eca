"""Every kind of move that a simulated year has to meet: what is allowed, and what is illegal and why."""

from typing import Final

STEPS: Final = ("approve", "send", "pay", "return", "cancel")
PAYMENTS: Final = ("order", "prepayment", "claim")
ILLEGAL_STEPS: Final = {
    "approve": ("no draft", "by the maker", "a stranger"),
    "send": ("not approved", "a stranger"),
    "pay": (
        "not sent",
        "nothing",
        "too much",
        "before its sending",
        "before its return",
        "in the future",
        "into a closed month",
        "a used reference",
        "a stranger",
    ),
    "return": (
        "nothing paid",
        "nothing",
        "too much",
        "before its payment",
        "in the future",
        "into a closed month",
        "a used reference",
        "a stranger",
    ),
    "cancel": ("under way or over", "a stranger"),
}

LEGAL: Final = {
    *(f"{step} {payment}" for step in STEPS[:-1] for payment in PAYMENTS),
    "cancel order",
    "declare",
    "withdraw",
    "reconcile",
    "end audit",
    "approve",
    "propose deduction",
    "accept deduction",
    "appeal",
    "decide appeal",
    "order",
    "repay carry",
    "prepay",
    "release deposits",
    "approve release",
    "cancel release",
    "send deposit",
    "pay deposit",
    "deduct from claim",
    "repay claim",
    "approve account",
    "close month",
    "reopen month",
    "close year",
    "close balance",
}

ILLEGAL: Final = {
    **{f"{step} {payment}": whys for payment in PAYMENTS for step, whys in ILLEGAL_STEPS.items()},
    "approve claim": ("no draft", "by the maker", "deductions open", "a stranger"),
    "send claim": ("not approved", "for another account", "a stranger"),
    "pay claim": (
        "not sent",
        "nothing",
        "too much",
        "before its sending",
        "in the future",
        "a used reference",
        "a stranger",
    ),
    "pay prepayment": ("not sent", "nothing", "too much", "before its sending", "in the future", "a stranger"),
    "declare": ("a month that runs", "of a month closed hard", "declared already", "a stranger"),
    "withdraw": ("withdrawn", "of a month closed hard", "in progress", "a stranger"),
    "reconcile": ("withdrawn", "a stranger"),
    "end audit": ("withdrawn", "ended already", "deductions open", "a stranger"),
    "approve": ("withdrawn", "approved already", "by the maker", "no such part", "deductions open", "a stranger"),
    "propose deduction": ("withdrawn", "approved already", "nothing", "too much", "a stranger"),
    "accept deduction": ("not proposed", "a stranger"),
    "appeal": ("not proposed", "too late", "a stranger"),
    "decide appeal": ("not appealed", "by the maker", "no reduction", "a stranger"),
    "order": (
        "withdrawn",
        "no such part",
        "ordered already",
        "not approved",
        "a deposit too high",
        "below the floor",
        "a stranger",
    ),
    "repay carry": (
        "taken by an order",
        "nothing",
        "too much",
        "by the maker",
        "before it was carried",
        "in the future",
        "a stranger",
    ),
    "prepay": ("nothing", "a stranger"),
    "release deposits": ("a year that runs", "nothing held", "a stranger"),
    "approve release": ("no draft", "by the maker"),
    "cancel release": ("no draft",),
    "repay claim": (
        "nothing owed back",
        "nothing",
        "before its payment",
        "by the maker",
        "in the future",
        "a used reference",
        "a stranger",
    ),
    "deduct from claim": ("approved already", "nothing", "too much", "a stranger"),
    "approve account": ("by the maker", "approved already"),
    "close month": ("a month that runs", "closed already", "a stranger"),
    "reopen month": ("not closed", "by the maker", "a stranger"),
    "close year": ("a year that runs", "closed already", "below the floor", "a stranger"),
    "approve exception": ("by the maker", "approved already"),
    "close balance": ("closed already", "before its opening", "in the future", "a stranger"),
    "settle": ("settled already",),
    "reverse": ("reversed already",),
    "approve report": ("by the maker",),
}


def unmet(moves: dict[str, int], kinds: dict[str, int]) -> set[str]:
    """The kinds that a simulation didn't meet."""
    wanted = {f"{name} accepted" for name in LEGAL}
    wanted |= {f"{name}: {why}" for name, whys in ILLEGAL.items() for why in whys}
    return wanted - moves.keys() - kinds.keys()
