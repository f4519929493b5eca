"""What goes to the bank, and what the tests' bank answers, by the schemas of ISO 20022."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from app.basics.errors import Refused
from app.clearing import bank_file
from app.clearing.bank_columns import bank_columns
from app.clearing.payment_file import Instruction, PaymentFile, pain001
from app.registry.hospital_facts import BankAccount
from tests.clearing.bank import Booking, asked, camt053

xmlschema = pytest.importorskip("xmlschema")

SCHEMAS = Path(__file__).parent / "schemas"


def payment_file(*amounts: int) -> PaymentFile:
    """A file that pays a hospital these amounts, fen."""
    payee = BankAccount("中国农业银行 <滇禾>&Co", "滇禾县人民医院" * 30, "6228 4800 1234 5678")
    return PaymentFile(
        batch_id="pay_7",
        made_at=datetime(2018, 6, 5, 10, 0, tzinfo=UTC),
        pay_on=date(2018, 6, 5),
        paying=BankAccount("富滇银行", "昆明市医疗保障基金", "530100001"),
        instructions=[
            Instruction(end_to_end_id=f"pay_7-{i}", order_id=f"dis_{i}", payee=payee, amount=amount, remark="拨付")
            for i, amount in enumerate(amounts, 1)
        ],
    )


def test_what_goes_to_the_bank_is_pain001() -> None:
    """The file fits the schema, long names and markup in them too, and its control sum is exact."""
    content = pain001(payment_file(1, 99, 123456789012))
    xmlschema.XMLSchema(SCHEMAS / "pain.001.001.09.xsd").validate(content.decode())
    assert [one.amount for one in asked(content)] == ["0.01", "0.99", "1234567890.12"]


def test_the_tests_bank_writes_camt053(tmp_path: Path) -> None:
    """What the tests' bank answers fits the schema, and is read to the fen."""
    bookings = [
        Booking("E1", "1234.50", "pay_7-1", account="6228480012345678", detail="D1"),
        Booking("E2", "0.01", None, direction="CRDT"),
    ]
    content = camt053(bookings, "2018-06-05")
    xmlschema.XMLSchema(SCHEMAS / "camt.053.001.08.xsd").validate(content.decode())
    path = tmp_path / "answer.xml"
    path.write_bytes(content)
    kind, rows = bank_file.read(path, bank_columns(None))
    assert kind == "camt"
    told = [(one.kind, one.amount, one.reference, one.end_to_end_id, one.account) for one in rows]
    assert told == [
        ("paid", 123450, "E1/D1", "pay_7-1", "6228480012345678"),
        ("returned", 1, "E2", None, None),
    ]


def test_what_is_pending_is_left_out_and_foreign_money_refused(tmp_path: Path) -> None:
    """A booking that the bank has only announced isn't read; one in another currency refuses the file."""
    content = camt053([Booking("E1", "1.00", "pay_7-1")], "2018-06-05")
    path = tmp_path / "answer.xml"
    for former, later, code in (
        (b"<Cd>BOOK</Cd>", b"<Cd>PDNG</Cd>", "no_bookings"),
        (b'Ccy="CNY"', b'Ccy="USD"', "booking_incomplete"),
    ):
        path.write_bytes(content.replace(former, later))
        with pytest.raises(Refused) as refused:
            bank_file.read(path, bank_columns(None))
        assert refused.value.code == code
