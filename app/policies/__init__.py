"""The shipped policy packs, and the only place that reads pack files."""

from pathlib import Path

from app.errors import PolicyError
from app.tiers.yamltext import MAX_PACK_BYTES
from app.tiers.policy import PolicyBook, load_book

SHIPPED = Path(__file__).parent


def read_texts(*folders: Path) -> dict[str, str]:
    """The texts of all packs in the folders by name; a later folder's pack replaces an earlier one's of the same name."""
    texts = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            texts[path.stem] = read_text(path)
    return texts


def read_text(path: Path) -> str:
    """One pack file. PolicyError when it can't be a pack (too large, not UTF-8)."""
    if path.stat().st_size > MAX_PACK_BYTES:
        raise PolicyError([f"{path.name}:1: 文件超过 {MAX_PACK_BYTES} 字节。"])
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise PolicyError([f"{path.name}:1: 文件不是 UTF-8 编码，请另存为 UTF-8。"]) from None


def shipped_book(extra: Path | None = None) -> PolicyBook:
    """The book of the shipped packs and those of one more folder."""
    return load_book(read_texts(*([SHIPPED] if extra is None else [SHIPPED, extra])))
