"""What the bills of a bucket came to, column by column."""

from dataclasses import dataclass, field

import numpy as np
from msgspec import structs

from app.batch.chain import BillResult
from app.batch.columns import AMOUNTS
from app.batch.many import Whole


@dataclass(slots=True)
class BucketResults:
    """What the bills of a bucket came to, row by row: amounts in fen, and of ``version`` and ``fault`` the number of
    the word, -1 for none."""

    amounts: dict[str, Whole]
    version: Whole
    fault: Whole
    words: list[str] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)

    def word(self, text: str) -> int:
        """The number of a word."""
        number = self.known.get(text)
        if number is None:
            number = self.known[text] = len(self.words)
            self.words.append(text)
        return number


def empty_results(rows: int) -> BucketResults:
    """Room for the results of as many bills."""
    amounts = {name: np.zeros(rows, np.int64) for name in AMOUNTS}
    return BucketResults(amounts, np.full(rows, -1), np.full(rows, -1))


def put(results: BucketResults, row: int, result: BillResult | str) -> None:
    """What one bill came to, into its row."""
    if isinstance(result, str):
        results.fault[row] = results.word(result)
        return
    outcome = result.outcome
    given = structs.asdict(outcome.scope) | structs.asdict(outcome.portions)
    given |= {"payable_adjustment": outcome.payable_adjustment, "deductible": result.deductible}
    for name, amounts in results.amounts.items():
        amounts[row] = given[name]
    results.version[row] = results.word(outcome.policy.version)
