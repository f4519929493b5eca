"""The shipped policy packs, and the only place that reads pack files and their cases."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from app.basics.errors import PolicyError
from app.tiers.load import load_book
from app.tiers.packfile import parse_pack
from app.tiers.policy import PolicyBook
from app.tiers.yamltext import MAX_PACK_BYTES

SHIPPED: Final = Path(__file__).parent
SCHEMES: Final = SHIPPED / "schemes"  # published schemes of other places; the service doesn't load them by itself
CASES_SUFFIX: Final = ".cases.yaml"


def pack_files(*folders: Path) -> list[Path]:
    """The pack files of folders, of one name that of the last folder. Files of cases stand beside them and aren't
    packs."""
    return packs_of(path for folder in folders for path in sorted(folder.glob("*.yaml")) if not _has_cases(path))


def packs_of(files: Iterable[Path]) -> list[Path]:
    """Files as pack files, each name once: instead of a file of cases the pack that it stands beside."""
    packs = (
        path.with_name(path.name.removesuffix(CASES_SUFFIX) + ".yaml") if _has_cases(path) else path for path in files
    )
    return list({path.stem: path for path in packs}.values())


def _has_cases(path: Path) -> bool:
    return path.name.endswith(CASES_SUFFIX)


def read_texts(*folders: Path) -> dict[str, str]:
    """The texts of all packs in the folders by name; a later folder's pack replaces an earlier one's of the same
    name."""
    return {path.stem: read_text(path) for path in pack_files(*folders)}


def read_text(path: Path) -> str:
    """One file of a pack or of cases. PolicyError when it can't be one (missing, too large, not UTF-8)."""
    if not path.is_file():
        raise PolicyError([f"{path.name}:1: 没有这个文件。算例文件 名称{CASES_SUFFIX} 写在政策配置 名称.yaml 旁边。"])
    if path.stat().st_size > MAX_PACK_BYTES:
        raise PolicyError([f"{path.name}:1: 文件超过 {MAX_PACK_BYTES} 字节。"])
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise PolicyError([f"{path.name}:1: 文件不是 UTF-8 编码，请另存为 UTF-8。"]) from None


def cases_file(pack: Path) -> Path:
    """Where the golden cases of a pack file stand: beside it."""
    return pack.with_name(pack.stem + CASES_SUFFIX)


def shipped_book(extra: Path | None = None) -> PolicyBook:
    """The book of the shipped packs and those of one more folder, as their texts are now. A process checks a text
    once."""
    return _checked(tuple(read_texts(*([SHIPPED] if extra is None else [SHIPPED, extra])).items()))


@lru_cache(maxsize=2)
def _checked(texts: tuple[tuple[str, str], ...]) -> PolicyBook:
    return load_book(dict(texts))


def book_with(files: Sequence[Path], extra: Path | None = None, *, drafts: bool = False) -> PolicyBook:
    """The shipped book with more pack files in it, and the packs that these inherit, from beside them or from the
    schemes.

    As ``drafts`` they may have areas that another pack has as well, and rule nowhere by themselves.
    """
    texts = read_texts(*([SHIPPED] if extra is None else [SHIPPED, extra]))
    served, waiting = frozenset(texts), list(files)
    while waiting:
        path = waiting.pop()
        texts[path.stem] = read_text(path)
        source, _ = parse_pack(path.stem, texts[path.stem])
        ancestor = None if source is None else source.inherits
        if ancestor is not None and ancestor not in texts and ancestor not in {other.stem for other in waiting}:
            beside = (folder / f"{ancestor}.yaml" for folder in (path.parent, SCHEMES))
            waiting += [found for found in beside if found.is_file()][:1]
    return load_book(texts, texts.keys() - served | {path.stem for path in files} if drafts else ())
