"""The benefit classes 人员类别 that every pack knows: each once, with what it is called and written. A pack may declare
further ones (``classes``)."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class ClassWords(Struct, frozen=True):
    """What a class is called: ``zh`` and ``en`` on pages and slips; ``words``, what lists write for it besides;
    ``codes``, its national ones (人员身份类别), the first of them the one that we answer."""

    zh: str
    en: str
    words: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


REGISTERED_POOR: Final = "registered_poor"  # whose insurance the law wants complete (the monthly report, a worklist)
ORDINARY: Final = "ordinary"
BASE_CLASSES: Final[Mapping[str, ClassWords]] = {
    "destitute": ClassWords("特困人员", "destitute", ("特困", "特困供养人员"), ("2304",)),
    "low_income": ClassWords("低保对象", "low income", ("低保", "最低生活保障对象"), ("2303",)),
    "returned_poverty": ClassWords("返贫致贫人口", "returned to poverty", ("返贫致贫",), ("226104",)),
    REGISTERED_POOR: ClassWords("建档立卡贫困人口", "registered poor", ("建档立卡", "贫困人口"), ("2302",)),
    "monitored": ClassWords("监测对象", "monitored", (), ("226101", "226102", "226103")),
    "low_income_edge": ClassWords("低保边缘家庭成员", "edge of low income", ("低保边缘", "低保边缘家庭"), ("236074",)),
    "illness_poverty": ClassWords("因病致贫重病患者", "poor through illness", ("因病致贫",), ("2306",)),
    ORDINARY: ClassWords("普通参保人员", "ordinary insured person"),
}


def class_name(name: str, language: str = "zh", classes: Mapping[str, ClassWords] = BASE_CLASSES) -> str:
    """What a class is called by ``classes``, which may be further ones alone; its name where nobody has it."""
    words = classes.get(name) or BASE_CLASSES.get(name)
    return name if words is None else words.en if language == "en" else words.zh


def written_as(classes: Mapping[str, ClassWords]) -> dict[str, str]:
    """What may be written for each class in a list, case folded: its name, its words, its national codes. Never the
    ordinary."""
    return {
        text.casefold(): name
        for name, words in classes.items()
        if name != ORDINARY
        for text in (name, words.zh, *words.words, *words.codes)
    }
