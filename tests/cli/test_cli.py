"""The installed command, run as a user runs it."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.database.schema import head
from tests.conftest import ADMIN_TOKEN, ROOT, new_database, start_service
from tests.policies.test_policy import SMALL
from tests.served import commanded

pytestmark = pytest.mark.thorough

GAP = SMALL.replace("{from: 2019-01-01, value", "{from: 2019-01-02, value")


def run(*words: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``onestop`` with these words."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ONESTOP_")} | environment
    return commanded(words, variables, typed)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged database user can reach."""
    made = Path(tempfile.mkdtemp(prefix="onestop-cli-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_policy_list_names_every_version() -> None:
    """The list shows packs, versions, days and how many figures are assumed."""
    done = run("policy", "list")
    assert done.returncode == 0, done.stderr
    for word in ("yunnan", "wenshan", "jiangyin", "four-guarantees", "three-systems", "2017-11-03", "2022-01-01"):
        assert word in done.stdout


def test_policy_show_gives_the_figures_of_a_day() -> None:
    """The own-spending cap of the day is shown with its dates and status."""
    done = run("policy", "show", "yunnan", "--on", "2018-05-12")
    assert done.returncode == 0, done.stderr
    assert "9862.00" in done.stdout
    assert "2018-04-01" in done.stdout
    assert run("policy", "show", "nowhere").returncode == 1
    assert run("policy", "show", "yunnan", "--on", "2010-01-01").returncode == 1


def test_policy_check_counts_assumed_figures_and_finds_a_gap(folder: Path) -> None:
    """The shipped packs pass; a pack with a gap of one day is refused with its day."""
    good = run("policy", "check")
    assert good.returncode == 0, good.stderr
    assert "暂定" in good.stdout
    path = folder / "small.yaml"
    path.write_text(GAP, encoding="utf-8")
    bad = run("policy", "check", str(path))
    assert bad.returncode == 1
    assert "2019-01-01 没有规则（policy_gap" in bad.stderr


def test_policy_test_computes_the_cases_beside_the_packs(folder: Path) -> None:
    """All shipped cases pass; a differing case, and a pack without cases, are named and end with status 1."""
    good = run("policy", "test")
    assert good.returncode == 0, good.stderr
    assert "yunnan.cases.yaml：" in good.stdout
    assert "wuwei_deep.cases.yaml：" in good.stdout
    shutil.copy(ROOT / "app/policies/schemes/wuwei_deep.yaml", folder)
    alone = run("policy", "test", str(folder / "wuwei_deep.yaml"))
    assert (alone.returncode, "没有这个文件" in alone.stderr) == (1, True)
    cases = (ROOT / "app/policies/schemes/wuwei_deep.cases.yaml").read_text(encoding="utf-8")
    (folder / "wuwei_deep.cases.yaml").write_text(cases.replace("5955, patient: 1985", "5954, patient: 1986"), "utf-8")
    bad = run("policy", "test", str(folder / "wuwei_deep.cases.yaml"))
    assert bad.returncode == 1
    assert "医疗救助（medical_assistance）：应为 5954.00，算得 5955.00" in bad.stdout
    assert "1 个算例不符" in bad.stderr


def test_compute_works_offline() -> None:
    """The example bill is computed without any database."""
    done = run("compute", "examples/bill.json", "--json")
    assert done.returncode == 0, done.stderr
    portions = json.loads(done.stdout)["portions"]
    assert portions["patient"] == "2091.22"
    assert run("compute", "examples/bill.json").returncode == 0


def test_compute_names_the_faults_of_a_file(folder: Path) -> None:
    """A wrong file is refused with pointers into it."""
    content = json.loads((ROOT / "examples/bill.json").read_text(encoding="utf-8"))
    content["bill"]["total"] = "1.00"
    path = folder / "bill.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    done = run("compute", str(path))
    assert done.returncode == 1
    assert "/bill/total" in done.stderr
    assert "total_mismatch" in done.stderr


def test_tokens_work_beside_a_running_embedded_service(folder: Path) -> None:
    """A token made on the command line opens the API at once, is listed without its text, and ends when revoked."""
    process, base_url = start_service("", folder / "data")
    try:
        made = run("token", "create", "--subject", "li.hua", "--scope", "auditor", "--data-dir", str(folder / "data"))
        assert made.returncode == 0, made.stderr
        token_id, text = made.stdout.split()
        header = {"Authorization": f"Bearer {text}"}
        assert httpx.get(f"{base_url}/v1/settlements", headers=header).status_code == 200
        listed = run("token", "list", "--data-dir", str(folder / "data"))
        assert "li.hua" in listed.stdout
        assert text not in listed.stdout
        assert run("token", "revoke", token_id, "--data-dir", str(folder / "data")).returncode == 0
        assert httpx.get(f"{base_url}/v1/settlements", headers=header).status_code == 401
        assert run("token", "revoke", "tok_999999", "--data-dir", str(folder / "data")).returncode == 1
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_a_token_for_nowhere_is_refused_in_a_line_for_each_fault(database_url: str) -> None:
    """Hospital, area and fund that there aren't are named, and no token is made."""
    words = ("--scope", "hospital", "--hospital-code", "H404", "--area-code", "999900", "--fund", "390999")
    done = run("token", "create", "--subject", "nobody", *words, ONESTOP_DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.partition("：")[0] for line in done.stderr.strip().splitlines()[-3:]] == [
        "/hospital_code",
        "/area_code",
        "/funds/0",
    ]


def test_migrate_prepares_an_embedded_database_and_again(folder: Path) -> None:
    """Migrating an empty folder and then the same once more both succeed."""
    for _ in range(2):
        done = run("migrate", "--data-dir", str(folder / "data"))
        assert done.returncode == 0, done.stderr
        assert head() in done.stdout


def test_a_database_that_was_not_migrated_is_not_served(database_server: str) -> None:
    """With a configured database the service doesn't migrate: one line says what to run."""
    refused = run("serve", ONESTOP_DATABASE_URL=asyncio.run(new_database(database_server)))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
    assert "run `onestop migrate`" in refused.stderr


@pytest.mark.soak  # `.ci/run` makes the demo itself
def test_the_demo_settles_its_bill_and_leaves(folder: Path) -> None:
    """The demo prints the six portions and stops the service; a second run replays."""
    for _ in range(2):
        done = run("demo", "--once", "--data-dir", str(folder / "demo"), ONESTOP_ADMIN_TOKEN=ADMIN_TOKEN)
        assert done.returncode == 0, done.stderr
        assert "2091.22" in done.stdout
        assert "兜底保障" in done.stdout


def test_users_are_added_reset_and_disabled(database_url: str) -> None:
    """The first password is read from standard input; a short one and a second user of the name are refused in
    words."""
    words = ("user", "add", "cli.user", "--scopes", "finance", "--areas", "530100", "--funds", "390100")
    here = {"ONESTOP_DATABASE_URL": database_url}
    assert "至少要有 12 个字符" in run(*words, typed="short\n", **here).stderr
    assert run(*words, typed="a first password\n", **here).stdout.startswith("cli.user added")
    again = run(*words, typed="a first password\n", **here)
    assert (again.returncode, "已有同名用户" in again.stderr) == (1, True)
    assert run("user", "reset", "cli.user", typed="another password\n", **here).stdout == "cli.user reset\n"
    assert run("user", "disable", "cli.user", **here).stdout == "cli.user disabled\n"
