"""The rule kinds by name. To add one: an object like these here, and a line in both policy authors' guides. Pure."""

from typing import Final

from app.tiers.kinds.bands import BANDS
from app.tiers.kinds.fixed_sum import DISEASE_PRICE, FIXED_PAYMENT, OUT_OF_CATALOGUE, PACKAGE
from app.tiers.kinds.guarantee import ENDED, FLOOR, OWN_SPENDING_CAP
from app.tiers.kinds.kind import Kind
from app.tiers.kinds.lump import BRACKET, LUMP_SUM
from app.tiers.kinds.share import SHARE

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        SHARE,
        BANDS,
        BRACKET,
        FLOOR,
        OWN_SPENDING_CAP,
        LUMP_SUM,
        PACKAGE,
        FIXED_PAYMENT,
        OUT_OF_CATALOGUE,
        DISEASE_PRICE,
        ENDED,
    )
}
