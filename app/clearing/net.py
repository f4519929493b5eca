"""What is ordered of a part, by the one formula (docs/specification/clearing.md, section 3). Pure; fen and
ten-thousandths.

``net = gross − carried − instant``. A net of 0 or less is carried forward. Else the deposit is the rate's share of
gross, or 0 where it would leave nothing; then prepayments are taken off, at most the rest; ``amount`` is what is left.
"""

from msgspec import Struct

from app.basics.money import share


class Net(Struct, frozen=True):
    """How an order's amount comes about. ``amount`` is 0 or less when it is carried forward."""

    gross: int
    carried: int
    deposit_rate: int
    deposit: int
    offset: int
    amount: int

    @property
    def is_carried(self) -> bool:
        """Whether nothing is ordered and the net is taken off a later order."""
        return self.gross - self.carried <= 0


def net_of(*, gross: int, carried: int, deposit_rate: int, prepaid: int) -> Net:
    """The order of ``gross``, when ``carried`` is taken off it and at most ``prepaid`` of prepayments is left to
    take."""
    net = gross - carried
    if net <= 0:
        return Net(gross, carried, 0, 0, 0, net)
    deposit = share(gross, deposit_rate)
    deposit = deposit if deposit < net else 0
    offset = min(prepaid, net - deposit)
    return Net(gross, carried, deposit_rate, deposit, offset, net - deposit - offset)
