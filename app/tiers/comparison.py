"""Two explanations side by side, before and after a correction: what changed in which step, and by how much. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from app.basics.money import yuan
from app.tiers.explain import REASONS, input_names, shown_inputs
from app.tiers.model import Step
from app.tiers.vocabulary import BASES

Key = tuple[str, str]


class InputChange(Struct, frozen=True):
    """One input of a step that differs, both values in the outside form; None where the step doesn't have it."""

    input: str
    name: str
    before: Any
    after: Any


class StepChange(Struct, frozen=True):
    """One step that differs: amounts in yuan, None where the step is missing, which counts as 0 in the difference."""

    tier: str
    rule: str
    name: str
    before: str | None
    after: str | None
    difference: str
    inputs: tuple[InputChange, ...]
    sentence: str


def compared(before: Sequence[Step], after: Sequence[Step]) -> tuple[StepChange, ...]:
    """The steps that differ in amount or inputs, in their order; a step only in ``before`` stands where it was.

    Steps are matched by tier and rule, which occur once in a trace. Per tier the differences add up to that of its
    portion, except the hospital's under a package, which is no step of its own.
    """
    old, new = ({(step.tier, step.rule): step for step in trace} for trace in (before, after))
    pairs = ((old.get(key), new.get(key)) for key in _in_order(list(old), list(new)))
    changes = (_change(one, other) for one, other in pairs)
    return tuple(change for change in changes if change is not None)


def _in_order(old: list[Key], new: list[Key]) -> Iterator[Key]:
    """Every key once, in both orders as far as they agree: new keys before the next one that both have."""
    waiting = dict.fromkeys(new)
    for key in old:
        if key in waiting:
            for earlier in list(waiting):
                del waiting[earlier]
                if earlier == key:
                    break
                if earlier not in old:
                    yield earlier
        yield key
    yield from (key for key in waiting if key not in old)


def _change(before: Step | None, after: Step | None) -> StepChange | None:
    step = after or before
    if step is None:
        return None
    inputs = tuple(_input_changes(before, after)) if before is not None and after is not None else ()
    old, new = (None if one is None else one.amount for one in (before, after))
    if old == new and not inputs:
        return None
    shown_old, shown_new = (None if amount is None else yuan(amount) for amount in (old, new))
    difference = yuan((new or 0) - (old or 0))
    sentence = _sentence(step.name, shown_old, shown_new, difference, inputs)
    return StepChange(step.tier, step.rule, step.name, shown_old, shown_new, difference, inputs, sentence)


def _input_changes(before: Step, after: Step) -> Iterator[InputChange]:
    old, new, names = shown_inputs(before.inputs), shown_inputs(after.inputs), input_names()
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield InputChange(key, names.get(key, key), old.get(key), new.get(key))


def _sentence(
    name: str, before: str | None, after: str | None, difference: str, inputs: tuple[InputChange, ...]
) -> str:
    """One line of Chinese: the amounts, then why."""
    sign = "" if difference.startswith("-") else "+"
    if before is None:
        return f"{name}：新增此步，金额 {after}（{sign}{difference}）"
    if after is None:
        return f"{name}：不再有此步，原金额 {before}（{sign}{difference}）"
    changed = f"{before} → {after}（{sign}{difference}）" if before != after else f"{after} 不变"
    why = "；".join(f"{one.name} {_text(one.before)} → {_text(one.after)}" for one in inputs)
    return f"{name}：{changed}{'，' if why else ''}{why}"


def _text(value: object) -> str:
    """A shown input in a sentence: bands row by row, codes in words."""
    if isinstance(value, list):
        return "、".join(f"{_upper(row)} {row['rate']}" for row in value)
    return "无" if value is None else REASONS.get(str(value), BASES.get(str(value), str(value)))


def _upper(row: Mapping[str, object]) -> str:
    return "以上" if row["up_to"] is None else f"至 {row['up_to']}"
