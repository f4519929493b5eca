"""What is shipped in ``deploy/`` for running the service, as far as it can be checked without the engines that read it:
every variable is one of the service, ports and probes are its own, and names that have to be the same are."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from click.testing import CliRunner

from app.cli.main import main
from app.config import Settings, examined
from app.main import describe_app
from app.service.health import STALE_SECONDS
from app.serving.server import GRACEFUL_SECONDS
from tests.conftest import ROOT
from tests.faults.ground import RESTART_SECONDS
from tests.programs import found

DEPLOY: Final = ROOT / "deploy"
COMPOSE: Final = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text(encoding="utf-8"))
KUBERNETES: Final[list[dict[str, Any]]] = [
    one
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
UNIT: Final = (DEPLOY / "systemd/onestop.service").read_text(encoding="utf-8")
PATRONI: Final = yaml.safe_load((DEPLOY / "cluster/patroni.yml").read_text(encoding="utf-8"))
VARIABLE: Final = re.compile(r"\bONESTOP_[A-Z_]+\b")
HEALTH: Final = {"/livez", "/readyz"}


def kind(name: str) -> list[dict[str, Any]]:
    """The objects of a kind."""
    return [one for one in KUBERNETES if one["kind"] == name]


(DEPLOYMENT,) = kind("Deployment")
POD: Final = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def shipped() -> list[Path]:
    """Every file that is shipped."""
    return [path for path in DEPLOY.rglob("*") if path.is_file() and "supply-chain" not in path.parts]


def test_every_variable_is_known() -> None:
    """No file names a variable that the service would refuse to start with."""
    named = {name for path in shipped() for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    _, wrong = examined(dict.fromkeys(named, ""))
    assert "ONESTOP_DATABASE_URL" in named
    assert [line for line in wrong if "no such setting" in line] == []


def words_of_serve() -> list[list[str]]:
    """The words that each file starts the service with."""
    unit = re.findall(r"^ExecStart=\S+/onestop (.*)$", UNIT, re.MULTILINE)
    return [unit[0].split(), COMPOSE["services"]["onestop"]["command"], CONTAINER["args"]]


@pytest.mark.parametrize("words", words_of_serve(), ids=["systemd", "compose", "kubernetes"])
def test_the_service_understands_its_words(words: list[str], tmp_path: Path) -> None:
    """The words of ``serve`` are such that it would start with them."""
    assert words[0] == "serve"
    host = words.index("--host")
    asked = ["config", "check", *words[1:host], *words[host + 2 :], "--data-dir", str(tmp_path)]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output


def port_of(words: list[str]) -> int:
    """The port that is served on."""
    return int(words[words.index("--port") + 1])


def test_ports_and_probes_are_those_of_the_service() -> None:
    """Every probe asks a path that the service has on the port that it serves on; alive is never asked of the
    database, and who isn't ready gets no more requests as soon as that is known."""
    paths = set(describe_app().openapi()["paths"])
    assert paths >= HEALTH
    probes = {name: CONTAINER[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["httpGet"]["path"] for name, probe in probes.items()} == {
        "startup": "/livez",
        "liveness": "/livez",
        "readiness": "/readyz",
    }
    (port,) = CONTAINER["ports"]
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {port["name"]}
    assert port["containerPort"] == port_of(CONTAINER["args"])
    assert probes["readiness"]["periodSeconds"] * probes["readiness"]["failureThreshold"] <= STALE_SECONDS
    asked = " ".join(COMPOSE["services"]["onestop"]["healthcheck"]["test"])
    assert f":{port_of(COMPOSE['services']['onestop']['command'])}/readyz" in asked
    nginx = (DEPLOY / "nginx/onestop.conf").read_text(encoding="utf-8")
    assert f"127.0.0.1:{port_of(words_of_serve()[0])}" in nginx
    assert "s/127.0.0.1:8000/onestop:8000/" in COMPOSE["services"]["proxy"]["command"][2]


def test_what_is_outside_is_what_hospitals_and_offices_use() -> None:
    """The paths that Kubernetes lets in cover the service's, but health and metrics."""
    (ingress,) = kind("Ingress")
    inside = HEALTH | {"/metrics", "/version"}
    let_in = [path["path"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    paths = set(describe_app().openapi()["paths"])
    assert {path for path in paths if not path.startswith(tuple(let_in))} <= inside
    assert not any(path.startswith(tuple(let_in)) for path in inside)


def test_objects_of_kubernetes_find_each_other() -> None:
    """Selectors, ports, volumes and secrets are named as what they mean; two replicas go on while one is replaced."""
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    (service,) = kind("Service")
    (budget,) = kind("PodDisruptionBudget")
    assert service["spec"]["selector"] == DEPLOYMENT["spec"]["selector"]["matchLabels"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert budget["spec"]["minAvailable"] < DEPLOYMENT["spec"]["replicas"]
    assert {one["name"] for one in CONTAINER["volumeMounts"]} == {one["name"] for one in POD["volumes"]}
    for one in (POD, kind("Job")[0]["spec"]["template"]["spec"]):
        (container,) = one["containers"]
        assert one["securityContext"]["runAsUser"] == 10001
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    given = {one["name"] for one in CONTAINER["env"]}
    assert "ONESTOP_OWNER_DATABASE_URL" not in given
    assert {"ONESTOP_DATABASE_URL", "ONESTOP_SECRET_KEY", "ONESTOP_TRUSTED_PROXIES"} <= given


def test_whoever_stops_the_service_gives_it_its_time() -> None:
    """Longer than it gives to requests in flight; and it is always started again."""
    assert POD["terminationGracePeriodSeconds"] > GRACEFUL_SECONDS
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)[0]) > GRACEFUL_SECONDS
    assert COMPOSE["services"]["onestop"]["stop_grace_period"] == "90s"
    assert re.search(r"^Restart=always$", UNIT, re.MULTILINE)
    assert f"RestartSec={RESTART_SECONDS * 1000:.0f}ms" in UNIT
    assert {COMPOSE["services"][name]["restart"] for name in ("database", "onestop", "proxy")} == {"always"}


def test_compose_names_what_it_has() -> None:
    """Services wait for services, networks, volumes and secrets that the file has; only the proxy is reached from
    outside, and it is the one whose word about addresses is believed."""
    services = COMPOSE["services"]
    for one in services.values():
        assert set(one.get("depends_on", ())) <= set(services)
        assert set(one.get("networks", ())) <= set(COMPOSE["networks"])
        assert set(one.get("secrets", ())) <= set(COMPOSE["secrets"])
    assert [name for name, one in services.items() if "ports" in one] == ["proxy"]
    (subnet,) = COMPOSE["networks"]["inside"]["ipam"]["config"]
    assert services["onestop"]["environment"]["ONESTOP_TRUSTED_PROXIES"] == subnet["subnet"]
    for name in ("nginx/onestop.conf",):
        assert any(volume.startswith(f"../{name}:") for volume in services["proxy"]["volumes"])


def test_the_clusters_files_fit_each_other() -> None:
    """Addresses and ports of etcd, Patroni, PgBouncer, HAProxy and the service are the same in all files, and nothing
    is acknowledged that one machine alone has."""
    etcd, pooler, proxy, environment = (
        (DEPLOY / "cluster" / name).read_text(encoding="utf-8")
        for name in ("etcd", "pgbouncer.ini", "haproxy.cfg", "environment")
    )
    assert all(f"http://{host.removesuffix(':2379')}:2380" in etcd for host in PATRONI["etcd3"]["hosts"])
    nodes = re.findall(r"^ +server (pg\d) (\S+):(\d+) check port (\d+)$", proxy, re.MULTILINE)
    assert [f"{address}:2379" for _, address, _, _ in nodes] == PATRONI["etcd3"]["hosts"]
    assert {port for _, _, port, _ in nodes} == set(re.findall(r"^listen_port = (\d+)$", pooler, re.MULTILINE))
    assert {port for _, _, _, port in nodes} == {PATRONI["restapi"]["listen"].rpartition(":")[2]}
    assert f"port={PATRONI['postgresql']['listen'].rpartition(':')[2]}" in pooler
    (bound,) = re.findall(r"^ +bind (\S+)$", proxy, re.MULTILINE)
    assert f"@{bound}/onestop" in environment
    (mode,) = re.findall(r"^pool_mode = (\w+)$", pooler, re.MULTILINE)
    assert f"ONESTOP_DATABASE_POOLER={mode}" in environment
    dcs = PATRONI["bootstrap"]["dcs"]
    assert dcs["loop_wait"] + 2 * dcs["retry_timeout"] <= dcs["ttl"]
    assert (dcs["synchronous_mode"], dcs["synchronous_mode_strict"], dcs["maximum_lag_on_failover"]) == (True, True, 0)
    assert dcs["postgresql"]["parameters"]["synchronous_commit"] == "on"
    pools = Settings().pool_size + Settings().hot_pool_size
    (size,) = re.findall(r"^default_pool_size = (\d+)$", pooler, re.MULTILINE)
    assert pools <= int(size) < dcs["postgresql"]["parameters"]["max_connections"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd isn't installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """``systemd-analyze verify`` has nothing to say, with a program in the place of ours."""
    unit = tmp_path / "onestop.service"
    unit.write_text(UNIT.replace("/opt/onestop/bin/onestop", "/bin/true"), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    if "Failed to" in done.stderr and done.returncode != 0 and str(unit) not in done.stderr:
        pytest.skip(f"systemd-analyze doesn't work here: {done.stderr.strip()[:200]}")
    assert (done.returncode, done.stderr) == (0, "")


HAPROXY: Final = found("haproxy")


@pytest.mark.skipif(HAPROXY is None, reason="HAProxy isn't installed")
def test_haproxy_understands_its_file() -> None:
    """``haproxy -c`` has nothing to say."""
    command = [str(HAPROXY), "-c", "-f", str(DEPLOY / "cluster/haproxy.cfg")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
