"""The measures of the house: what a reader of the code has to carry, counted from its text alone.

``python -m tests.house.measures [TREE ...]`` prints one column per tree (a checkout; without one, this one), so that a
change of the whole house can be shown as before and after. Nothing of the tree is imported or run.
"""

import ast
import re
import sys
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parents[2]
WIDTH: Final = 120
MOST_LINES: Final = 70
MOST_PARAMETERS: Final = 7
MOST_ANY: Final = 5.0
FOLDERS: Final = ("app", "tests", "bench", "assets")
SQL_FUNCTION: Final = re.compile(
    r"^\s*create\s+(?:or\s+replace\s+)?function\s+(?:\w+\.)?(\w+)", re.IGNORECASE | re.MULTILINE
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file of a tree: its path below the tree, and its text."""

    path: Path
    text: str

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of its syntax tree."""
        return list(ast.walk(ast.parse(self.text)))

    @property
    def in_app(self) -> bool:
        """Whether it belongs to the service itself."""
        return self.path.parts[0] == "app"


@dataclass(frozen=True)
class Tree:
    """A checkout, read once."""

    root: Path

    @cached_property
    def modules(self) -> list[Module]:
        """Every Python file of the folders that are ours, in the order of their paths."""
        paths = sorted(path for folder in FOLDERS for path in (self.root / folder).rglob("*.py"))
        return [Module(path.relative_to(self.root), path.read_text(encoding="utf-8")) for path in paths]

    @property
    def app(self) -> list[Module]:
        """The files of the service itself."""
        return [module for module in self.modules if module.in_app]


def loose_modules(tree: Tree) -> list[str]:
    """The modules that lie at the top of ``app/`` instead of in a package."""
    return [module.path.name for module in tree.app if len(module.path.parts) == 2 and module.path.stem != "__init__"]


def contract_lines(tree: Tree) -> list[str]:
    """The lines of the import contract that orders the packages."""
    with (tree.root / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return [line for contract in contracts for line in contract.get("layers", [])]


def two_way_pairs(tree: Tree) -> list[str]:
    """The pairs of packages (or loose modules) of ``app/`` that import each other."""
    imports: dict[str, set[str]] = defaultdict(set)
    for module in tree.app:
        if len(module.path.parts) > 2 or module.path.stem != "__init__":
            here = module.path.parts[1].removesuffix(".py")
            imports[here] |= set(_imported(module)) - {here}
    pairs = {tuple(sorted((one, other))) for one in imports for other in imports[one] if one in imports.get(other, ())}
    return [" ↔ ".join(pair) for pair in sorted(pairs)]


def _imported(module: Module) -> Iterator[str]:
    """The packages of ``app/`` that a module imports."""
    for node in module.nodes:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "app":
            names = [f"app.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (name.split(".")[1] for name in names if name.startswith("app."))


def any_uses(tree: Tree) -> list[str]:
    """Where ``Any`` is imported or stands as a type in ``app/``."""
    return [
        f"{module.path}:{node.lineno}"
        for module in tree.app
        for node in module.nodes
        if (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.alias) and node.name == "Any")
    ]


def any_per_thousand(tree: Tree) -> float:
    """How often ``Any`` stands in a thousand lines of ``app/``."""
    return 1000 * len(any_uses(tree)) / sum(module.text.count("\n") for module in tree.app)


def wide_lines(tree: Tree) -> list[str]:
    """The lines that are wider than 120 columns, where a Chinese character takes two."""
    return [
        f"{module.path}:{number}"
        for module in tree.modules
        for number, line in enumerate(module.text.splitlines(), 1)
        if _width(line) > WIDTH
    ]


def _width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def twice_named_classes(tree: Tree) -> list[str]:
    """The names that more than one class of ``app/`` has, with their files."""
    homes: dict[str, list[str]] = defaultdict(list)
    for module in tree.app:
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(str(module.path))
    return [f"{name}: {' '.join(paths)}" for name, paths in sorted(homes.items()) if len(paths) > 1]


def sql_functions_with_several_texts(tree: Tree) -> list[str]:
    """The functions of the database that are written more than once."""
    paths = [*tree.root.glob("migrations/**/*"), *tree.root.glob("app/**/*.sql")]
    texts = [path.read_text(encoding="utf-8") for path in paths if path.suffix in {".sql", ".py"}]
    written = Counter(name.lower() for text in texts for name in SQL_FUNCTION.findall(text))
    return [f"{name}: {times}" for name, times in sorted(written.items()) if times > 1]


def _functions(tree: Tree) -> Iterator[tuple[Module, Function]]:
    for module in tree.modules:
        for node in module.nodes:
            if isinstance(node, Function):
                yield module, node


def long_functions(tree: Tree) -> list[str]:
    """The functions of more than 70 lines."""
    return [
        f"{module.path}:{node.lineno} {node.name}: {lines}"
        for module, node in _functions(tree)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_LINES
    ]


def many_parameters(tree: Tree) -> list[str]:
    """The functions of more than seven parameters, not counting ``self``. A route's are those of its request."""
    return [
        f"{module.path}:{node.lineno} {node.name}: {count}"
        for module, node in _functions(tree)
        if (count := _parameters(node)) > MOST_PARAMETERS
    ]


def _parameters(node: Function) -> int:
    named = [argument.arg for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]
    extra = [argument for argument in (node.args.vararg, node.args.kwarg) if argument is not None]
    return len([name for name in named if name not in {"self", "cls"}]) + len(extra)


LISTS: Final[dict[str, Callable[[Tree], list[str]]]] = {
    "modules loose in app/": loose_modules,
    "lines of the import contract": contract_lines,
    "pairs of packages that import each other": two_way_pairs,
    "lines wider than 120": wide_lines,
    "class names of more than one class": twice_named_classes,
    "SQL functions with more than one text": sql_functions_with_several_texts,
    "functions longer than 70 lines": long_functions,
    "functions with more than 7 parameters": many_parameters,
}


def measured(tree: Tree) -> dict[str, str]:
    """Every measure of a tree, by its name."""
    figures = {name: str(len(found(tree))) for name, found in LISTS.items()}
    return {"`Any` per 1,000 lines of app/": f"{any_per_thousand(tree):.1f}"} | figures


def table(trees: list[Tree]) -> str:
    """The measures as a table in Markdown, a column per tree."""
    columns = [measured(tree) for tree in trees]
    heads = ["measure", *(tree.root.resolve().name for tree in trees)]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])


def main() -> None:
    """Print the table; of a single tree, also where each thing is that should not be there."""
    trees = [Tree(Path(argument)) for argument in sys.argv[1:]] or [Tree(HERE)]
    print(table(trees))  # noqa: T201
    if len(trees) == 1:
        for name, found in LISTS.items():
            if found is not contract_lines:
                print("\n".join(["", name, *(f"  {place}" for place in found(trees[0]))]))  # noqa: T201


if __name__ == "__main__":
    main()
