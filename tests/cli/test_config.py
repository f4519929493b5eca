"""What is wrong with the configuration is said in one line each, before anything starts."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import main
from tests.conftest import ROOT

WRONG = [
    ({"ONESTOP_POLICY_DIR": "/no/such/folder"}, "ONESTOP_POLICY_DIR: there is no folder"),
    ({"ONESTOP_NHSA_DICTIONARY_DIR": "/no/such/folder"}, "ONESTOP_NHSA_DICTIONARY_DIR: there is no folder"),
    ({"ONESTOP_DATABSE_URL": "postgresql://u:secret@h/d"}, "did you mean ONESTOP_DATABASE_URL?"),
    ({"ONESTOP_WHATEVER": "secret"}, "ONESTOP_WHATEVER: there is no such setting"),
    ({"ONESTOP_POOL_SIZE": "secret"}, "ONESTOP_POOL_SIZE: "),
    ({"ONESTOP_LOG_LEVEL": "loud"}, "ONESTOP_LOG_LEVEL: use one of"),
    ({"ONESTOP_ENV": "prod"}, "ONESTOP_ENV: "),
    ({"ONESTOP_CLOCK": "tomorrow"}, "ONESTOP_CLOCK"),
    ({"ONESTOP_ENV": "production", "ONESTOP_SECRET_KEY": "ab" * 32}, "ONESTOP_DATABASE_URL"),
    ({"ONESTOP_NHSA_NETWORKS": "here"}, "ONESTOP_NHSA_NETWORKS: "),
    ({"ONESTOP_DB_URL": "postgresql://u:secret@h/d"}, "did you mean ONESTOP_DATABASE_URL?"),
    ({"ONESTOP_WORKES_PORTAL": "secret"}, "ONESTOP_WORKES_PORTAL: there is no such setting"),
    ({"ONESTOP_DATA_DIR": "/no/such/folder"}, "ONESTOP_DATA_DIR: there is no folder /no/such"),
    ({"ONESTOP_DATA_DIR": "/etc/passwd"}, "ONESTOP_DATA_DIR: /etc/passwd is not a folder"),
    ({"ONESTOP_SECRET_KEY_FILE": "/no/such/file"}, "/no/such/file"),
    ({"ONESTOP_DATABASE_URL": "mysql://u:secret@h/d"}, "ONESTOP_DATABASE_URL: a PostgreSQL URL begins with"),
    ({"ONESTOP_DATABASE_URL": "postgresql://u:sec/secret@h/d"}, "ONESTOP_DATABASE_URL: write / ? #"),
]
KUBERNETES = {
    "ONESTOP_SERVICE_HOST": "10.0.0.1",
    "ONESTOP_SERVICE_PORT": "8000",
    "ONESTOP_SERVICE_PORT_HTTP": "8000",
    "ONESTOP_PORT": "tcp://10.0.0.1:8000",
    "ONESTOP_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "ONESTOP_PORT_8000_TCP_ADDR": "10.0.0.1",
    "ONESTOP_METRICS_SERVICE_HOST": "10.0.0.2",
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own settings."""
    for name in [name for name in os.environ if name.startswith("ONESTOP_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("variables", "said"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, dict) else ""
)
@pytest.mark.parametrize("command", [["config", "check"], ["serve"]], ids=" ".join)
def test_a_wrong_setting_is_said_in_one_line(variables: dict[str, str], said: str, command: list[str]) -> None:
    """The variable is named, what it holds is not, the status is 2, and nothing is started."""
    done = CliRunner().invoke(main, command, env=variables)
    assert done.exit_code == 2
    (head, line) = done.output.strip().splitlines()
    assert "配置有误" in head
    assert said in line
    assert "secret" not in done.output


def test_all_that_is_wrong_is_said_at_once() -> None:
    """Each fault has its line, whether of a variable, of what it leads to, or of the command's own words."""
    wrong = {
        "ONESTOP_POOL_SIZE": "0",
        "ONESTOP_POOLSIZE": "3",
        "ONESTOP_CLOCK": "tomorrow",
        "ONESTOP_SECRET_KEY": "short",
        "ONESTOP_POLICY_DIR": "/no/such/folder",
    }
    words = ["--port", "99999", "--workers", "0", "--data-dir", "/no/such/folder"]
    for command in (["config", "check"], ["serve"]):
        done = CliRunner().invoke(main, [*command, *words], env=wrong)
        said = done.output.strip().splitlines()
        assert (done.exit_code, len(said)) == (2, 9)
        for name in ("POOL_SIZE", "POOLSIZE", "CLOCK", "SECRET_KEY", "POLICY_DIR", "port", "workers", "data-dir"):
            assert [line for line in said if name.lower() in line.lower()], name


@pytest.mark.parametrize(
    "command", [["serve"], ["migrate"], ["token", "list"], ["ledger", "check"], ["keys", "rotate"]], ids=" ".join
)
def test_production_starts_no_database_unasked(command: list[str], tmp_path: Path) -> None:
    """No command of a production that names no database makes one by itself."""
    home = {"ONESTOP_ENV": "production", "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = CliRunner().invoke(main, command, env=home | {"ONESTOP_SECRET_KEY": "ab" * 32})
    assert (done.exit_code, len(done.output.strip().splitlines())) == (2, 2)
    assert "ONESTOP_DATABASE_URL" in done.output
    assert not any(tmp_path.iterdir())


def test_what_reads_packs_needs_no_database_in_production() -> None:
    """``onestop policy list`` works wherever it is."""
    assert CliRunner().invoke(main, ["policy", "list"], env={"ONESTOP_ENV": "production"}).exit_code == 0


def test_a_right_configuration_and_what_kubernetes_adds_are_accepted() -> None:
    """Variables that Kubernetes puts into a container of a service of that name are no misspelt settings."""
    done = CliRunner().invoke(main, ["config", "check"], env=KUBERNETES)
    assert (done.exit_code, done.output.startswith("配置没有问题")) == (0, True)


@pytest.mark.parametrize("words", [["--port", "99999"], ["--port", "0"], ["--workers", "0"]], ids=" ".join)
def test_impossible_numbers_are_refused(words: list[str]) -> None:
    """A port or a number of workers that can't be is refused in one line."""
    done = CliRunner().invoke(main, ["serve", *words])
    (_, line) = done.output.strip().splitlines()
    assert (done.exit_code, line.startswith(words[0])) == (2, True)


def test_the_version_is_said() -> None:
    """``onestop --version`` names product and release."""
    assert CliRunner().invoke(main, ["--version"]).output.startswith("onestop, version ")


@pytest.mark.parametrize(
    "command", [["check"], ["ledger", "check"], ["seal", "verify", "--all"], ["backup", "there.onestop"]], ids=" ".join
)
def test_what_only_reads_makes_no_database(command: list[str], tmp_path: Path) -> None:
    """In a folder without one there is nothing to prove or to save: a misspelt folder isn't an empty ledger in
    order."""
    done = CliRunner().invoke(main, [*command, "--data-dir", str(tmp_path / "misspelt")])
    assert (done.exit_code, len(done.output.strip().splitlines())) == (1, 1)
    assert f"{tmp_path}/misspelt 里没有数据库" in done.output
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["Makefile", ".ci/run"])
def test_what_checks_set_stops_no_service(path: str) -> None:
    """Tests and the demo start services under the variables of the Makefile and of integration: all are known."""
    text = (ROOT / path).read_text(encoding="utf-8")
    names = sorted(set(re.findall(r"\b(ONESTOP_[A-Z_]+)=", text)))
    assert names, path
    answer = CliRunner().invoke(main, ["config", "check"], env=dict.fromkeys(names, "1"))
    assert "there is no such setting" not in answer.output
