"""The steps of payments on pages: approve, send, record a payment or a return, cancel; once for every kind."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import machine, repayment
from app.clearing.api import ReasonRequest
from app.clearing.bank import PaymentRequest, ReturnRequest
from app.clearing.machine import Act, Paying, acting
from app.clearing.payment import MOVES, Paid, PaymentKind, PaymentState, PaymentStep, steps_from
from app.finance.page import Refusal, Visitor, stepped, struct_of

WORDS: Final = {
    PaymentStep.APPROVAL: "approve",
    PaymentStep.SENDING: "send",
    PaymentStep.PAYMENT: "pay",
    PaymentStep.RETURN: "return",
    PaymentStep.CANCELLATION: "cancel",
    PaymentStep.REPAYMENT: "repay",
}
NOTICES: Final = {
    "approve": "approved",
    "send": "sent",
    "pay": "payment",
    "return": "return",
    "cancel": "cancelled",
    "repay": "repaid",
}


B = TypeVar("B", bound=Paid)
NOT_OWN: Final = frozenset({"approve", "repay"})
"""What another person than the maker does."""


@dataclass(frozen=True, slots=True)
class Pages(Generic[B]):
    """Where the pages of a kind are, its noun in the notices, how one of them is shown again after a refusal, and how
    money is recorded that the payee gave back."""

    path: str
    noun: str
    kind: Paying[B]
    show: Callable[[Visitor, str, Refusal], Awaitable[Response]]
    repay: Callable[[Act, str, PaymentRequest], Awaitable[object]] = repayment.repay


def steps_for(
    visitor: Visitor, kind: PaymentKind, state: str, made_by: str, *, account_is_current: bool = True
) -> tuple[str, ...]:
    """What a page offers in a state; the service decides whether it may be done. ``second``: another person must
    approve. What is approved is approved again, and not sent, when the payee's account changed."""
    if not visitor.may("finance"):
        return ()
    words = [WORDS[step] for step in steps_from(kind, PaymentState(state)) if step in WORDS]
    if state == PaymentState.APPROVED:
        words.remove("approve" if account_is_current else "send")
    own = made_by == visitor.principal.subject
    return tuple("second" if own and word in NOT_OWN else word for word in words)


def add_steps(router: APIRouter, pages: Pages[B]) -> None:
    """Add the steps of a kind to its pages' router."""
    for word in (WORDS[step] for step in dict.fromkeys(move.step for move in MOVES[pages.kind.kind]) if step in WORDS):
        router.add_api_route("/{shown_id}/" + word, _step(pages, word), methods=["POST"], include_in_schema=False)


def _step(pages: Pages[B], word: str) -> Callable[[Request, str], Awaitable[Response]]:
    async def endpoint(request: Request, shown_id: str) -> Response:
        async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
            act = await acting(visitor.service, connection, visitor.caller)
            return await _moved(act, pages, shown_id, word, form)

        return await stepped(
            request,
            move,
            "finance",
            location=f"{pages.path}/{shown_id}",
            notice=f"notice.{pages.noun}.{NOTICES[word]}",
            show=lambda visitor, refusal: pages.show(visitor, shown_id, refusal),
        )

    return endpoint


async def _moved(act: Act, pages: Pages[B], shown_id: str, word: str, form: dict[str, str]) -> object:
    kind = pages.kind
    match word:
        case "approve":
            return await machine.approve(act, kind, shown_id)
        case "send":
            return await machine.send(act, kind, shown_id)
        case "pay":
            paid = struct_of(form, PaymentRequest, "amount", "paid_on", "bank_reference")
            return await machine.pay(act, kind, shown_id, paid)
        case "return":
            back = struct_of(form, ReturnRequest, "amount", "returned_on", "bank_reference", "reason")
            return await machine.give_back(act, kind, shown_id, back)
        case "repay":
            repaid = struct_of(form, PaymentRequest, "amount", "paid_on", "bank_reference")
            return await pages.repay(act, shown_id, repaid)
        case _:
            return await machine.cancel(act, kind, shown_id, struct_of(form, ReasonRequest, "reason").reason)
