"""What can be told of the bills of a bucket before any of them is computed, column by column: which of them have no
fault that shows by itself, their scope by their lines, and what decides which rules they meet.

A column is looked at as a whole and only what is plain passes; of all the others the functions that look at one bill
have the word.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.basics.money import priced
from app.batch.columns import LINES, SCOPE
from app.batch.many import MOST, Answers, Whole, one_for_many, plain
from app.batch.sent_rows import ALLOWED, APPROVED, CLASSES, NEEDED
from app.settlement.bill import MAX_LINES
from app.tiers.model import CHILDBIRTH, CHRONIC, OUTPATIENT_TYPES, CatalogueEntry, Line
from app.tiers.scope import catalogue_ratio, own_expense_reason, shares_of_line

_PRODUCT: Final = 1 << 61
"""Of a price and a quantity; the rounding of an amount adds to it."""
_DAY: Final = date(2000, 1, 1)


@dataclass(slots=True)
class Coded:
    """A column of texts as numbers: that of row ``i`` is ``words[codes[i]]``; None has a number too."""

    codes: Whole
    words: list[Any]

    def having(self, wanted: Callable[[Any], bool]) -> Answers:
        """The rows whose word is as wanted."""
        return np.array([wanted(word) for word in self.words], bool)[self.codes]


def coded(column: pa.Array) -> Coded:
    """A column of texts, or of anything with few values, as numbers."""
    encoded = column.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    codes = numbers(encoded.indices, len(words))
    return Coded(codes, [*words, None])


def numbers(column: pa.Array, empty: int = 0) -> Whole:
    """A column of whole numbers, nulls as another one."""
    return cast(Whole, column.cast(pa.int64()).fill_null(empty).to_numpy(zero_copy_only=False))


def there(column: pa.Array) -> Answers:
    """The rows that have a value."""
    return cast(Answers, column.is_valid().to_numpy(zero_copy_only=False))


@dataclass(slots=True)
class Ready:
    """The bills of a bucket: whether each is ``sound``, that is plain and without a fault of its own, and the scope of
    those, fen, in the order of ``SCOPE``."""

    sound: Answers
    scope: list[Whole]


def looked_at(table: pa.Table, texts: dict[str, Coded]) -> Ready:
    """Look at all rows of a bucket; ``texts`` are its columns of few values."""
    has_lines = there(table.column(LINES).combine_chunks())
    sound = _sound(table, texts)
    own = [table.column(name).combine_chunks() for name in SCOPE]
    scope = [numbers(column) for column in own]
    whole = np.logical_and.reduce([there(column) for column in own])
    total = numbers(table.column("total").combine_chunks())
    sound &= total <= MOST
    whole &= np.logical_and.reduce([column <= MOST for column in scope])
    sound &= has_lines | (whole & (sum(scope) == total))
    if has_lines.any():
        sums, fine = _by_lines(table.column(LINES).combine_chunks(), *stays(table))
        sound &= ~has_lines | (fine & (sums[0] == total))
        scope = [np.where(has_lines, by_lines, known) for by_lines, known in zip(sums[1:], scope, strict=True)]
    return Ready(sound, scope)


def _sound(table: pa.Table, texts: dict[str, Coded]) -> Answers:
    """The rows in which neither a value nor the days of the stay are anything but plain."""
    sound = np.logical_and.reduce([there(table.column(name).combine_chunks()) for name in NEEDED])
    for name, allowed in ALLOWED.items():
        sound &= texts[name].having(lambda word, allowed=allowed: word in allowed)  # type: ignore[misc]
    sound &= texts["hospital_code"].having(lambda word: bool(word) and " " not in word)
    visit = table.column("visit_id").combine_chunks()
    odd = pc.or_(pc.match_substring(visit, " "), pc.equal(visit, ""))
    sound &= ~cast(Answers, odd.fill_null(True).to_numpy(zero_copy_only=False))
    sound &= numbers(table.column("settle_seq").combine_chunks()) >= 1
    admitted, discharged = stays(table)
    outpatient = texts["medical_type"].having(lambda word: word in OUTPATIENT_TYPES)
    sound &= (admitted == discharged) | ((admitted < discharged) & ~outpatient)
    sound &= texts["work_injury"].having(lambda word: word != "determined")
    sound &= ~texts["medical_type"].having(lambda word: word == CHILDBIRTH) | texts["delivery_mode"].having(bool)
    chronic = texts["medical_type"].having(lambda word: word == CHRONIC)
    return cast(Answers, sound & (~chronic | texts["disease_code"].having(lambda word: word is not None)))


def stays(table: pa.Table) -> tuple[Whole, Whole]:
    """First and last day of each stay, as days since 1970."""
    first, last = (table.column(name).combine_chunks().cast(pa.int32()) for name in ("admitted_on", "discharged_on"))
    return numbers(first), numbers(last)


def _by_lines(column: pa.ListArray, admitted: Whole, discharged: Whole) -> tuple[list[Whole], Answers]:
    """Of each bill the sum of its lines and their scope, and whether they are plain: none taken back, each amount price
    times quantity to a fen."""
    counts = numbers(column.value_lengths())
    flat = column.flatten()
    of_bill = np.repeat(np.arange(len(counts)), counts)
    fields = {field.name: values for field, values in zip(flat.type, flat.flatten(), strict=True)}
    amount, price, quantity, number = (
        numbers(fields[name]) for name in ("amount", "unit_price", "quantity", "line_no")
    )
    kinds, reasons = _kinds_of_line(fields)
    fine = np.logical_and.reduce([there(fields[name]) for name in ("amount", "unit_price", "quantity", "line_no")])
    fine &= ~there(fields["refund_of_line_no"]) & (kinds >= 0) & (quantity > 0) & (amount >= 0) & (amount <= MOST)
    charged = numbers(fields["charged_on"].cast(pa.int32()))
    within = (admitted[of_bill] <= charged) & (charged <= discharged[of_bill])
    fine &= ~there(fields["charged_on"]) | within
    fine &= quantity <= _PRODUCT // np.maximum(price, 1)
    price, quantity = np.where(fine, price, 0), np.where(fine, quantity, 0)
    fine &= np.abs(plain(priced(one_for_many(price), one_for_many(quantity))) - amount) <= 1
    fine[1:] &= (number[1:] > number[:-1]) | (of_bill[1:] != of_bill[:-1])
    fine &= number >= 1
    amount, price, quantity = (np.where(fine, values, 0) for values in (amount, price, quantity))
    refused = reasons[kinds]
    own = np.where(refused, amount, 0)
    over, first = (np.where(refused, 0, part) for part in _shares(fields, kinds, amount, price, quantity))
    columns = [amount, own, over, first, amount - own - over - first]
    good = (counts >= 1) & (counts <= MAX_LINES)
    good &= np.bincount(of_bill[~fine], minlength=len(counts)) == 0
    return [_summed(values, counts) for values in columns], good


def _kinds_of_line(fields: dict[str, pa.Array]) -> tuple[Whole, Answers]:
    """What each line is by its class, restriction and approval, -1 where that can't be told, and of each of these kinds
    whether such a line is the person's own expense."""
    class_, approved = coded(fields["class"]), coded(fields["approved"])
    classes = np.array([CLASSES.index(word) if word in CLASSES else -1 for word in class_.words])[class_.codes]
    ways = [False, True, "refused"]
    approvals = np.array([ways.index(APPROVED[word]) if word in APPROVED else -1 for word in approved.words])
    how = approvals[approved.codes]
    restricted = fields["restricted"].fill_null(False).to_numpy(zero_copy_only=False)
    kinds = (classes * 2 + restricted) * 3 + how
    unknown = (classes < 0) | (how < 0) | ((classes == CLASSES.index("B")) & ~there(fields["first_pay_ratio"]))
    reasons = [
        own_expense_reason(Line(1, "", 1, 1, 1, _DAY, cast(Any, way), None), _entry(word, bool(limited))) is not None
        for word in CLASSES
        for limited in (0, 1)
        for way in ways
    ]
    return np.where(unknown, -1, kinds), np.array(reasons)


def _entry(class_: str | None, restricted: bool, ratio: int = 0) -> CatalogueEntry | None:
    if class_ is None:
        return None
    return CatalogueEntry("", cast(Any, class_), ratio, (None, None, None), restricted, _DAY, None)


def _shares(
    fields: dict[str, pa.Array], kinds: Whole, amount: Whole, price: Whole, quantity: Whole
) -> tuple[Whole, Whole]:
    """What of each line lies over its ceiling, and what is first paid; of lines that are own expense as well, where
    nobody looks."""
    over, first = np.zeros_like(amount), np.zeros_like(amount)
    ratio, ceiling, limited = numbers(fields["first_pay_ratio"]), numbers(fields["ceiling"]), there(fields["ceiling"])
    own = kinds // 6
    counts = np.array(
        [class_ is not None and catalogue_ratio(cast(CatalogueEntry, _entry(class_, False, 1))) for class_ in CLASSES]
    )
    ratio = ratio * counts[own]
    for rows, bound in ((np.flatnonzero(limited), True), (np.flatnonzero(~limited), False)):
        if len(rows):
            of_line, each, times, rate = (one_for_many(values[rows]) for values in (amount, price, quantity, ratio))
            most = one_for_many(ceiling[rows]) if bound else None
            over[rows], first[rows] = map(plain, shares_of_line(of_line, each, times, most, rate))
    return over, first


def _summed(values: Whole, counts: Whole) -> Whole:
    """The sums of as many values as each count says."""
    ends = np.concatenate([[0], np.cumsum(values)])
    stops = np.cumsum(counts)
    return cast(Whole, ends[stops] - ends[stops - counts])


def few_values(table: pa.Table, names: Sequence[str]) -> dict[str, Coded]:
    """Columns of few values as numbers."""
    return {name: coded(table.column(name).combine_chunks()) for name in names}
