"""A pack of employees' insurance beside the shipped ones: a pooled fund up to its cap, and a fund for large sums."""

from pathlib import Path

from app.policies import SHIPPED
from tests.tiers.packs import pack_text

POOLED, LARGE = "310100", "330100"
RULES = [
    "rule: pooled, title: 统筹, tier: basic, kind: share, base: in_scope, rate: pooled, cap_year: cap, "
    "counts_paid: basic_paid",
    "rule: large, title: 大额, tier: serious_illness, kind: share, base: remaining_in_scope, rate: large, "
    "counts_paid: serious_paid",
]
FIGURES = {"pooled": ("rate", '"0.8"'), "cap": ("yuan", "2000"), "large": ("rate", '"0.5"')}
HEAD = (
    f'areas: ["5301"]\ninsurance_types: ["310"]\nfunds: {{"310": {{basic: "{POOLED}", serious_illness: "{LARGE}"}}}}\n'
)


def packs_with_employees(folder: Path) -> str:
    """Write the shipped packs and that of the employees into a folder: its path, for ``ONESTOP_POLICY_DIR``."""
    for path in SHIPPED.glob("*.yaml"):
        if not path.name.endswith(".cases.yaml"):
            (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    text = pack_text(RULES, FIGURES).replace('areas: ["99"]\n', HEAD).replace("pack: words", "pack: employees")
    (folder / "employees.yaml").write_text(text, encoding="utf-8")
    return str(folder)
