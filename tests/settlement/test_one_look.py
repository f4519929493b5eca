"""One look at a bill and the thorough way come to the same: the same bill, or the same faults."""

import json
from typing import Any, Final

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from app.basics.errors import OnestopError, Refused
from app.service import wire
from app.service.wire import decode
from app.settlement.bill import BillLine, BillRequest
from bench.bills import bill

TEXTS: Final = ("item_code", "quantity", "unit_price", "amount", "hospital_item_code")
RIGHT: Final = {
    "item_code": ("X1", "None", "a.b-c_d", "药品1"),
    "quantity": ("1", "-2", "0.5", "12.3456", "9999999999"),
    "unit_price": ("0", "123.45", "0.000001", "9999999999.999999"),
    "amount": ("0.00", "-1.00", "123.45", "9999999999999.99"),
    "hospital_item_code": ("Y1", "1", None, "Ｙ２", " Y3 "),
}
ODD: Final[tuple[Any, ...]] = (
    *("", " ", "\n", "1\n", "\n1", " 1", "1 ", "1 2", "1 1.00", "01", "-0", "+1", "1.", ".5", "1.00 X1 Y1\n1 1 1.00"),
    *(
        "None",
        None,
        1,
        1.5,
        True,
        [],
        {},
        "1.00000000",
        "99999999999999",
        "x" * 65,
        "\u0000",
        "\u200b",
        "－1",
        "１",
        "é",
    ),
    *("9999-12-31", "2999-12-31", "X1 1 1 1.00 Y1\nX1", "1\r", "1\u2028", "\ud800"),
)


@st.composite
def bills(draw: st.DrawFn) -> dict[str, Any]:
    """Bills of one to three lines, faultless but for none, one or a few texts."""
    sent = bill()
    sent["lines"] = sent["lines"][: draw(st.integers(1, 3))]
    for line in sent["lines"]:
        line |= {name: draw(st.sampled_from(RIGHT[name])) for name in TEXTS}
    for name, odd in draw(st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(ODD) | st.text()), max_size=2)):
        sent["lines"][draw(st.integers(0, len(sent["lines"]) - 1))][name] = odd
    if draw(st.booleans()):
        sent |= draw(st.sampled_from(({"total": 1}, {"lines": []}, {"odd": 1}, {"person_id": "P 1"}, {"lines": None})))
    return sent


def outcome(data: bytes, decoded: Any) -> Any:
    """What became of the bytes: the bill as plain values, or the faults in their order."""
    try:
        return msgspec.to_builtins(decoded(data))
    except Refused as refused:
        return [(fault.pointer, fault.code, fault.values) for fault in refused.faults]
    except OnestopError as error:
        return error.code


def thorough(data: bytes) -> BillRequest:
    """The bill as it is decoded without the look."""
    found: BillRequest = wire._decoded(data, wire._plan(BillRequest))
    return found


@given(bills())
@example(bill())
def test_both_ways_agree(sent: dict[str, Any]) -> None:
    """Faultless or not, a bill is decoded to the same values, or refused with the same faults in the same order."""
    data = json.dumps(sent).encode()
    assert outcome(data, lambda text: decode(text, BillRequest)) == outcome(data, thorough)


def test_texts_that_look_like_rows_are_no_rows() -> None:
    """A text with a blank and a line's end of its own, which together with its neighbours reads like two right rows, is
    a fault."""
    sent = bill()
    sent["lines"] = sent["lines"][:1]
    sent["lines"][0] |= {"item_code": "X1 1 1 1.00 Y1\nX2"}
    data = json.dumps(sent).encode()
    assert outcome(data, lambda text: decode(text, BillRequest)) == [
        ("/lines/0/item_code", "character_refused", {"character": "U+0020"})
    ]


def test_the_look_leaves_no_member_out() -> None:
    """A bill seen in one look has the members of a bill, and its lines those of lines, in their order."""
    seen = decode(json.dumps(bill()).encode(), BillRequest)
    assert type(seen) is not BillRequest
    assert seen.__struct_fields__ == BillRequest.__struct_fields__
    assert seen.lines[0].__struct_fields__ == BillLine.__struct_fields__
    assert msgspec.json.encode(seen) == msgspec.json.encode(thorough(json.dumps(bill()).encode()))
