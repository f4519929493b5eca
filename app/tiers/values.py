"""What a written value of a pack means in the core: fen, ten-thousandths, bands. Pure."""

from typing import Any, Final

from app.money import RATE_ONE, fen, rate
from app.tiers.model import CLASSES

TIERS: Final = ("hospital", "basic", "serious_illness", "medical_assistance", "safety_net")


def converted(value: Any, unit: str) -> Any:
    """A written value as the core uses it: fen, ten-thousandths, bands ``(upper fen | None, rate)``. ValueError otherwise."""
    if value == "none":
        return None
    match unit:
        case "yuan" if isinstance(value, (int, str)) and not isinstance(value, bool):
            amount = fen(str(value))
            if amount < 0:
                raise ValueError("negative")
            return amount
        case "rate" if isinstance(value, (int, str)) and not isinstance(value, bool):
            result = rate(str(value))
            if not 0 <= result <= RATE_ONE:
                raise ValueError("not a share")
            return result
        case "bands" if isinstance(value, list):
            return _bands(value)
        case "flag" if isinstance(value, bool):
            return value
        case "days" if isinstance(value, int) and value >= 0:
            return value
        case "diseases" if isinstance(value, dict):
            return {code: (str(item["name"]), str(item["group"])) for code, item in value.items()}
        case "prices" if isinstance(value, dict):
            return {code: converted(price, "yuan") for code, price in value.items()}
        case "classes" | "tiers" if isinstance(value, list):
            allowed = CLASSES if unit == "classes" else TIERS
            if not set(value) <= set(allowed):
                raise ValueError("unknown word")
            return frozenset(value)
        case "text" if isinstance(value, str):
            return value
    raise ValueError("does not fit its unit")


def _bands(value: list[Any]) -> tuple[tuple[int | None, int], ...]:
    bands: list[tuple[int | None, int]] = []
    for position, item in enumerate(value):
        upper = converted(item["up_to"], "yuan")
        band_rate = converted(item["rate"], "rate")
        last = position == len(value) - 1
        if band_rate is None or (upper is None) != last or set(item) != {"up_to", "rate"}:
            raise ValueError("bands are open only at the end")
        if bands and upper is not None and upper <= (bands[-1][0] or 0):
            raise ValueError("bands out of order")
        bands.append((upper, band_rate))
    if not bands:
        raise ValueError("no band")
    return tuple(bands)
