"""The funds of the country: the codes of the national dictionary ``fund_pay_type`` 基金支付类型. Which of them pay here
is the packs' to say (``FUNDS`` in ``app/tiers/model.py``); a test compares them with the dictionary."""

from typing import Final

# fmt: off
NATIONAL_FUNDS: Final = frozenset({
    "310100", "310101", "310102", "310200", "310300", "310400", "310500", "320100", "320200", "330100",
    "330200", "340100", "340200", "350100", "370100", "370200", "390100", "390101", "390102", "390200",
    "390300", "390400", "390500", "410100", "510100", "610100", "610200", "620100", "620101", "630100",
    "640100", "999109", "999900", "999996", "999997", "99999707", "99999737",
})
# fmt: on
