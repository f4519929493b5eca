"""What a written value of a pack means in the core: fen, ten-thousandths, bands. Pure."""

from datetime import date
from typing import Any, Final, cast

from app.basics.money import RATE_ONE, fen, rate, rate_text, yuan
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
        case "dates" if isinstance(value, list) and all(isinstance(day, date) for day in value):
            return frozenset(value)
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


def shown(value: Any, unit: str) -> Any:
    """A written value in the outside form (yuan and rates as text); derived values are shown as the rule that they are."""
    if isinstance(value, dict) and value.keys() & {"of", "share", "share_of_bill"}:
        return dict(value)
    result = converted(value, unit)
    match unit:
        case _ if result is None:
            return None
        case "yuan":
            return yuan(result)
        case "rate":
            return rate_text(result)
        case "bands":
            return [
                {"up_to": None if upper is None else yuan(upper), "rate": rate_text(band_rate)}
                for upper, band_rate in result
            ]
        case "classes" | "tiers":
            return sorted(result)
        case "dates":
            return [day.isoformat() for day in sorted(result)]
        case "diseases":
            return {code: {"name": name, "group": group} for code, (name, group) in result.items()}
        case "prices":
            return {code: yuan(price) for code, price in result.items()}
    return result


class WrongBand(ValueError):
    """A band that can't be, and which one, in Chinese, for the author of the pack."""


def _bands(value: list[Any]) -> tuple[tuple[int | None, int], ...]:
    bands: list[tuple[int | None, int]] = []
    for number, item in enumerate(value, 1):
        if not isinstance(item, dict) or set(item) != {"up_to", "rate"}:
            raise WrongBand(f"第 {number} 段要有 up_to 和 rate，不能有别的")
        upper, band_rate = (
            _converted_in_band(number, item, "up_to", "yuan"),
            _converted_in_band(number, item, "rate", "rate"),
        )
        if band_rate is None or (upper is None) != (number == len(value)):
            raise WrongBand(f"第 {number} 段：只有最后一段的上限、也必须是最后一段的上限写 none")
        if bands and upper is not None and upper <= (bands[-1][0] or 0):
            raise WrongBand(f"第 {number} 段的上限 {item['up_to']} 不高于前一段的 {value[number - 2]['up_to']}")
        bands.append((upper, band_rate))
    if not bands:
        raise WrongBand("一段也没有")
    return tuple(bands)


def _converted_in_band(number: int, item: dict[str, Any], key: str, unit: str) -> int | None:
    try:
        return cast("int | None", converted(item[key], unit))
    except ValueError:
        raise WrongBand(f"第 {number} 段的 {key} 写了“{item[key]}”") from None
