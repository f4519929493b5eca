"""人民币大写: an amount written out, as the forms of public money ask for beside its figures. Pure."""

from typing import Final

_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("", "拾", "佰", "仟")
_MYRIADS: Final = ("元", "万", "亿", "万")


def capital_yuan(fen: int) -> str:
    """Fen as 人民币大写. ``capital_yuan(123456) == "壹仟贰佰叁拾肆元伍角陆分"``.

    Each run of zeros between two other digits is one 零, also across 万, 亿 and 元; 整 stands after 元 or 角 when
    nothing follows; a negative amount begins with 负. Raises ValueError from 10**16 yuan on.
    """
    whole, rest = divmod(abs(fen), 100)
    digits = f"{whole}{rest:02d}"
    if len(digits) > 18:
        raise ValueError("too large to be written out")
    units = _units(len(digits) - 2)
    text, zeros, in_group = "", False, False
    for digit, (unit, group) in zip(digits, units, strict=True):
        if digit == "0":
            zeros = True
        else:
            text += ("零" if zeros and text else "") + _DIGITS[int(digit)] + unit
            zeros, in_group = False, True
        if group:
            text += group if in_group or (text and group != "万") else ""
            in_group = False
    if not text:
        return "零元整"
    return ("负" if fen < 0 else "") + text + ("" if text.endswith("分") else "整")


def _units(count: int) -> list[tuple[str, str]]:
    """The unit of each digit of an amount with ``count`` digits before the point, and the group's name at its end."""
    whole = [(_PLACES[place % 4], _MYRIADS[place // 4] if place % 4 == 0 else "") for place in range(count - 1, -1, -1)]
    return [*whole, ("角", ""), ("分", "")]
