"""The catalogue of a synthetic year, which is the same for all, and the lines of its bills.

An item costs the same in all hospitals of a level. A line is of an item that isn't dearer than what it should come to.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa

from app.basics.money import RATE_ONE
from app.batch.synthetic.draws import PLACES, Codes, Draws, Numbers, amounts, chosen, happens, named, places
from app.batch.synthetic.figures import number, several
from app.batch.synthetic.visits import DrawnBills

LEVEL_PERCENT: Final = (90, 100, 115)
MOST_QUANTITY: Final = 300
WHOLE: Final = 10_000
"""A quantity of one."""
MILLIONTHS: Final = 10_000
"""Of a yuan, in a fen."""
PRICE_MEAN: Final = 12_000
PRICE_SPREAD: Final = 2.0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Columns over the items, the cheapest first; prices and ceilings are fen by level, a ceiling of -1 is none.
    ``approved`` says of a restricted item whether hospitals have it approved."""

    class_: Codes
    kind: Codes
    ratio: Numbers
    restricted: "np.ndarray[Any, np.dtype[np.bool_]]"
    price: Numbers
    ceiling: Numbers

    def __len__(self) -> int:
        return len(self.class_)

    def code(self, item: int) -> str:
        """The code of an item."""
        return f"SY{item:05d}"


@cache
def catalogue() -> Catalogue:
    """The catalogue."""
    draws = np.random.Generator(np.random.PCG64(np.random.SeedSequence(20180101)))
    count = int(number("items.number"))
    base = np.sort(amounts(PRICE_MEAN, PRICE_SPREAD, least=5)[(np.arange(count) * PLACES + PLACES // 2) // count])
    class_ = chosen(*several("items.classes").values())[places(draws, count)]
    ratios = several("items.first_pay")
    partly = np.array([int(name) for name in ratios])[chosen(*ratios.values())[places(draws, count)]]
    limited = several("items.limited")
    above = happens(draws, count, limited["above"])
    percent = np.where(above, draws.integers(75, 100, count), draws.integers(100, 130, count))
    price = np.stack([np.maximum(1, base * share // 100) for share in LEVEL_PERCENT], axis=1)
    ceiling = np.maximum(1, price * percent[:, None] // 100)
    free = ~happens(draws, count, limited["share"]) | (class_ == 2)
    return Catalogue(
        class_,
        chosen(*several("items.kinds").values())[places(draws, count)],
        np.choose(class_, [0, partly, RATE_ONE]),
        happens(draws, count, several("items.restricted")["share"]),
        price,
        np.where(free[:, None], -1, ceiling),
    )


def lines_of(
    draws: Draws, bills: DrawnBills, totals: Numbers, each: int, items: Catalogue
) -> tuple[pa.ListArray, Numbers]:
    """Lines for bills that should come to about ``totals``, so many for each, and what they come to."""
    count = len(bills)
    level = bills.visits.level[bills.visit] - 1
    weights = amounts(1000, 1.0)[places(draws, count * each)].reshape(count, each)
    wanted = (totals[:, None] * weights // weights.sum(axis=1)[:, None]).reshape(-1)
    dearest = np.searchsorted(items.price[:, 1], wanted, side="right")
    least = dearest * 3 // 4
    item = least + (places(draws, len(wanted)) * (dearest - least) >> 16)
    price = items.price[item, np.repeat(level, each)]
    quantity = np.clip((wanted + price // 2) // price, 1, MOST_QUANTITY)
    number_in_bill, back = np.tile(np.arange(1, each + 1), count), _taken_back(draws, quantity, count, each)
    rows, of_bill, refund = _with_refunds(count, each, back)
    quantity = np.where(refund, -(quantity[rows] // 2), quantity[rows])
    line_no = np.where(refund, each + 1, number_in_bill[rows])
    amount = quantity * price[rows]
    days = bills.days[of_bill] * places(draws, len(rows)) >> 16
    charged = np.where(refund, bills.last[of_bill], bills.first[of_bill] + days)
    columns = _columns(draws, items, item[rows], level[of_bill]) | {
        "line_no": pa.array(line_no.astype(np.int32)),
        "quantity": pa.array(quantity * WHOLE),
        "unit_price": pa.array(price[rows] * MILLIONTHS),
        "amount": pa.array(amount),
        "refund_of_line_no": pa.array(number_in_bill[rows].astype(np.int32), mask=~refund),
        "charged_on": pa.array(charged.astype(np.int32)).cast(pa.date32()),
    }
    starts = np.searchsorted(of_bill, np.arange(count + 1))
    columns = {name: _texts(column) for name, column in columns.items()}
    flat = pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    sums = np.add.reduceat(amount, starts[:-1]) if count else amount
    return pa.ListArray.from_arrays(pa.array(starts.astype(np.int32)), flat), sums


def _texts(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _taken_back(draws: Draws, quantity: Numbers, count: int, each: int) -> Numbers:
    """The places of the lines of which half is taken back: of some bills the line of the greatest quantity."""
    place = np.arange(count) * each + quantity.reshape(count, each).argmax(axis=1)
    return cast(Numbers, place[happens(draws, count, number("items.refunded")) & (quantity[place] >= 2)])


def _with_refunds(
    count: int, each: int, back: Numbers
) -> "tuple[Numbers, Numbers, np.ndarray[Any, np.dtype[np.bool_]]]":
    """The lines with the refunds behind those of their bill: of each its place among the ordinary ones, or that of the
    one that it takes back; its bill; whether it is a refund."""
    ends = (back // each + 1) * each
    rows = np.insert(np.arange(count * each), ends, back)
    refund = np.zeros(len(rows), bool)
    refund[ends + np.arange(len(ends))] = True
    return rows, rows // each, refund


def _columns(draws: Draws, items: Catalogue, item: Codes, level: Codes) -> dict[str, pa.Array]:
    """What the catalogue says of the lines' items. Whether a restricted one is approved is the item's, so that a refund
    has it as well."""
    ceiling = items.ceiling[item, level]
    restricted = items.restricted[item]
    approved = restricted & (item * 7919 % 100 < 100 * several("items.restricted")["approved"])
    return {
        "item_code": named(item, [items.code(number) for number in range(len(items))]),
        "class": named(items.class_[item], list(several("items.classes"))),
        "first_pay_ratio": pa.array(items.ratio[item].astype(np.int32)),
        "ceiling": pa.array(ceiling * MILLIONTHS, mask=ceiling < 0),
        "restricted": pa.array(restricted),
        "approved": named(approved.astype(np.int64), ("false", "true")),
        "kind": named(items.kind[item], list(several("items.kinds"))),
    }
