"""From a request's bytes to typed structs, with every fault at once, and the schema of such structs.

The fast way is msgspec's typed decoder, which stops at the first fault. Only when it refuses, or when the bytes could
hold something that it lets through (a NUL, a day at the edge of the calendar), the plain value is walked beside the
type and every fault is gathered. No fault ever holds a value of the input.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Final, NoReturn, TypeVar

import msgspec
import msgspec.inspect as mi
from msgspec import Meta

from app.basics.errors import Fault, Malformed, Refused
from app.basics.money import MONEY_PATTERN, PRICE_PATTERN, QUANTITY_PATTERN, RATE_PATTERN
from app.basics.text import CODE_PATTERN, REFERENCE_PATTERN, folded, text_fault

MAX_FAULTS: Final = 1000

T = TypeVar("T")


def _meta(
    kind: str,
    pattern: str,
    example: str,
    description: str,
    *,
    most: int | None = None,
    shown_pattern: str | None = None,
) -> Meta:
    """A text of a kind: Python's pattern for the decoder, ECMA's for the schema. With ``most`` it can't be empty."""
    ecma = shown_pattern or pattern.replace(r"\A", "^").replace(r"\Z", "$")
    shown = {"pattern": ecma, "description": description, "examples": [example]}
    least = None if most is None else 1
    return Meta(pattern=pattern, min_length=least, max_length=most, extra_json_schema=shown, extra={"kind": kind})


_UNSIGNED_MONEY = MONEY_PATTERN.replace("-?", "", 1)
_CODE_SHOWN = (
    "No blanks, format characters or look-alike dashes. Blanks and tabs at its ends are cut, full width is folded."
)

Money = Annotated[str, _meta("money", _UNSIGNED_MONEY, "25.00", "Yuan, exactly two decimals, never a JSON number.")]
SignedMoney = Annotated[str, _meta("money", MONEY_PATTERN, "-25.00", "Yuan, exactly two decimals, may be negative.")]
Price = Annotated[str, _meta("price", PRICE_PATTERN, "12.50", "Yuan per unit, at most six decimals.")]
Quantity = Annotated[str, _meta("quantity", QUANTITY_PATTERN, "2", "At most four decimals, may be negative.")]
Rate = Annotated[str, _meta("rate", RATE_PATTERN, "0.7000", "A share from 0 to 1, at most four decimals.")]
Code = Annotated[
    str, _meta("code", CODE_PATTERN, "ZY2018-000123", _CODE_SHOWN, most=64, shown_pattern=r"^\s*[^\s]+\s*$")
]
Reference = Annotated[
    str,
    _meta(
        "reference",
        REFERENCE_PATTERN,
        "FT2018 000123",
        f"Single inner blanks. {_CODE_SHOWN}",
        most=64,
        shown_pattern=r"\S",
    ),
]
AreaCode = Annotated[str, _meta("area", r"\A[0-9]{6}\Z", "530100", "An administrative division, six digits.")]
Name = Annotated[str, Meta(max_length=200)]
Day = date
EndDay = Annotated[date, Meta(extra={"kind": "end"}, description="The first day after; 9999-12-31 is none, like null.")]
Instant = Annotated[datetime, Meta(tz=True)]

NO_END: Final = frozenset({"9999-12-31", "2999-12-31"})
_FOLDED: Final = frozenset({"code", "reference", "area"})
_DECIMALS: Final = frozenset({"money", "price", "quantity", "rate"})
_MOST_INT: Final = 2**63 - 1
_EDGE_YEARS: Final = frozenset({1, 9999})  # conversions between zones, and the day after, can leave the calendar
_SIGNED_MONEY: Final = re.compile(MONEY_PATTERN)
_SHOWN_KEY: Final = re.compile(r"\A[A-Za-z0-9_-]{1,40}\Z")


# ---------------------------------------------------------------- decoding


def is_code(text: str) -> bool:
    """Whether a folded text has the form of a code; anything else can't have been stored."""
    try:
        msgspec.convert(text, Code)
    except msgspec.ValidationError:
        return False
    return True


def code_faults(text: str, pointer: str) -> list[Fault]:
    """What is wrong with a folded text that should be a code: the character that no code has, or its length."""
    if (fault := text_fault(text, pointer)) is not None:
        return [fault]
    return [] if is_code(text) else [Fault(pointer, "text_format")]


def decode(data: bytes, type_: type[T]) -> T:
    """The struct that the bytes hold.

    Malformed ``invalid_utf8`` or ``malformed_json``, Refused with every fault (at most 1000), in the order of the
    request. Knows form only: whether amounts add up or a person exists is decided elsewhere.
    """
    plan = _plans.get(type_) or _plan(type_)
    if b"9999-12-31" in data or b"2999-12-31" in data:  # what means no end is told by the walk
        folded_value: T = _decoded_folded(data, plan)
        return folded_value
    try:
        value: T = plan.decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        value = _decoded_folded(data, plan)
    doubtful = plan.open_ended or b"\\u00" in data or b'"0001-' in data or b'"9999-' in data
    if doubtful and (faults := _faults(data, plan)):
        raise Refused(faults)
    return value


def schema(types: Iterable[type[Any]]) -> dict[str, Any]:
    """OpenAPI 3.1 component schemas, by name, of structs and of all that they contain."""
    _, components = msgspec.json.schema_components(tuple(types), ref_template="#/components/schemas/{name}")
    _speak_ecma(components)
    return components


def _speak_ecma(schema: Any) -> None:
    """Anchor patterns as JSON Schema does: Python's ``\\A`` and ``\\Z`` are ``^`` and ``$`` there."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            schema["pattern"] = schema["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
        for value in schema.values():
            _speak_ecma(value)
    elif isinstance(schema, list):
        for value in schema:
            _speak_ecma(value)


def shown_key(key: str) -> bool:
    """Whether a client's own member name may stand in a pointer: an identifier, and no id number."""
    return _SHOWN_KEY.match(key) is not None and sum(character.isdigit() for character in key) <= 6


@dataclass(slots=True)
class _Found:
    """The faults of one walk."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, pointer: str, code: str, **values: str) -> None:
        if not self.full:
            self.faults.append(Fault(pointer, code, values))

    @property
    def full(self) -> bool:
        return len(self.faults) >= MAX_FAULTS


_Check = Callable[[object, str, _Found], None]
_Fold = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Plan:
    type: Any
    decoder: msgspec.json.Decoder[Any]
    check: _Check
    fold: _Fold
    open_ended: bool


_plans: Final[dict[type[Any], _Plan]] = {}


def _plan(type_: type[Any]) -> _Plan:
    described = mi.type_info(type_)
    fold = _fold(described) or _as_it_is
    plan = _plans[type_] = _Plan(type_, msgspec.json.Decoder(type_), _check(described), fold, _open_ended(described))
    return plan


def _decoded_folded(data: bytes, plan: _Plan) -> Any:
    """What the decoder refused as it was sent, with its codes folded. Refused with every fault that is left."""
    plain = plan.fold(_plain(data))
    if faults := _faults_of(plain, plan):
        raise Refused(faults)
    try:
        return msgspec.convert(plain, plan.type)
    except msgspec.ValidationError:
        raise Malformed("malformed_json") from None  # the converter knows better than the walk: never let it pass


def _faults(data: bytes, plan: _Plan) -> list[Fault]:
    return _faults_of(plan.fold(_plain(data)), plan)


def _faults_of(plain: object, plan: _Plan) -> list[Fault]:
    found = _Found()
    try:
        plan.check(plain, "", found)
    except RecursionError:
        raise Malformed("malformed_json") from None
    return found.faults


def _plain(data: bytes) -> object:
    try:
        return _PLAIN.decode(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise Malformed("invalid_utf8") from None
    except (ValueError, RecursionError):
        raise Malformed("malformed_json") from None


def _bounded_int(text: str) -> int:
    """An integer; one that no field can hold becomes the next to the largest, so that digits cost nothing."""
    if len(text) <= 20:
        return int(text)
    return -_MOST_INT - 2 if text.startswith("-") else _MOST_INT + 1


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity aren't JSON")


_PLAIN: Final = json.JSONDecoder(parse_int=_bounded_int, parse_constant=_no_constant)


# ---------------------------------------------------------------- codes folded, by a walk made once per type


def _as_it_is(value: Any) -> Any:
    return value


def _fold(annotated: mi.Type) -> _Fold | None:
    """What folds the codes in a plain value of a type; None where the type has none. What isn't of the type stays."""
    type_, kind = _unwrapped(annotated)
    match type_:
        case mi.StrType() if kind in _FOLDED:
            return lambda value: folded(value) if isinstance(value, str) else value
        case mi.DateType() if kind == "end":
            return lambda value: None if isinstance(value, str) and value in NO_END else value
        case mi.UnionType(types=types):
            return next(filter(None, map(_fold, types)), None)
        case mi.ListType(item_type=inner) | mi.VarTupleType(item_type=inner):
            return _fold_list(_fold(inner))
        case mi.DictType(value_type=inner):
            return _fold_members(_fold(inner), {})
        case mi.StructType(fields=fields):
            own = {one.encode_name: fold for one in fields if (fold := _fold(one.type)) is not None}
            return _fold_members(None, own)
    return None


def _fold_list(fold: _Fold | None) -> _Fold | None:
    if fold is None:
        return None
    return lambda value: [fold(item) for item in value] if isinstance(value, list) else value


def _fold_members(every: _Fold | None, own: Mapping[str, _Fold]) -> _Fold | None:
    if every is None and not own:
        return None

    def fold(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: (own.get(name) or every or _as_it_is)(item) for name, item in value.items()}

    return fold


# ---------------------------------------------------------------- the walk, made once per type


def _unwrapped(type_: mi.Type) -> tuple[mi.Type, str]:
    """The type without its metadata, and the kind of text that the metadata names."""
    kind = "text"
    while isinstance(type_, mi.Metadata):
        kind = (type_.extra or {}).get("kind", kind)
        type_ = type_.type
    return type_, kind


def _check(annotated: mi.Type) -> _Check:
    """The check of a type. TypeError for one that a request body must not use."""
    type_, kind = _unwrapped(annotated)
    match type_:
        case mi.StrType():
            return _text_check(type_, kind)
        case mi.IntType() | mi.FloatType():
            return _number_check(type_)
        case mi.BoolType():
            return _plain_check(bool, "boolean")
        case mi.NoneType():
            return _plain_check(type(None), "null")
        case mi.LiteralType():
            return _literal_check(type_, _allowed(type_))
        case mi.DateType():
            return _calendar_check(date, "date_format")
        case mi.DateTimeType():
            return _calendar_check(Annotated[datetime, Meta(tz=type_.tz)], "datetime_format")
        case mi.UnionType():
            return _union_check(type_)
        case mi.ListType() | mi.VarTupleType():
            return _list_check(type_)
        case mi.DictType():
            return _dict_check(type_)
        case mi.StructType():
            return _struct_check(type_)
        case mi.AnyType():
            return _any_check
    raise TypeError(f"a request body can't have a {type(type_).__name__}")


def _open_ended(annotated: mi.Type) -> bool:
    """Whether the decoder alone lets values through that nothing behind it can hold, such as huge integers."""
    match _unwrapped(annotated)[0]:
        case mi.IntType() as number:
            return (number.ge is None and number.gt is None) or (number.le is None and number.lt is None)
        case mi.AnyType() | mi.FloatType():
            return True
        case mi.UnionType(types=types):
            return any(map(_open_ended, types))
        case mi.ListType(item_type=inner) | mi.VarTupleType(item_type=inner) | mi.DictType(value_type=inner):
            return _open_ended(inner)
        case mi.StructType(fields=fields):
            return any(_open_ended(one.type) for one in fields)
    return False


def _whole(text: str) -> bool:
    """Whether a text can be encoded: JSON's escapes can also write half a surrogate pair."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _text_check(type_: mi.StrType, kind: str) -> _Check:
    least, most = type_.min_length or 0, type_.max_length
    matches = re.compile(type_.pattern).search if type_.pattern else None

    def check(value: object, pointer: str, found: _Found) -> None:
        if not isinstance(value, str):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            found.add(pointer, "money_not_string" if number and kind in _DECIMALS else "wrong_type", expected="string")
        elif "\x00" in value:
            found.add(pointer, "nul_character")
        elif most is not None and len(value) > most:
            found.add(pointer, "text_too_long", limit=str(most))
        elif len(value) < least:
            found.add(pointer, "text_too_short", limit=str(least))
        elif not _whole(value):
            found.add(pointer, "text_format")
        elif kind in _FOLDED and (fault := text_fault(value, pointer, inner_blanks=kind == "reference")):
            found.add(pointer, fault.code, **fault.values)
        elif matches and not matches(value):
            negative = kind == "money" and _SIGNED_MONEY.match(value)
            found.add(pointer, "negative_amount" if negative else f"{'text' if kind in _FOLDED else kind}_format")

    return check


def _number_check(type_: mi.IntType | mi.FloatType) -> _Check:
    classes = (int,) if isinstance(type_, mi.IntType) else (int, float)
    expected = "integer" if isinstance(type_, mi.IntType) else "number"
    ge, gt = -_MOST_INT - 1 if type_.ge is None else type_.ge, type_.gt
    le, lt = _MOST_INT if type_.le is None else type_.le, type_.lt
    own = {"≥ ": type_.ge, "> ": gt, "≤ ": type_.le, "< ": lt}
    bounds = ", ".join(f"{sign}{bound}" for sign, bound in own.items() if bound is not None) or f"{ge} … {le}"

    def check(value: object, pointer: str, found: _Found) -> None:
        if not isinstance(value, classes) or isinstance(value, bool):
            found.add(pointer, "wrong_type", expected=expected)
        elif not ge <= value <= le or (gt is not None and value <= gt) or (lt is not None and value >= lt):
            found.add(pointer, "number_out_of_range", range=bounds)

    return check


def _plain_check(class_: type[Any], expected: str) -> _Check:
    def check(value: object, pointer: str, found: _Found) -> None:
        if not isinstance(value, class_):
            found.add(pointer, "wrong_type", expected=expected)

    return check


def _allowed(type_: mi.Type) -> str:
    """What a literal, or a union with one, admits, for a message."""
    inner = _unwrapped(type_)[0]
    if isinstance(inner, mi.UnionType):
        return ", ".join(filter(None, map(_allowed, inner.types)))
    if isinstance(inner, mi.BoolType):
        return "true, false"
    return ", ".join(map(str, inner.values)) if isinstance(inner, mi.LiteralType) else ""


def _literal_check(type_: mi.LiteralType, allowed: str) -> _Check:
    values = {(type(value), value) for value in type_.values}

    def check(value: object, pointer: str, found: _Found) -> None:
        if not isinstance(value, str | int) or (type(value), value) not in values:
            found.add(pointer, "not_in_list", allowed=allowed)

    return check


def _calendar_check(class_: Any, code: str) -> _Check:
    def check(value: object, pointer: str, found: _Found) -> None:
        if not isinstance(value, str):
            found.add(pointer, "wrong_type", expected="string")
            return
        try:
            point = msgspec.convert(value, class_)
        except (msgspec.ValidationError, ValueError):
            found.add(pointer, code)
        else:
            if point.year in _EDGE_YEARS:
                found.add(pointer, "date_out_of_range")

    return check


def _accepted(type_: mi.Type) -> tuple[type[Any], ...]:
    """The classes of plain JSON values that a type could take."""
    match _unwrapped(type_)[0]:
        case mi.LiteralType(values=values):
            return tuple({type(value) for value in values})
        case mi.StrType() | mi.DateType() | mi.DateTimeType():
            return (str,)
        case mi.StructType() | mi.DictType():
            return (dict,)
        case mi.ListType() | mi.VarTupleType():
            return (list,)
        case mi.FloatType():
            return (int, float)
        case mi.IntType():
            return (int,)
        case mi.BoolType():
            return (bool,)
    return (type(None),)


def _union_check(type_: mi.UnionType) -> _Check:
    """The member that takes the value's JSON type checks it; when none does, the first says what it expects."""
    members = [_unwrapped(one)[0] for one in type_.types if not isinstance(one, mi.NoneType)]
    chosen: dict[type[Any], _Check] = {type(None): _any_check} if len(members) < len(type_.types) else {}
    literal = any(isinstance(one, mi.LiteralType) for one in members)
    for one in type_.types:
        inner = _unwrapped(one)[0]
        check_one = _literal_check(inner, _allowed(type_)) if isinstance(inner, mi.LiteralType) else _check(one)
        for class_ in _accepted(one):
            chosen.setdefault(class_, check_one)
    first = next(check for class_, check in chosen.items() if class_ is not type(None))

    def check(value: object, pointer: str, found: _Found) -> None:
        checked = chosen.get(type(value))
        if checked is None and literal:
            found.add(pointer, "not_in_list", allowed=_allowed(type_))
        else:
            (checked or first)(value, pointer, found)

    return check


def _list_check(type_: mi.ListType | mi.VarTupleType) -> _Check:
    item_check, least, most = _check(type_.item_type), type_.min_length or 0, type_.max_length

    def check(value: object, pointer: str, found: _Found) -> None:
        if not isinstance(value, list):
            found.add(pointer, "wrong_type", expected="array")
            return
        if most is not None and len(value) > most:
            code = "too_many_lines" if pointer.endswith("/lines") else "too_many_items"
            found.add(pointer, code, limit=str(most))
            return
        if len(value) < least:
            found.add(pointer, "too_few_items", limit=str(least))
        for index, item in enumerate(value):
            item_check(item, f"{pointer}/{index}", found)
            if found.full:
                return

    return check


def _dict_check(type_: mi.DictType) -> _Check:
    key_check, value_check = _check(type_.key_type), _check(type_.value_type)
    least, most = type_.min_length or 0, type_.max_length

    def check(value: object, pointer: str, found: _Found) -> None:
        if not isinstance(value, dict):
            found.add(pointer, "not_an_object")
            return
        if most is not None and len(value) > most:
            found.add(pointer, "too_many_items", limit=str(most))
            return
        if len(value) < least:
            found.add(pointer, "too_few_items", limit=str(least))
        for key, item in value.items():
            inner = f"{pointer}/{key}" if shown_key(key) else pointer
            key_check(key, inner, found)
            value_check(item, inner, found)
            if found.full:
                return

    return check


def _struct_check(type_: mi.StructType) -> _Check:
    if not type_.forbid_unknown_fields or type_.array_like or type_.tag is not None:
        raise TypeError(f"{type_.cls.__name__} can't be a request body: forbid_unknown_fields, no arrays, no tags")
    checks: Mapping[str, _Check] = {one.encode_name: _check(one.type) for one in type_.fields}
    required = tuple(one.encode_name for one in type_.fields if one.required)

    def check(value: object, pointer: str, found: _Found) -> None:
        if not isinstance(value, dict):
            found.add(pointer, "not_an_object")
            return
        for key, item in value.items():
            known = checks.get(key)
            if known is not None:
                known(item, f"{pointer}/{key}", found)
            else:
                found.add(f"{pointer}/{key}" if shown_key(key) else pointer, "unknown_field")
            if found.full:
                return
        for name in required:
            if name not in value:
                found.add(f"{pointer}/{name}", "missing")

    return check


def _any_check(value: object, pointer: str, found: _Found) -> None:
    """Free content: only what could never be stored is a fault, and the first one is enough."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [*item, *item.values()]
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, str) and ("\x00" in item or not _whole(item)):
            return found.add(pointer, "nul_character" if "\x00" in item else "text_format")
        elif isinstance(item, int | float) and not -_MOST_INT - 1 <= item <= _MOST_INT:
            return found.add(pointer, "number_out_of_range", range=f"{-_MOST_INT - 1} … {_MOST_INT}")
    return None
