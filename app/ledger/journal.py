"""Which transfers a settlement or a correction posts (docs/specification/clearing.md, section 1). Pure.

A transfer has one debit account, one credit account and one positive amount, so an unbalanced entry can't be written
down. The patient's own portion and the hospital's are not the funds' money and post nothing.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from app.tiers.model import CHILDBIRTH, Payable

CHILDBIRTH_CLR_TYPE: Final = "99949"


class Transfer(Struct, frozen=True, array_like=True):
    """Money owed moving between two accounts; fen, positive."""

    debit: str
    credit: str
    amount: int
    fund: str
    tier: str
    event: str
    clr_type: str


def clr_type(medical_type: str) -> str:
    """The national clearing category 清算类别 of a posting."""
    return CHILDBIRTH_CLR_TYPE if medical_type == CHILDBIRTH else medical_type


def creditor(*, paid_by: str, hospital_code: str) -> str:
    """Whom the funds owe: the hospital that advanced the money, or the claim of the person who paid in cash elsewhere
    (零星报销). A claim's number is the database's, which completes the account (``claims_move``)."""
    return f"hospital:{hospital_code}" if paid_by == "hospital" else "claim"


def transfers_for(
    payables: Sequence[Payable], *, event: str, paying_area: str, creditor: str, medical_type: str
) -> tuple[Transfer, ...]:
    """The transfers of what the funds owe; a negative payable (a correction) goes the other way.

    ``paying_area`` is the pooling area whose funds pay; ``creditor`` comes from ``creditor()``.
    """
    transfers = []
    for payable in payables:
        base = f"area:{paying_area}/fund:{payable.fund}"
        expense, owed = f"{base}/expense", f"{base}/payable/{creditor}"
        debit, credit = (expense, owed) if payable.amount > 0 else (owed, expense)
        amount = abs(payable.amount)
        if amount:
            transfers.append(Transfer(debit, credit, amount, payable.fund, payable.tier, event, clr_type(medical_type)))
    return tuple(transfers)


def receivable_transfers(
    payables: Sequence[Payable], *, paying_area: str, creditor: str, liable: str, medical_type: str
) -> tuple[Transfer, ...]:
    """What the funds ask of the party liable for a recovered settlement instead of its creditor.

    ``payables`` are those of the reversal, negative: each fund's creditor keeps what it was owed, the fund has a
    receivable. ``liable`` names the settlement, since the liable party is known by its document only.
    """
    transfers = []
    for payable in payables:
        base = f"area:{paying_area}/fund:{payable.fund}"
        receivable, owed = f"{base}/receivable/liable:{liable}", f"{base}/payable/{creditor}"
        amount = abs(payable.amount)
        transfers.append(
            Transfer(receivable, owed, amount, payable.fund, payable.tier, "recovery", clr_type(medical_type))
        )
    return tuple(transfers)
