"""From a request's bytes to typed structs, with every fault at once, and the schema of such structs.

A type of long lists may be looked at once (``look.py``). The next way is msgspec's typed decoder, which stops at the
first fault. Only when it refuses, or when the bytes could hold something that it lets through (a NUL, a day at the edge
of the calendar), the plain value is walked beside the type and every fault is gathered. No fault ever holds a value of
the input.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final, NoReturn, TypeVar, cast

import msgspec
import msgspec.inspect as mi
from msgspec import Meta, Struct

from app.basics.errors import Fault, Malformed, Refused
from app.basics.money import MONEY_PATTERN, PRICE_PATTERN, QUANTITY_PATTERN, RATE_PATTERN
from app.basics.text import CODE_PATTERN, REFERENCE_PATTERN, text_fault
from app.service.look import Look
from app.service.walk import MOST_INT, Check, FaultsFound, Fold, as_it_is, check_of, fold_of, open_ended

T = TypeVar("T")


_ECMA: Final[dict[str, str]] = {}
"""By Python's pattern of a text, the pattern that the schema shows."""


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
    _ECMA[pattern] = shown_pattern or pattern.replace(r"\A", "^").replace(r"\Z", "$")
    shown = {"description": description, "examples": [example]}
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
Reason = Annotated[str, Meta(pattern=r"\S", min_length=1, max_length=200, extra={"kind": "text"})]
LongReason = Annotated[str, Meta(pattern=r"\S", min_length=1, max_length=500, extra={"kind": "text"})]
Day = date
EndDay = Annotated[date, Meta(extra={"kind": "end"}, description="The first day after; 9999-12-31 is none, like null.")]
Instant = Annotated[datetime, Meta(tz=True)]


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
    if plan.look is not None and not _is_doubtful(data) and (seen := plan.look.at(data)) is not None:
        return cast(T, seen)
    value: T = _decoded(data, plan)
    return value


def look_at(type_: type[Struct], look: Look) -> None:
    """Let one look be enough for requests of a type, where they are without fault."""
    _looks[type_] = look


def _is_doubtful(data: bytes) -> bool:
    """Whether the bytes may hold what the decoder lets through: a NUL, days at the edge of the calendar, no end."""
    edge = b'"0001-' in data or b'"9999-' in data
    return edge or b"\\u00" in data or b"9999-12-31" in data or b"2999-12-31" in data


def _decoded(data: bytes, plan: "_Plan") -> Any:
    """The thorough way."""
    if b"9999-12-31" in data or b"2999-12-31" in data:  # what means no end is told by the walk
        return _decoded_folded(data, plan)
    try:
        value = plan.decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        value = _decoded_folded(data, plan)
    doubtful = plan.open_ended or _is_doubtful(data)
    if doubtful and (faults := _faults(data, plan)):
        raise Refused(faults)
    return value


def schema(types: Iterable[type[Any]]) -> dict[str, Any]:
    """OpenAPI 3.1 component schemas, by name, of structs and of all that they contain."""
    _, components = msgspec.json.schema_components(tuple(types), ref_template="#/components/schemas/{name}")
    _speak_ecma(components)
    return components


def _speak_ecma(schema: Any) -> None:
    """Show patterns as JSON Schema writes them: Python's ``\\A`` and ``\\Z`` are ``^`` and ``$`` there."""
    if isinstance(schema, dict):
        if isinstance(pattern := schema.get("pattern"), str):
            schema["pattern"] = _ECMA.get(pattern) or pattern.replace(r"\A", "^").replace(r"\Z", "$")
        for value in schema.values():
            _speak_ecma(value)
    elif isinstance(schema, list):
        for value in schema:
            _speak_ecma(value)


@dataclass(frozen=True, slots=True)
class _Plan:
    type: Any
    decoder: msgspec.json.Decoder[Any]
    check: Check
    fold: Fold
    open_ended: bool
    look: Look | None


_plans: Final[dict[type[Any], _Plan]] = {}
_looks: Final[dict[type[Any], Look]] = {}


def _plan(type_: type[Any]) -> _Plan:
    described = mi.type_info(type_)
    fold = fold_of(described) or as_it_is
    plan = _plans[type_] = _Plan(
        type_, msgspec.json.Decoder(type_), check_of(described), fold, open_ended(described), _looks.get(type_)
    )
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
    found = FaultsFound()
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
    return -MOST_INT - 2 if text.startswith("-") else MOST_INT + 1


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity aren't JSON")


_PLAIN: Final = json.JSONDecoder(parse_int=_bounded_int, parse_constant=_no_constant)
