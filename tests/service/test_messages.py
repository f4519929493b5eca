"""Each code stands once among the texts, in the module of its domain, with a Chinese and an English text."""

import ast
from collections import Counter
from pathlib import Path

from app.service import messages
from app.service.messages import DOMAINS, MESSAGES

FOLDER = Path(messages.__file__).parent


def codes_of(path: Path) -> list[str]:
    """The codes as they are written in a file, so that one that is written twice in it is seen twice."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tables = [node.value for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)]
    return [str(key.value) for table in tables for key in table.keys if isinstance(key, ast.Constant)]


def test_each_code_is_written_once() -> None:
    """No code stands in two modules or twice in one, and every code of a module is a message."""
    paths = [path for path in FOLDER.glob("*.py") if path.stem != "__init__"]
    written = Counter(code for path in paths for code in codes_of(path))
    assert [code for code, times in written.items() if times > 1] == []
    assert set(written) == set(MESSAGES)
    assert {path.stem for path in paths} == {domain.__name__.rpartition(".")[2] for domain in DOMAINS}


def test_each_code_has_two_different_texts() -> None:
    """Every message has a Chinese text and an English one, and no two codes of one language say the same."""
    for language in (0, 1):
        told = Counter(texts[language] for texts in MESSAGES.values())
        assert [text for text, times in told.items() if times > 1 or not text.strip()] == []
    assert all(chinese != english for chinese, english in MESSAGES.values())
