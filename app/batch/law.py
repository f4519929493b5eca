"""Which law a batch is computed under: the packs that were named, and areas' own figures from a file."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
from msgspec import Struct

from app.basics.areas import area_prefix, pooling_area
from app.basics.errors import PolicyError, Refused
from app.basics.money import parsed
from app.batch.source import Rejected
from app.policies import SCHEMES, SHIPPED, book_with, pack_files, shipped_book
from app.registry.area_records import AreaFigure
from app.registry.dated import holds
from app.registry.paying_area import FoundArea, policy_in
from app.tiers.model import RESIDENTS, OwnFigure
from app.tiers.policy import Policy, PolicyBook
from app.tiers.yamltext import nearest

Found = tuple[Policy | None, tuple[str, ...]]


class AreaRecord(Struct):
    """An area's record as ``GET /v1/areas/{area_code}`` answers it: its pack, and its own figures."""

    area_code: str
    pack: str | None = None
    incomes: list[AreaFigure] = []


class BatchLaw:
    """The policy of a day, an area and an insurance type, found once."""

    def __init__(self, book: PolicyBook, records: Sequence[AreaRecord] = ()) -> None:
        self.book = book
        self._records = {record.area_code: record for record in records}
        self._found: dict[tuple[date, str, str], Found] = {}

    def __call__(self, day: date, area_code: str, insurance_type: str) -> Found:
        """The policy, and the codes of what is wrong: of a type that no pack covers the residents' policy is looked
        at."""
        key = (day, area_code, insurance_type)
        found = self._found.get(key)
        if found is None:
            if len(self._found) > 100_000:
                self._found.clear()
            found = self._found[key] = self._find(day, area_code, insurance_type)
        return found

    def _find(self, day: date, area_code: str, insurance_type: str) -> Found:
        supported = insurance_type in self.book.insurance_types
        codes = () if supported else ("insurance_type_unsupported",)
        area = self._area(area_code, day)
        try:
            policy = policy_in(self.book, day, area_code, area, insurance_type if supported else RESIDENTS)
            return policy.with_own(area.figures), codes
        except Refused as refused:
            return None, (*codes, *(fault.code for fault in refused.faults))

    def _area(self, area_code: str, day: date) -> FoundArea:
        """What the records of the area say on a day; a county's come before its prefecture's and its province's."""
        names = dict.fromkeys((area_code, pooling_area(area_code), area_prefix(area_code[:2] + "0000") + "0000"))
        records = [self._records[name] for name in names if name in self._records]
        figures: dict[str, OwnFigure] = {}
        for one in (one for record in records for one in record.incomes if holds(one.from_, one.until, day)):
            own = OwnFigure(one.parameter, parsed(one.amount, 2), one.document, one.clause, one.status)
            figures.setdefault(one.parameter, own)
        pack = next((record.pack for record in records if record.pack is not None), None)
        return FoundArea(pack=pack, figures=tuple(figures[name] for name in sorted(figures)))


def reformed(pack: str, reform: str, extra: Path | None) -> tuple[PolicyBook, PolicyBook]:
    """The book of a pack alone, and that of a reform which rules the same areas for the same insurance types. Rejected
    when one can't be used, or the reform doesn't inherit the pack."""
    book = book_of([pack], extra)
    own = next(iter(book.packs.values()))
    changed = next(iter(book_of([reform], extra).packs.values()))
    if own.name not in changed.texts:
        raise Rejected(f"--reform {Path(reform).name}：改革方案要继承 {own.name}：请写 inherits: {own.name}。")
    changed = replace(changed, areas=own.areas, insurance_types=own.insurance_types)
    return book, PolicyBook({changed.name: changed})


def book_of(packs: Sequence[str], extra: Path | None) -> PolicyBook:
    """The book of the packs that were named, by name or file, and of no other; without any that of the service.
    Rejected when one isn't there or can't be used."""
    try:
        if not packs:
            return shipped_book(extra)
        files = [_file(pack, extra) for pack in packs]
        book = book_with(files, extra, drafts=True)
    except PolicyError as error:
        raise Rejected(f"政策配置不能使用：{error.findings[0]}") from None
    chosen = {path.stem: book.packs[path.stem] for path in files}
    owners: dict[tuple[str, str], str] = {}
    for name, pack in chosen.items():
        for key in ((prefix, kind) for prefix in pack.areas for kind in pack.insurance_types):
            other = owners.setdefault(key, name)
            if other != name:
                raise Rejected(f"--pack：{other} 和 {name} 都管地区 {key[0]}。请只留一个。")
    return PolicyBook(chosen)


def _file(pack: str, extra: Path | None) -> Path:
    """The file of a pack."""
    if pack.endswith((".yaml", ".yml")):
        if not Path(pack).is_file():
            raise Rejected(f"--pack {pack}：没有这个文件。")
        return Path(pack)
    known = {path.stem: path for path in pack_files(SCHEMES, SHIPPED, *([] if extra is None else [extra]))}
    if pack not in known:
        raise Rejected(f"--pack {pack}：没有这个政策配置。{nearest(pack, known)}文件请写到 .yaml 为止。")
    return known[pack]


def records_of(file: Path | None) -> list[AreaRecord]:
    """The records of areas in a JSON file, one or a list of them. Rejected when it isn't that."""
    if file is None:
        return []
    try:
        found = msgspec.json.decode(file.read_bytes(), type=list[AreaRecord] | AreaRecord)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Rejected(f"{file.name}：不是地区记录（GET /v1/areas/{{area_code}} 的答复）：{error}") from None
    return found if isinstance(found, list) else [found]


def law_digest(book: PolicyBook, records: Sequence[AreaRecord]) -> str:
    """What tells one law from another."""
    packs = [(name, pack.digest, pack.areas) for name, pack in sorted(book.packs.items())]
    return hashlib.sha256(msgspec.json.encode([packs, list(records)])).hexdigest()
