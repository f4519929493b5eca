"""From lines to scope (docs/specification/calculation.md, section 3): what the catalogue lets the funds look at.
Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import structs

from app.basics.errors import Fault
from app.basics.money import divide_half_up, least, most, priced, share, trimmed, yuan
from app.tiers.model import Bill, CatalogueEntry, Line, LineScope, Scope

UNKNOWN_ITEM: Final = "unknown_item"
FirstPay = Callable[[CatalogueEntry], "int | None"]
Catalogue = Mapping[str, Sequence[CatalogueEntry]]

_LEAST_TOLERANCE = 1  # fen
_CENTS = 10_000  # a price that is a multiple of it (in millionths of a yuan) has at most two decimals


def entry_on(catalogue: Catalogue, item_code: str, day: date) -> CatalogueEntry | None:
    """The version of an item that is valid on a day, None when there is none (an unknown code)."""
    for entry in catalogue.get(item_code, ()):
        if entry.valid_from <= day and (entry.valid_until is None or day < entry.valid_until):
            return entry
    return None


def uncovered(entry: CatalogueEntry, known: Iterable[CatalogueEntry]) -> list[CatalogueEntry]:
    """A version on the days on which none of the known ones of its item holds, as a version for each interval."""
    left = [entry]
    for other in known:
        left = [part for one in left for part in _cut(one, other)]
    return left


def _cut(entry: CatalogueEntry, other: CatalogueEntry) -> list[CatalogueEntry]:
    """What is left of a version before and behind another."""
    since, until = entry.valid_from, entry.valid_until
    before = other.valid_from if until is None else min(until, other.valid_from)
    behind = None if other.valid_until is None else max(since, other.valid_until)
    if before == until or behind == since:
        return [entry]
    parts = []
    if since < before:
        parts.append(structs.replace(entry, valid_until=before))
    if behind is not None and (until is None or behind < until):
        parts.append(structs.replace(entry, valid_from=behind))
    return parts


def line_faults(lines: Sequence[Line]) -> list[Fault]:
    """Every fault of the lines as a list, each with its pointer ``/lines/<index>/…``. Doesn't look at the catalogue."""
    faults: list[Fault] = []
    first_index: dict[int, int] = {}
    for index, line in enumerate(lines):
        if first_index.setdefault(line.line_no, index) != index:
            faults.append(Fault(f"/lines/{index}/line_no", "duplicate_line_no"))
        if line.quantity == 0:
            faults.append(Fault(f"/lines/{index}/quantity", "quantity_zero"))
    refunded = _refund_faults(lines, first_index, faults)
    for index, line in enumerate(lines):
        exact = line.quantity >= 0 and line.amount == priced(line.unit_price, line.quantity)
        if not exact and line.refund_of_line_no is None and line.line_no not in refunded:
            _amount_faults(index, line, faults)
    return faults


def _amount_faults(index: int, line: Line, faults: list[Fault]) -> None:
    if line.quantity < 0:
        faults.append(Fault(f"/lines/{index}/quantity", "negative_quantity"))
    elif line.amount < 0:
        faults.append(Fault(f"/lines/{index}/amount", "negative_amount"))
    elif not _agrees(line.amount, line.unit_price, line.quantity):
        faults.append(Fault(f"/lines/{index}/amount", "line_amount_mismatch"))


def _agrees(amount: int, unit_price: int, quantity: int) -> bool:
    """Whether an amount is price times quantity, to one fen. A price of three or more decimals is itself a rounded
    quotient: then half of its last decimal per unit is let through as well."""
    off = abs(amount - priced(unit_price, quantity))
    return off <= _LEAST_TOLERANCE or off <= _rounding(unit_price, quantity)


def _rounding(unit_price: int, quantity: int) -> int:
    """What the rounding of a price may make of an amount, fen: 0 for one of at most two decimals."""
    if unit_price % _CENTS == 0:
        return 0
    last = 1
    while unit_price % (10 * last) == 0:
        last *= 10
    return divide_half_up(abs(quantity) * last, 2 * 10**8)


def _refund_faults(lines: Sequence[Line], index_of: Mapping[int, int], faults: list[Fault]) -> set[int]:
    """Faults of refund lines and of the net that they leave; returns the line numbers that were refunded."""
    net: dict[int, tuple[int, int, int]] = {}
    for index, line in enumerate(lines):
        target_no = line.refund_of_line_no
        if target_no is None:
            continue
        target_index = index_of.get(target_no)
        target = None if target_index is None else lines[target_index]
        if target is None or target.refund_of_line_no is not None:
            faults.append(Fault(f"/lines/{index}/refund_of_line_no", "refund_line_unknown"))
            continue
        if (line.item_code, line.unit_price) != (target.item_code, target.unit_price):
            faults.append(Fault(f"/lines/{index}/refund_of_line_no", "refund_line_differs"))
        if line.quantity > 0 or line.amount > 0:
            faults.append(Fault(f"/lines/{index}/quantity", "refund_not_negative"))
        quantity, amount, _ = net.get(target_no, (target.quantity, target.amount, index))
        net[target_no] = (quantity + line.quantity, amount + line.amount, index)
    for target_no, (quantity, amount, last_index) in net.items():
        target = lines[index_of[target_no]]
        if target.quantity < 0 or target.amount < 0:
            _amount_faults(index_of[target_no], target, faults)
        elif quantity < 0:
            values = {"remaining": trimmed(quantity - lines[last_index].quantity, 4)}
            faults.append(Fault(f"/lines/{last_index}/quantity", "refund_exceeds_line", values))
        elif (quantity == 0 and amount != 0) or amount < 0:
            expected = lines[last_index].amount - amount + priced(target.unit_price, quantity)
            faults.append(Fault(f"/lines/{last_index}/amount", "refund_amount_mismatch", {"expected": yuan(expected)}))
        elif not _agrees(amount, target.unit_price, quantity):
            faults.append(Fault(f"/lines/{index_of[target_no]}/amount", "line_amount_mismatch"))
    return set(net)


def netted(lines: Sequence[Line]) -> list[Line]:
    """Ordinary lines with the quantities and amounts of their refund lines taken off; refund lines disappear."""
    refunds: dict[int, tuple[int, int]] = {}
    for line in lines:
        if line.refund_of_line_no is not None:
            quantity, amount = refunds.get(line.refund_of_line_no, (0, 0))
            refunds[line.refund_of_line_no] = (quantity + line.quantity, amount + line.amount)
    if not refunds:
        return list(lines)
    result = []
    for line in lines:
        if line.refund_of_line_no is None:
            quantity, amount = refunds.get(line.line_no, (0, 0))
            result.append(
                Line(
                    line.line_no,
                    line.item_code,
                    line.quantity + quantity,
                    line.unit_price,
                    line.amount + amount,
                    line.charged_on,
                    line.approved,
                    None,
                )
            )
    return result


def refund_faults(lines: Sequence[Line], refunds: Mapping[int, int], wanted: Sequence[tuple[int, int]]) -> list[Fault]:
    """What is wrong with taking back quantities (line number, ten-thousandths) of a settled bill.

    ``refunds`` were taken back before. Pointers into the body of the refund: ``/lines/<index>/…``.
    """
    left = {line.line_no: line.quantity - refunds.get(line.line_no, 0) for line in netted(lines)}
    faults = []
    seen: set[int] = set()
    for index, (line_no, quantity) in enumerate(wanted):
        if line_no in seen:
            faults.append(Fault(f"/lines/{index}/line_no", "duplicate_line_no"))
        elif line_no not in left:
            faults.append(Fault(f"/lines/{index}/line_no", "refund_line_unknown"))
        elif quantity <= 0:
            code = "quantity_zero" if quantity == 0 else "negative_quantity"
            faults.append(Fault(f"/lines/{index}/quantity", code))
        elif quantity > left[line_no]:
            values = {"remaining": trimmed(left[line_no], 4)}
            faults.append(Fault(f"/lines/{index}/quantity", "refund_exceeds_line", values))
        seen.add(line_no)
    return faults


def refunded(bill: Bill, refunds: Mapping[int, int]) -> Bill:
    """The bill less what was taken back after settling: ``amount = r(amount × remaining ÷ quantity)``.

    Amounts and quantities are those settled, net of the bill's own refund lines, so the order of refunds doesn't
    matter.
    """
    if not refunds:
        return bill
    lines = []
    for line in netted(bill.lines):
        remaining = line.quantity - refunds.get(line.line_no, 0)
        if remaining != line.quantity:
            amount = divide_half_up(line.amount * remaining, line.quantity)
            line = structs.replace(line, quantity=remaining, amount=amount)
        lines.append(line)
    return structs.replace(bill, lines=tuple(lines), total=sum([line.amount for line in lines]))


def own_expense_reason(line: Line, entry: CatalogueEntry | None) -> str | None:
    """Why a whole line is the patient's own expense (step 2), None when it isn't."""
    if line.approved == "refused":
        return "refused"
    if entry is None:
        return UNKNOWN_ITEM
    if entry.catalogue_class == "C":
        return "class_c"
    if entry.restricted and line.approved is not True:
        return "restricted_not_approved"
    return None


def catalogue_ratio(entry: CatalogueEntry) -> int:
    """The first pay of an item by the catalogue, ten-thousandths: of class B alone."""
    return entry.first_pay_ratio if entry.catalogue_class == "B" else 0


def shares_of_line(amount: int, unit_price: int, quantity: int, ceiling: int | None, ratio: int) -> tuple[int, int]:
    """What of a covered line's amount lies over the ceiling of its price, and what of the rest is first paid by the
    person (steps 3 and 4), fen."""
    over_limit = 0
    if ceiling is not None:
        over_limit = least(amount, priced(most(0, unit_price - ceiling), quantity))
    return over_limit, share(amount - over_limit, ratio)


def line_scope(line: Line, entry: CatalogueEntry | None, level: int, first_pay_of: FirstPay | None = None) -> LineScope:
    """The scope of one net line at a hospital of a level (1–3), by steps 2 to 5; ``first_pay_of`` gives the pack's own
    ratio of first pay."""
    amount = line.amount
    reason = own_expense_reason(line, entry)
    if reason is not None or entry is None:
        return LineScope(line.line_no, entry.catalogue_class if entry else None, amount, 0, 0, 0, reason)
    own = None if first_pay_of is None else first_pay_of(entry)
    ratio = catalogue_ratio(entry) if own is None else own
    over_limit, first_pay = shares_of_line(amount, line.unit_price, line.quantity, entry.ceilings[level - 1], ratio)
    note = "over_ceiling" if over_limit else None
    return LineScope(
        line.line_no, entry.catalogue_class, 0, over_limit, first_pay, amount - over_limit - first_pay, note
    )


def in_scope_by_kind(lines: Sequence[Line], catalogue: Catalogue, scopes: Sequence[LineScope]) -> dict[str, int]:
    """The in-scope amounts of a bill's lines by the kind of their items, fen."""
    amounts: dict[str, int] = {}
    for line, row in zip(netted(lines), scopes, strict=True):
        entry = entry_on(catalogue, line.item_code, line.charged_on)
        kind = "" if entry is None else entry.kind
        amounts[kind] = amounts.get(kind, 0) + row.in_scope
    return amounts


def scope_of(
    lines: Sequence[Line], catalogue: Catalogue, level: int, first_pay_of: FirstPay | None = None
) -> tuple[Scope, tuple[LineScope, ...], tuple[CatalogueEntry, ...]]:
    """The bill's scope, its lines' scopes, and the catalogue versions used (each once, in order of use).

    Assumes that ``line_faults`` found nothing.
    """
    scopes = []
    used: dict[tuple[str, date], CatalogueEntry] = {}
    own_expense = over_limit = first_pay = in_scope = 0
    for line in netted(lines):
        entry = entry_on(catalogue, line.item_code, line.charged_on)
        if entry is not None:
            used[entry.item_code, entry.valid_from] = entry
        row = line_scope(line, entry, level, first_pay_of)
        own_expense += row.own_expense
        over_limit += row.over_limit
        first_pay += row.first_pay
        in_scope += row.in_scope
        scopes.append(row)
    return Scope(own_expense, over_limit, first_pay, in_scope), tuple(scopes), tuple(used.values())
