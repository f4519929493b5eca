"""The map of a bank's columns, which is data: how its files head what they hold."""

from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

SHIPPED: Final = Path(__file__).parent / "data" / "bank_columns.yaml"
Holds = Literal[
    "end_to_end_id",
    "order_id",
    "payee_name",
    "payee_account",
    "payee_bank",
    "amount",
    "remark",
    "paying_name",
    "paying_account",
    "paying_bank",
]


class PaymentColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """A column of the payment file: its heading, and what it holds."""

    heading: str
    holds: Holds


class ReceiptColumns(Struct, frozen=True, forbid_unknown_fields=True):
    """Under which headings a receipt has what."""

    bank_reference: list[str]
    amount: list[str]
    value_on: list[str]
    result: list[str]
    end_to_end_id: list[str] = []
    payee_account: list[str] = []
    reason: list[str] = []


class ResultWords(Struct, frozen=True, forbid_unknown_fields=True):
    """What a bank writes for each result."""

    paid: list[str]
    returned: list[str]


class BankColumns(Struct, frozen=True, forbid_unknown_fields=True):
    """The map of one bank."""

    payment: list[PaymentColumn]
    receipt: ReceiptColumns
    results: ResultWords


def bank_columns(path: Path | None) -> BankColumns:
    """The map at a path, or the shipped one. ValueError, or OSError, says what is wrong with it."""
    try:
        return msgspec.yaml.decode((path or SHIPPED).read_bytes(), type=BankColumns)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
