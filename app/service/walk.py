"""The walk of a plain JSON value beside its type: codes folded into their one form, then every fault found at once.

It is made once per type. No fault ever holds a value of the input."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Final

import msgspec
import msgspec.inspect as mi
from msgspec import Meta

from app.basics.days import EDGE_YEARS
from app.basics.errors import Fault
from app.basics.money import MONEY_PATTERN
from app.basics.text import folded, text_fault
from app.service import spelling

MAX_FAULTS: Final = 1000
NO_END: Final = frozenset({"9999-12-31", "2999-12-31"})
_FOLDED: Final = frozenset({"code", "reference", "area"})
_DECIMALS: Final = frozenset({"money", "price", "quantity", "rate"})
MOST_INT: Final = 2**63 - 1
_SIGNED_MONEY: Final = re.compile(MONEY_PATTERN)
_SHOWN_KEY: Final = re.compile(r"\A[A-Za-z0-9_-]{1,40}\Z")


def shown_key(key: str) -> bool:
    """Whether a client's own member name may stand in a pointer: an identifier, and no id number."""
    return _SHOWN_KEY.match(key) is not None and sum(character.isdigit() for character in key) <= 6


@dataclass(slots=True)
class FaultsFound:
    """The faults of one walk."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, pointer: str, code: str, **values: str) -> None:
        if not self.full:
            self.faults.append(Fault(pointer, code, values))

    @property
    def full(self) -> bool:
        return len(self.faults) >= MAX_FAULTS


Check = Callable[[object, str, FaultsFound], None]
Fold = Callable[[Any], Any]


# ---------------------------------------------------------------- codes folded, by a walk made once per type


def as_it_is(value: Any) -> Any:
    return value


def fold_of(annotated: mi.Type) -> Fold | None:
    """What folds the codes in a plain value of a type; None where the type has none. What isn't of the type stays."""
    type_, kind = _unwrapped(annotated)
    match type_:
        case mi.StrType() if kind in _FOLDED:
            return lambda value: folded(value) if isinstance(value, str) else value
        case mi.DateType() if kind == "end":
            return lambda value: None if isinstance(value, str) and value in NO_END else value
        case mi.UnionType(types=types):
            return next(filter(None, map(fold_of, types)), None)
        case mi.ListType(item_type=inner) | mi.VarTupleType(item_type=inner):
            return _fold_list(fold_of(inner))
        case mi.DictType(value_type=inner):
            return _fold_members(fold_of(inner), {})
        case mi.StructType(fields=fields):
            own = {one.encode_name: fold for one in fields if (fold := fold_of(one.type)) is not None}
            return _fold_members(None, own)
    return None


def _fold_list(fold: Fold | None) -> Fold | None:
    if fold is None:
        return None
    return lambda value: [fold(item) for item in value] if isinstance(value, list) else value


def _fold_members(every: Fold | None, own: Mapping[str, Fold]) -> Fold | None:
    if every is None and not own:
        return None

    def fold(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        result = {name: (own.get(name) or every or as_it_is)(item) for name, item in value.items()}
        for name, item in result.items():
            spelling.note(name, item, value[name])
        return result

    return fold


# ---------------------------------------------------------------- the walk, made once per type


def _unwrapped(type_: mi.Type) -> tuple[mi.Type, str]:
    """The type without its metadata, and the kind of text that the metadata names."""
    kind = "text"
    while isinstance(type_, mi.Metadata):
        kind = (type_.extra or {}).get("kind", kind)
        type_ = type_.type
    return type_, kind


def check_of(annotated: mi.Type) -> Check:
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


def open_ended(annotated: mi.Type) -> bool:
    """Whether the decoder alone lets values through that nothing behind it can hold, such as huge integers."""
    match _unwrapped(annotated)[0]:
        case mi.IntType() as number:
            return (number.ge is None and number.gt is None) or (number.le is None and number.lt is None)
        case mi.AnyType() | mi.FloatType():
            return True
        case mi.UnionType(types=types):
            return any(map(open_ended, types))
        case mi.ListType(item_type=inner) | mi.VarTupleType(item_type=inner) | mi.DictType(value_type=inner):
            return open_ended(inner)
        case mi.StructType(fields=fields):
            return any(open_ended(one.type) for one in fields)
    return False


def _whole(text: str) -> bool:
    """Whether a text can be encoded: JSON's escapes can also write half a surrogate pair."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _text_check(type_: mi.StrType, kind: str) -> Check:
    least, most = type_.min_length or 0, type_.max_length
    matches = re.compile(type_.pattern).search if type_.pattern else None

    def check(value: object, pointer: str, found: FaultsFound) -> None:
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


def _number_check(type_: mi.IntType | mi.FloatType) -> Check:
    classes = (int,) if isinstance(type_, mi.IntType) else (int, float)
    expected = "integer" if isinstance(type_, mi.IntType) else "number"
    ge, gt = -MOST_INT - 1 if type_.ge is None else type_.ge, type_.gt
    le, lt = MOST_INT if type_.le is None else type_.le, type_.lt
    own = {"≥ ": type_.ge, "> ": gt, "≤ ": type_.le, "< ": lt}
    bounds = ", ".join(f"{sign}{bound}" for sign, bound in own.items() if bound is not None) or f"{ge} … {le}"

    def check(value: object, pointer: str, found: FaultsFound) -> None:
        if not isinstance(value, classes) or isinstance(value, bool):
            found.add(pointer, "wrong_type", expected=expected)
        elif not ge <= value <= le or (gt is not None and value <= gt) or (lt is not None and value >= lt):
            found.add(pointer, "number_out_of_range", range=bounds)

    return check


def _plain_check(class_: type[Any], expected: str) -> Check:
    def check(value: object, pointer: str, found: FaultsFound) -> None:
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


def _literal_check(type_: mi.LiteralType, allowed: str) -> Check:
    values = {(type(value), value) for value in type_.values}

    def check(value: object, pointer: str, found: FaultsFound) -> None:
        if not isinstance(value, str | int) or (type(value), value) not in values:
            found.add(pointer, "not_in_list", allowed=allowed)

    return check


def _calendar_check(class_: Any, code: str) -> Check:
    def check(value: object, pointer: str, found: FaultsFound) -> None:
        if not isinstance(value, str):
            found.add(pointer, "wrong_type", expected="string")
            return
        try:
            point = msgspec.convert(value, class_)
        except (msgspec.ValidationError, ValueError):
            found.add(pointer, code)
        else:
            if point.year in EDGE_YEARS:
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


def _union_check(type_: mi.UnionType) -> Check:
    """The member that takes the value's JSON type checks it; when none does, the first says what it expects."""
    members = [_unwrapped(one)[0] for one in type_.types if not isinstance(one, mi.NoneType)]
    chosen: dict[type[Any], Check] = {type(None): _any_check} if len(members) < len(type_.types) else {}
    literal = any(isinstance(one, mi.LiteralType) for one in members)
    for one in type_.types:
        inner = _unwrapped(one)[0]
        check_one = _literal_check(inner, _allowed(type_)) if isinstance(inner, mi.LiteralType) else check_of(one)
        for class_ in _accepted(one):
            chosen.setdefault(class_, check_one)
    first = next(check for class_, check in chosen.items() if class_ is not type(None))

    def check(value: object, pointer: str, found: FaultsFound) -> None:
        checked = chosen.get(type(value))
        if checked is None and literal:
            found.add(pointer, "not_in_list", allowed=_allowed(type_))
        else:
            (checked or first)(value, pointer, found)

    return check


def _list_check(type_: mi.ListType | mi.VarTupleType) -> Check:
    item_check, least, most = check_of(type_.item_type), type_.min_length or 0, type_.max_length

    def check(value: object, pointer: str, found: FaultsFound) -> None:
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


def _dict_check(type_: mi.DictType) -> Check:
    key_check, value_check = check_of(type_.key_type), check_of(type_.value_type)
    least, most = type_.min_length or 0, type_.max_length

    def check(value: object, pointer: str, found: FaultsFound) -> None:
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


def _struct_check(type_: mi.StructType) -> Check:
    if not type_.forbid_unknown_fields or type_.array_like or type_.tag is not None:
        raise TypeError(f"{type_.cls.__name__} can't be a request body: forbid_unknown_fields, no arrays, no tags")
    checks: Mapping[str, Check] = {one.encode_name: check_of(one.type) for one in type_.fields}
    required = tuple(one.encode_name for one in type_.fields if one.required)

    def check(value: object, pointer: str, found: FaultsFound) -> None:
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


def _any_check(value: object, pointer: str, found: FaultsFound) -> None:
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
        elif isinstance(item, int | float) and not -MOST_INT - 1 <= item <= MOST_INT:
            return found.add(pointer, "number_out_of_range", range=f"{-MOST_INT - 1} … {MOST_INT}")
    return None
