"""The file of a payment batch: ISO 20022 pain.001.001.09, or the bank's columns as XLSX or CSV. Pure.

The same batch always gives the same bytes but for the instant: a bank that gets a file twice knows it by its message
id, which is the batch's."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, Literal
from xml.etree import ElementTree

from msgspec import Struct

from app.basics.money import yuan
from app.clearing.bank_columns import PaymentColumn
from app.registry.hospital_facts import BankAccount
from app.service.export import Column, csv_bytes, xlsx_bytes

FileFormat = Literal["pain001", "xlsx", "csv"]
NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
CURRENCY: Final = "CNY"
MOST_NAME: Final = 140  # Max140Text
MOST_ACCOUNT: Final = 34  # Max34Text of an account that is no IBAN


class Instruction(Struct, frozen=True, kw_only=True):
    """What the bank is asked to pay: to whom, how much (fen), under which reference of ours, for what."""

    end_to_end_id: str
    order_id: str
    payee: BankAccount
    amount: int
    remark: str


class PaymentFile(Struct, frozen=True, kw_only=True):
    """Everything that a file says: the batch's id, when it is made, from which day and account it is paid."""

    batch_id: str
    made_at: datetime
    pay_on: date
    paying: BankAccount
    instructions: Sequence[Instruction]

    @property
    def control_sum(self) -> int:
        """The sum of the instructions, fen."""
        return sum(one.amount for one in self.instructions)


def pain001(file: PaymentFile) -> bytes:
    """The file as pain.001.001.09: one payment from one account, a transaction for each instruction."""
    root = ElementTree.Element("Document", {"xmlns": NAMESPACE})
    document = ElementTree.SubElement(root, "CstmrCdtTrfInitn")
    header = ElementTree.SubElement(document, "GrpHdr")
    _add(header, "MsgId", file.batch_id)
    _add(header, "CreDtTm", file.made_at.isoformat(timespec="seconds"))
    _add_control(header, file)
    _add(ElementTree.SubElement(header, "InitgPty"), "Nm", file.paying.account_name[:MOST_NAME])
    payment = ElementTree.SubElement(document, "PmtInf")
    _add(payment, "PmtInfId", file.batch_id)
    _add(payment, "PmtMtd", "TRF")
    _add_control(payment, file)
    _add(ElementTree.SubElement(payment, "ReqdExctnDt"), "Dt", file.pay_on.isoformat())
    _add(ElementTree.SubElement(payment, "Dbtr"), "Nm", file.paying.account_name[:MOST_NAME])
    _add_account(payment, "DbtrAcct", file.paying)
    _add_bank(payment, "DbtrAgt", file.paying)
    for one in file.instructions:
        _add_transaction(payment, one)
    ElementTree.indent(root)
    content: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return content


def _add_transaction(payment: ElementTree.Element, one: Instruction) -> None:
    transaction = ElementTree.SubElement(payment, "CdtTrfTxInf")
    identity = ElementTree.SubElement(transaction, "PmtId")
    _add(identity, "InstrId", one.order_id)
    _add(identity, "EndToEndId", one.end_to_end_id)
    amount = ElementTree.SubElement(ElementTree.SubElement(transaction, "Amt"), "InstdAmt", {"Ccy": CURRENCY})
    amount.text = yuan(one.amount)
    _add_bank(transaction, "CdtrAgt", one.payee)
    _add(ElementTree.SubElement(transaction, "Cdtr"), "Nm", one.payee.account_name[:MOST_NAME])
    _add_account(transaction, "CdtrAcct", one.payee)
    _add(ElementTree.SubElement(transaction, "RmtInf"), "Ustrd", one.remark[:MOST_NAME])


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text


def _add_control(parent: ElementTree.Element, file: PaymentFile) -> None:
    _add(parent, "NbOfTxs", str(len(file.instructions)))
    _add(parent, "CtrlSum", yuan(file.control_sum))


def _add_account(parent: ElementTree.Element, name: str, account: BankAccount) -> None:
    identity = ElementTree.SubElement(ElementTree.SubElement(parent, name), "Id")
    _add(ElementTree.SubElement(identity, "Othr"), "Id", account.account_number.replace(" ", "")[:MOST_ACCOUNT])


def _add_bank(parent: ElementTree.Element, name: str, account: BankAccount) -> None:
    institution = ElementTree.SubElement(ElementTree.SubElement(parent, name), "FinInstnId")
    _add(institution, "Nm", account.bank_name[:MOST_NAME])


def sheet(file: PaymentFile, format_: Literal["xlsx", "csv"], columns: Sequence[PaymentColumn]) -> bytes:
    """The file in a bank's columns. The workbook has a title with the batch's id, and the sum below."""
    heads = [Column(one.heading, "money" if one.holds == "amount" else "text") for one in columns]
    rows = [[_held(file, one, column) for column in columns] for one in file.instructions]
    return csv_bytes(heads, rows) if format_ == "csv" else xlsx_bytes(heads, rows, f"付款批次 {file.batch_id}")


def _held(file: PaymentFile, one: Instruction, column: PaymentColumn) -> object:
    values: dict[str, object] = {
        "end_to_end_id": one.end_to_end_id,
        "order_id": one.order_id,
        "payee_name": one.payee.account_name,
        "payee_account": one.payee.account_number,
        "payee_bank": one.payee.bank_name,
        "amount": one.amount,
        "remark": one.remark,
        "paying_name": file.paying.account_name,
        "paying_account": file.paying.account_number,
        "paying_bank": file.paying.bank_name,
    }
    return values[column.holds]
