"""Every document, file and section that a text of the repository names is there."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

FOLDERS = ("app", "assets", "bench", "deploy", "docs", "examples", "migrations", "tests")
TEXTS = {".py", ".sql", ".md", ".yaml", ".toml", ".html", ".typ", ".js", ".css", ".mako", ".ini", ""}
FETCHED = {"vendor", "fonts", "node_modules", "__pycache__"}
IN_THE_WHEEL = {"app/_migrations"}

# A name in double quotes is a value of the program, not a reference for a reader.
DOCUMENT = re.compile(r'(?<![\w./<["-])((?:[\w.-]+/)*[\w-]+(?:\.zh-CN)?\.md)\b')
PATH = re.compile(rf'(?<![\w./"-])((?:{"|".join(FOLDERS)})/[\w./*-]*[\w*])')
MODULE = re.compile(r"`(\w+\.(?:py|sql))`")
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
SECTION = re.compile(r"(specification/[\w-]+\.md|\([\w-]+\.md\))\)?[\s#-]*, sections?[\s#-]+(\d+(?:\.\d+)?)")


@cache
def texts() -> dict[Path, str]:
    """The text files of the repository, without what was fetched from elsewhere."""
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    paths += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    wanted = (path for path in paths if path.suffix in TEXTS and not path.name.startswith("."))
    return {path: path.read_text(encoding="utf-8") for path in wanted if not FETCHED & set(path.parts)}


def named(pattern: re.Pattern[str], suffix: str = "") -> Iterator[tuple[Path, str, str]]:
    """What a pattern finds in the texts (of one suffix, or of all): the file, where it stands, the name."""
    for path, text in texts().items():
        for number, line in enumerate(text.splitlines(), 1):
            for name in pattern.findall(line) if path.suffix.endswith(suffix) else ():
                yield path, f"{path.relative_to(ROOT)}:{number}: {name}", name


def there(name: str, *folders: Path) -> bool:
    """Whether a path, which may hold ``*``, is something in one of these folders."""
    return any(any(folder.glob(name)) if "*" in name else (folder / name).exists() for folder in folders)


def test_every_document_that_a_text_names_is_there() -> None:
    """Code, SQL, tests and pages name a document by its path from the root, pages also by its path from themselves."""
    found = [
        place
        for path, place, name in named(DOCUMENT)
        if not there(name, ROOT, *([path.parent] if path.suffix == ".md" else []))
    ]
    assert found == []


def test_every_link_of_a_page_leads_somewhere() -> None:
    """A link is a path from the page it stands on."""
    assert [place for path, place, name in named(LINK, ".md") if not there(name, path.parent)] == []


def test_every_path_that_a_text_names_is_there() -> None:
    """A path that begins with one of the repository's folders is a file or folder of it, wherever it is written."""
    found = [place for _, place, name in named(PATH) if not there(name, ROOT) and name not in IN_THE_WHEEL]
    assert found == []


def test_every_module_that_a_page_names_is_there() -> None:
    """A page may name a module without its folder; then there is one of that name."""
    names = {path.name for path in texts()}
    assert [place for _, place, name in named(MODULE, ".md") if name not in names] == []


def test_every_section_that_a_text_names_is_there() -> None:
    """ "…, section 4.1" after a page of the specification is a numbered heading of that page."""
    for path, text in texts().items():
        for page, section in SECTION.findall(text):
            headings = texts()[ROOT / "docs" / "specification" / page.strip("()").rpartition("/")[2]]
            assert re.search(rf"^#+ {re.escape(section)}\.? ", headings, re.MULTILINE), (path, page, section)


def test_every_library_has_its_line_in_the_decision() -> None:
    """No dependency in ``pyproject.toml`` that decision 0009 doesn't name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(name for names in project["optional-dependencies"].values() for name in names),
    ]
    names = {re.split(r"[\[=<>;! ]", one, maxsplit=1)[0] for one in wanted}
    said = (ROOT / "docs" / "decisions" / "0009-libraries.md").read_text(encoding="utf-8").lower()
    assert {name for name in names - {"onestop"} if name.lower() not in said} == set()
