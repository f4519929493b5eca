"""From bytes to typed structs: every fault at once, nothing of the input in them, and never anything but a refusal."""

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import Meta, Struct

from app.basics.errors import Malformed, OnestopError, Refused
from app.service import wire
from app.service.messages import MESSAGES
from app.service.walk import MAX_FAULTS
from app.service.wire import AreaCode, Code, Day, Instant, Money, Name, Price, Quantity, Rate, SignedMoney, decode


class Line(Struct, forbid_unknown_fields=True):
    line_no: Annotated[int, Meta(ge=1, le=1000)]
    amount: Money
    quantity: Quantity = "1"
    unit_price: Price = "1"
    charged_at: Instant | None = None
    approved: bool | Literal["refused"] = False


class Source(Struct, forbid_unknown_fields=True):
    hospital_code: Code
    visit_id: Code


class Paper(Struct, forbid_unknown_fields=True):
    person_id: Code
    lines: Annotated[list[Line], Meta(min_length=1, max_length=5)]
    kind: Literal["11", "21"] = "11"
    day: Day | None = None
    area_code: AreaCode | None = None
    name: Name | None = None
    balance: SignedMoney | None = None
    share: Rate | None = None
    ceilings: dict[str, Price] = {}
    source: Source | None = None
    tags: Annotated[list[Name], Meta(max_length=3)] = []


class Loose(Struct, forbid_unknown_fields=True):
    count: int = 0
    changes: dict[str, Any] = {}
    note: str = ""


VALID: dict[str, Any] = {"person_id": "P1", "lines": [{"line_no": 1, "amount": "25.00"}]}


def encoded(**members: Any) -> bytes:
    return json.dumps(VALID | members, ensure_ascii=False).encode()


def in_line(**members: Any) -> bytes:
    return encoded(lines=[VALID["lines"][0] | members])


def outcome(data: bytes, type_: type[Any]) -> object:
    """The struct, or the error of ours. Anything else goes through."""
    try:
        return decode(data, type_)
    except OnestopError as error:
        return error


def faults_of(data: bytes, type_: type[Any] = Paper, **options: int) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as caught:
        decode(data, type_, **options)
    assert {fault.code for fault in caught.value.faults} <= MESSAGES.keys()
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


# ---------------------------------------------------------------- accepted


def test_a_valid_body_becomes_its_struct() -> None:
    """Every kind of field is read into its type."""
    data = encoded(
        lines=[{"line_no": 2, "amount": "0.00", "charged_at": "2018-05-02T09:30:00+08:00", "approved": "refused"}],
        day="2018-05-12",
        area_code="530100",
        name="脑梗死",
        balance="-3.10",
        share="0.7000",
        ceilings={"1": "12.5", "2": "0.000001"},
        source={"hospital_code": "H1", "visit_id": "V-1"},
        tags=["甲", ""],
    )
    paper = decode(data, Paper)
    assert (paper.day, paper.balance, paper.ceilings["2"]) == (date(2018, 5, 12), "-3.10", "0.000001")
    assert paper.lines[0].charged_at == datetime(2018, 5, 2, 1, 30, tzinfo=UTC)
    assert paper.lines[0].approved == "refused"
    assert paper.source is not None
    assert paper.source.visit_id == "V-1"


MONEY = st.integers(0, 10**15 - 1).map(lambda fen: f"{fen // 100}.{fen % 100:02d}")
CODES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=200)
INSTANTS = st.datetimes(timezones=st.just(UTC)).filter(lambda instant: 1 < instant.year < 9999)
LINES = st.builds(
    Line,
    line_no=st.integers(1, 1000),
    amount=MONEY,
    charged_at=INSTANTS | st.none(),
    approved=st.booleans() | st.just("refused"),
)
PAPERS = st.builds(
    Paper,
    person_id=CODES,
    lines=st.lists(LINES, min_size=1, max_size=5),
    kind=st.sampled_from(["11", "21"]),
    day=st.dates(date(2, 1, 1), date(9998, 12, 31)) | st.none(),
    area_code=st.integers(0, 999_999).map("{:06d}".format) | st.none(),
    name=NAMES | st.none(),
    balance=MONEY.map("-{}".format) | st.none(),
    share=st.integers(0, 9999).map("0.{:04d}".format) | st.just("1") | st.none(),
    ceilings=st.dictionaries(
        NAMES, MONEY.map(lambda text: text[-13:].lstrip("0") or "0").filter(lambda t: t[0] != ".")
    ),
    source=st.builds(Source, hospital_code=CODES, visit_id=CODES) | st.none(),
    tags=st.lists(NAMES, max_size=3),
)


def test_codes_are_folded_before_they_are_looked_at() -> None:
    """Padding goes and full width becomes ASCII, at any depth; names stay as they were sent."""
    padded = encoded(
        person_id=" Ｐ1\t", area_code="５３０１００", tags=["　甲 "], source={"hospital_code": "Ｈ1 ", "visit_id": "V"}
    )
    paper = decode(padded, Paper)
    assert (paper.person_id, paper.area_code, paper.tags) == ("P1", "530100", ["　甲 "])
    assert paper.source is not None
    assert paper.source.hospital_code == "H1"


@given(PAPERS, st.booleans())
def test_what_is_valid_comes_back_as_it_was(paper: Paper, ascii_only: bool) -> None:
    """Encoding a valid struct and decoding it gives the same struct, whether the client escapes or not."""
    data = msgspec.json.encode(paper)
    if ascii_only:
        data = json.dumps(json.loads(data)).encode()
    assert decode(data, Paper) == paper


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"[]", ("", "not_an_object")),
        (b'{"person_id": "P1"}', ("/lines", "missing")),
        (encoded(extra=1), ("/extra", "unknown_field")),
        (encoded(person_id=None), ("/person_id", "wrong_type")),
        (encoded(person_id=""), ("/person_id", "text_too_short")),
        (encoded(person_id="x" * 65), ("/person_id", "text_too_long")),
        (encoded(person_id="x y"), ("/person_id", "character_refused")),
        (encoded(person_id="x\ny"), ("/person_id", "text_format")),
        (encoded(person_id="x\x00y"), ("/person_id", "nul_character")),
        (encoded(name="x\x00"), ("/name", "nul_character")),
        (encoded(tags=["a", "\x00"]), ("/tags/1", "nul_character")),
        (encoded(ceilings={"a\x00": "1"}), ("/ceilings", "nul_character")),
        (encoded(ceilings=[]), ("/ceilings", "not_an_object")),
        (encoded(ceilings={"1": 2}), ("/ceilings/1", "money_not_string")),
        (encoded(ceilings={"1": "1.1234567"}), ("/ceilings/1", "price_format")),
        (encoded(kind="31"), ("/kind", "not_in_list")),
        (encoded(kind=11), ("/kind", "not_in_list")),
        (encoded(kind=[11]), ("/kind", "not_in_list")),
        (encoded(day="2018-02-30"), ("/day", "date_format")),
        (encoded(day="2018-5-1"), ("/day", "date_format")),
        (encoded(day=20180501), ("/day", "wrong_type")),
        (encoded(day="9999-12-31"), ("/day", "date_out_of_range")),
        (encoded(day="0001-01-01"), ("/day", "date_out_of_range")),
        (encoded(day="0000-01-01"), ("/day", "date_format")),
        (encoded(area_code="5301"), ("/area_code", "text_format")),
        (encoded(area_code="５３０１０"), ("/area_code", "text_format")),
        (encoded(balance=-1.5), ("/balance", "money_not_string")),
        (encoded(balance=True), ("/balance", "wrong_type")),
        (encoded(share="1.1"), ("/share", "rate_format")),
        (encoded(share=0.7), ("/share", "money_not_string")),
        (encoded(source="H1"), ("/source", "not_an_object")),
        (encoded(source={"hospital_code": "H1"}), ("/source/visit_id", "missing")),
        (encoded(tags=["a"] * 4), ("/tags", "too_many_items")),
        (encoded(tags="a"), ("/tags", "wrong_type")),
        (encoded(lines=[]), ("/lines", "too_few_items")),
        (encoded(lines=VALID["lines"] * 6), ("/lines", "too_many_lines")),
        (encoded(lines=[1]), ("/lines/0", "not_an_object")),
        (in_line(amount=25), ("/lines/0/amount", "money_not_string")),
        (in_line(amount="25"), ("/lines/0/amount", "money_format")),
        (in_line(amount="025.00"), ("/lines/0/amount", "money_format")),
        (in_line(amount="25.00\n"), ("/lines/0/amount", "money_format")),
        (in_line(amount="٢٥.٠٠"), ("/lines/0/amount", "money_format")),
        (in_line(amount="-25.00"), ("/lines/0/amount", "negative_amount")),
        (in_line(quantity="1.23456"), ("/lines/0/quantity", "quantity_format")),
        (in_line(quantity="1e3"), ("/lines/0/quantity", "quantity_format")),
        (in_line(unit_price="-1"), ("/lines/0/unit_price", "price_format")),
        (in_line(line_no=0), ("/lines/0/line_no", "number_out_of_range")),
        (in_line(line_no=10**30), ("/lines/0/line_no", "number_out_of_range")),
        (in_line(line_no=1.0), ("/lines/0/line_no", "wrong_type")),
        (in_line(line_no=True), ("/lines/0/line_no", "wrong_type")),
        (in_line(line_no="1"), ("/lines/0/line_no", "wrong_type")),
        (in_line(charged_at="2018-05-02T09:30:00"), ("/lines/0/charged_at", "datetime_format")),
        (in_line(charged_at="2018-05-02"), ("/lines/0/charged_at", "datetime_format")),
        (in_line(charged_at="0001-01-01T00:00:00+08:00"), ("/lines/0/charged_at", "date_out_of_range")),
        (in_line(charged_at="9999-12-31T23:59:59-08:00"), ("/lines/0/charged_at", "date_out_of_range")),
        (in_line(charged_at="9999-12-31T23:59:59.9999999Z"), ("/lines/0/charged_at", "datetime_format")),
        (in_line(approved="yes"), ("/lines/0/approved", "not_in_list")),
        (in_line(approved=1), ("/lines/0/approved", "not_in_list")),
    ],
)
def test_each_fault_has_its_place_and_its_code(data: bytes, fault: tuple[str, str]) -> None:
    """One thing wrong gives one fault, at its pointer, with its own code."""
    assert faults_of(data) == [fault]


def test_all_faults_come_at_once_in_the_order_of_the_request() -> None:
    """Faults of several fields and lines are answered together, missing fields after those that are there."""
    data = encoded(lines=[{"amount": 1, "line_no": 0}, {"line_no": 1, "amount": "1.00", "no": 1}], kind="x")
    assert faults_of(data) == [
        ("/lines/0/amount", "money_not_string"),
        ("/lines/0/line_no", "number_out_of_range"),
        ("/lines/1/no", "unknown_field"),
        ("/kind", "not_in_list"),
    ]
    assert faults_of(b'{"kind": "x"}') == [("/kind", "not_in_list"), ("/person_id", "missing"), ("/lines", "missing")]


@pytest.mark.parametrize("key", ["a b", "x" * 41, "530102199001011234", "A530102-19900101", "张三", "", "a/b", "\x00"])
def test_a_clients_own_text_never_stands_in_a_pointer(key: str) -> None:
    """A member name that isn't a plain short identifier, or may be an id number, is refused at its parent."""
    assert faults_of(encoded(**{key: 1})) == [("", "unknown_field")]
    assert faults_of(encoded(ceilings={key: "x"}))[-1] == ("/ceilings", "price_format")


def test_allowed_values_and_limits_are_told() -> None:
    """Our own lists and limits are in the values of a fault."""
    with pytest.raises(Refused) as caught:
        decode(encoded(kind="x", tags=["a"] * 4, lines=[VALID["lines"][0] | {"approved": "x", "line_no": 0}]), Paper)
    values = {fault.pointer: dict(fault.values) for fault in caught.value.faults}
    assert values["/kind"] == {"allowed": "11, 21"}
    assert values["/tags"] == {"limit": "3"}
    assert sorted(values["/lines/0/approved"]["allowed"].split(", ")) == ["false", "refused", "true"]
    assert values["/lines/0/line_no"] == {"range": "≥ 1, ≤ 1000"}


def test_the_list_of_faults_is_limited() -> None:
    """A body with any number of faults lists a thousand."""
    many = {f"k{number}": 1 for number in range(3000)}
    assert len(faults_of(encoded(**many))) == MAX_FAULTS
    assert len(faults_of(encoded(tags=[], ceilings={str(n): 1 for n in range(3000)}))) == MAX_FAULTS


# ---------------------------------------------------------------- hostile bytes


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "malformed_json"),
        (b"   ", "malformed_json"),
        (b"{", "malformed_json"),
        (b"NaN", "malformed_json"),
        (encoded()[:-1] + b', "name": NaN}', "malformed_json"),
        (encoded()[:-1] + b', "name": Infinity}', "malformed_json"),
        (encoded() + b"x", "malformed_json"),
        (encoded() + encoded(), "malformed_json"),
        (b"\xef\xbb\xbf" + encoded(), "malformed_json"),
        (encoded().decode().encode("utf-16"), "invalid_utf8"),
        ('{"person_id": "张三"}'.encode("gbk"), "invalid_utf8"),
        (b'{"\xff": 1}', "invalid_utf8"),
        (encoded(name="@").replace(b"@", b"\xed\xa0\x80"), "invalid_utf8"),
        (encoded(name="@").replace(b"@", b"\x00"), "malformed_json"),
        (b"[" * 200_000, "malformed_json"),
        (b'{"person_id":' * 100_000, "malformed_json"),
        (b'{"person_id": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "malformed_json"),
    ],
)
def test_what_cannot_be_read_is_malformed(data: bytes, code: str) -> None:
    """Bytes that aren't UTF-8 or aren't JSON are refused as a whole."""
    with pytest.raises(Malformed) as caught:
        decode(data, Paper)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "type_", "fault"),
    [
        (r'{"note": "\ud800"}', Loose, ("/note", "text_format")),
        (r'{"note": "\ud83dx"}', Loose, ("/note", "text_format")),
        (r'{"note": "a\u0000"}', Loose, ("/note", "nul_character")),
        ('{"count": 1e999}', Loose, ("/count", "wrong_type")),
        ('{"count": %s}' % ("9" * 20_000), Loose, ("/count", "number_out_of_range")),
        ('{"count": 9223372036854775808}', Loose, ("/count", "number_out_of_range")),
        ('{"count": -9223372036854775809}', Loose, ("/count", "number_out_of_range")),
        ('{"changes": {"a.b": [1e999]}}', Loose, ("/changes", "number_out_of_range")),
        ('{"changes": {"a": [{"b": 1%s}]}}' % ("0" * 30), Loose, ("/changes/a", "number_out_of_range")),
        (r'{"changes": {"a": {"\u0000": 1}}}', Loose, ("/changes/a", "nul_character")),
    ],
)
def test_what_nothing_behind_could_hold_is_refused_at_its_place(text: str, type_: type[Any], fault: Any) -> None:
    """Half surrogates, NULs and numbers beyond 64 bits are faults, also in fields without limits of their own."""
    assert faults_of(text.encode(), type_) == [fault]


def test_harmless_escapes_and_years_in_names_pass() -> None:
    """What sends a body to the careful way is no fault in itself: escaped letters, a name that begins like a year."""
    data = encoded(name="0001-x", tags=["9999-"])[:-1] + rb', "balance": "\u0031.00"}'
    assert decode(data, Paper).balance == "1.00"
    assert faults_of(encoded()[:-1] + rb', "day": "\u0030001-01-01"}') == [("/day", "date_out_of_range")]
    assert decode(rb'{"note": "\\u0000", "changes": {"a": [1.5, null]}}', Loose).note == r"\u0000"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["25.00", "-1.00", "11", "2018-05-12", "2018-05-02T09:30:00+08:00", "refused", "\x00", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*Paper.__struct_fields__, *Line.__struct_fields__]), inner, max_size=6)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=25,
)


@given(JSON, st.booleans())
def test_any_json_is_decoded_or_refused(value: Any, ascii_only: bool) -> None:
    """Whatever JSON arrives, the answer is a struct or an error of ours with known codes and sound pointers."""
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    for type_ in (Paper, Loose):
        result = outcome(data, type_)
        if isinstance(result, OnestopError):
            assert 400 <= result.status < 500
            assert {result.code, *(fault.code for fault in result.faults)} <= MESSAGES.keys()
            assert all(fault.pointer == "" or fault.pointer.startswith("/") for fault in result.faults)
        else:
            assert isinstance(result, type_)


@given(st.binary(max_size=60), st.integers(0, len(encoded(**{"name": "名"}))), st.integers(0, 60))
def test_any_bytes_are_decoded_or_refused(noise: bytes, at: int, cut: int) -> None:
    """Bytes put into, or instead of part of, a valid body never raise anything but an error of ours."""
    valid = encoded(name="名")
    for data in (noise, valid[:at] + noise + valid[at + cut :]):
        result = outcome(data, Paper)
        assert isinstance(result, Paper) or (isinstance(result, OnestopError) and 400 <= result.status < 500)


@given(JSON)
def test_decoder_and_walk_agree(value: Any) -> None:
    """What the typed decoder refuses, the walk can explain: no fault is found in what it accepts, and some in the
    rest."""
    try:
        data = json.dumps(VALID | value if isinstance(value, dict) else value, allow_nan=False).encode()
        msgspec.json.decode(data)
    except (ValueError, msgspec.MsgspecError):
        return  # not JSON, or half a surrogate pair, or a number out of every range
    try:
        msgspec.json.decode(data, type=Paper)
    except msgspec.ValidationError:
        assert faults_of(data)


# ---------------------------------------------------------------- schema


def test_the_schema_names_every_struct_and_admits_what_is_decoded() -> None:
    """The components hold each struct by name, in the JSON Schema of OpenAPI 3.1, and are as strict as the decoder."""
    components = wire.schema([Paper, Loose])
    assert set(components) == {"Paper", "Line", "Source", "Loose"}
    whole = {"$ref": "#/components/schemas/Paper", "components": {"schemas": components}}
    Draft202012Validator.check_schema(whole)
    validator = Draft202012Validator(whole)
    assert validator.is_valid(json.loads(encoded(balance="-1.00")))
    for bad in (in_line(amount=1), in_line(amount="1"), encoded(person_id="x y"), encoded(area_code="1"), encoded(x=1)):
        assert not validator.is_valid(json.loads(bad))
    assert wire.schema([]) == {}


def test_a_struct_that_lets_unknown_fields_pass_cannot_be_a_body() -> None:
    """A type that would silently drop what a client sent is a mistake of ours, told at its first use."""

    class Open(Struct):
        a: str

    with pytest.raises(TypeError, match="forbid_unknown_fields"):
        decode(b"{}", Open)
