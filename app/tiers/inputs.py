"""The inputs of a step of the explanation: the numbers and names from which its amount can be redone. Pure."""

from typing import TypeAlias, cast

Bounds: TypeAlias = list[list[int | None]]
Input: TypeAlias = int | str | Bounds | None
Inputs: TypeAlias = dict[str, Input]


class Given(dict[str, int]):
    """The inputs of a step as its reader knows them: numbers by name (fen, or ten-thousandths), words and bands
    apart."""

    @classmethod
    def of(cls, inputs: Inputs) -> "Given":
        """The inputs of a step."""
        return cls(cast(dict[str, int], inputs))

    def word(self, name: str) -> str:
        """An input that is a word."""
        return cast(str, self[name])

    def most(self, name: str) -> int | None:
        """A number that may be none (no limit)."""
        return cast("int | None", self[name])

    def bounds(self, name: str) -> list[tuple[int | None, int]]:
        """Bands, each with its upper bound in fen (None: open) and its rate."""
        return cast("list[tuple[int | None, int]]", self[name])
