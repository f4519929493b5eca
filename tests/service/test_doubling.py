"""Twice as much takes about twice as long: what anybody may send makes nothing take the square of its size.

Each is timed by the processor's own clock, the best of three, at a size that is doubled twice: a linear work has the
ratio 4, a quadratic one 16."""

import gc
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import process_time
from typing import Any

import msgspec
import pytest

from app.basics.errors import Refused
from app.basics.text import folded, folded_name
from app.clearing.detail_file import read_detail
from app.demo.compute import OfflineBill, computed_offline
from app.policies import SHIPPED, book_with
from app.policies.checking import checked
from app.service.logs import redacted
from app.service.wire import decode
from app.settlement.bill import BillRequest
from app.settlement.reading import answer_of_quote
from app.tiers.policy import PolicyBook

MOST = 9
ROOT = Path(__file__).parent.parent.parent
EXAMPLE: dict[str, Any] = json.loads((ROOT / "examples" / "bill.json").read_text(encoding="utf-8"))
BOOK: PolicyBook = book_with([])
YUNNAN = (SHIPPED / "yunnan.yaml").read_text(encoding="utf-8")


def lines(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Lines of one yuan, each of an item of its own."""
    day = EXAMPLE["bill"]["admitted_on"]
    line = {"name": "x", "quantity": "1", "unit_price": "1.00", "amount": "1.00", "charged_at": f"{day}T09:00:00+08:00"}
    return [line | {"line_no": number + 1, "item_code": f"X{number}"} | changes for number in range(count)]


def bill(count: int, wanted: list[dict[str, Any]]) -> None:
    """Compute a bill with a catalogue of as many items, and put it into words."""
    item = {"name": "x", "kind": "drug", "class": "B", "first_pay_ratio": "0.1", "valid_from": "2017-01-01"}
    catalogue = [item | {"item_code": f"X{number}"} for number in range(count)]
    total = (
        f"{sum(1 for one in wanted if one['quantity'] == '1') - sum(1 for one in wanted if one['quantity'] == '-1')}.00"
    )
    given = EXAMPLE | {"bill": EXAMPLE["bill"] | {"lines": wanted, "total": total}, "catalogue": catalogue}
    computation = computed_offline(decode(json.dumps(given).encode(), OfflineBill), BOOK)
    msgspec.json.encode(answer_of_quote(computation))


def long_bill(count: int) -> None:
    """Every line of an item of its own."""
    bill(count, lines(count))


def refunded_bill(count: int) -> None:
    """Every second line takes back the one before it."""
    wanted = lines(count)
    for kept, back in zip(wanted[::2], wanted[1::2], strict=False):
        changes = {"quantity": "-1", "amount": "-1.00", "refund_of_line_no": kept["line_no"]}
        back |= changes | {"item_code": kept["item_code"]}
    bill(count, wanted)


def faulty_bill(count: int) -> None:
    """No amount is that of its line, and every number is another's too."""
    wanted = lines(count, amount="9.00")
    for index, one in enumerate(wanted):
        one["line_no"] = 1 + index // 2
    with suppress(Refused):
        bill(count, wanted)


def malformed_bill(count: int) -> None:
    """Every line lacks its amount and has what no line has."""
    wanted = [{"line_no": number, "x": 1} for number in range(count)]
    with suppress(Refused):
        decode(json.dumps(EXAMPLE["bill"] | {"lines": wanted}).encode(), BillRequest)


def unknown_keys(count: int) -> None:
    """A pack of keys that no pack has."""
    checked({"x": "".join(f"k{number}: x\n" for number in range(count))}, "x")


def known_keys(count: int) -> None:
    """A pack with as many documents and parameters of its own, none of which is asked for."""
    source = "{document: d1, clause: x}"
    rows = "".join(
        f"  p{number}:\n    title: x\n    unit: yuan\n    rows:\n"
        f"      - {{from: 2018-01-01, value: '1.00', status: enacted, source: {source}}}\n"
        for number in range(count)
    )
    documents = "".join(f"  d{number}: {{title: x}}\n" for number in range(count))
    text = f'pack: x\ntitle: x\nareas: ["99"]\ninherits: yunnan\ndocuments:\n{documents}parameters:\n{rows}'
    checked({"yunnan": YUNNAN, "x": text}, "x")


def repeated_keys(count: int) -> None:
    """A pack that says one key again and again."""
    checked({"x": "title: x\n" * count}, "x")


def long_words(count: int) -> None:
    """A long name as it is compared, and as it would stand in a log."""
    for text in ("　Ａ " * count, "1" * count, "bearer " * count, "é" * count):
        folded(text)
        folded_name(text)
        redacted(text)


def long_file(count: int) -> None:
    """A detail file with a row per settlement."""
    content = "settlement_id,fund,amount\n" + "".join(f"set_{number},390100,1.00\n" for number in range(count))
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(content)
        file.flush()
        read_detail(Path(file.name), "/file", funds=None)


CASES: dict[Callable[[int], None], int] = {
    long_bill: 2500,
    refunded_bill: 2500,
    faulty_bill: 2500,
    malformed_bill: 2500,
    unknown_keys: 2500,
    known_keys: 200,
    repeated_keys: 2500,
    long_words: 50_000,
    long_file: 2500,
}


def seconds(work: Callable[[int], None], count: int) -> float:
    """The processor's time for a work, the best of three."""
    found = []
    for _ in range(3):
        gc.collect()
        started = process_time()
        work(count)
        found.append(process_time() - started)
    return min(found)


@pytest.mark.thorough
@pytest.mark.parametrize("work", CASES, ids=lambda work: work.__name__)
def test_twice_as_much_takes_about_twice_as_long(work: Callable[[int], None]) -> None:
    """Bills, texts of packs, words and files of any size that is accepted take time in proportion."""
    count = CASES[work]
    less, more = seconds(work, count), seconds(work, 4 * count)
    assert more < MOST * less + 0.02, f"{count}: {less:.3f} s, {4 * count}: {more:.3f} s"
