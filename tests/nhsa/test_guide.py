"""The integrators' guide: its signatures are right, its messages work as printed, its table of errors is whole."""

import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.world import CATALOGUE, HOSPITALS, PERSONS
from app.nhsa.door import HANDLERS
from app.nhsa.fields import TRANSACTIONS
from app.nhsa.gateway import signed_a, signed_b
from app.nhsa.message import REMEMBERED
from app.service.messages import MESSAGES
from tests.conftest import ROOT
from tests.nhsa.test_reconciliation import office

GUIDE = (ROOT / "docs" / "integrators.zh-CN.md").read_text(encoding="utf-8")
A_SIGNED, B_SIGNED = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)
CURLS = re.findall(r"```sh\ncurl -sS (\S+) .*? -d '\n(.*?)'\n```", GUIDE, re.DOTALL)

__all__ = ["office"]


def members(block: str) -> dict[str, str]:
    """The lines of a worked signature, by name."""
    return dict(line.split(maxsplit=1) for line in block.splitlines())


def test_the_worked_signature_of_profile_a_is_right() -> None:
    """The printed text and secret give the printed signature, by our code and without it."""
    worked = members(A_SIGNED)
    text, secret = worked["待签名串"], worked["密钥"]
    expected = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    headers = dict(part.split("=", 1) for part in text.split("&"))
    assert worked["签名"] == expected == signed_a(headers, secret)
    assert headers["_api_access_key"] == worked["密钥标识"]
    assert f"'{text}'" in GUIDE
    assert f"-hmac '{secret}'" in GUIDE


def test_the_worked_signature_of_profile_b_is_right() -> None:
    """The printed parts give the printed text and signature."""
    worked = members(B_SIGNED)
    timestamp, nonce, secret = worked["时间戳"], worked["随机串"], worked["密钥"]
    assert worked["待签名串"] == f"{timestamp}{secret}{nonce}{timestamp}"
    assert worked["签名"] == signed_b(timestamp, nonce, secret)
    assert worked["签名"] == hashlib.sha256(worked["待签名串"].encode()).hexdigest()


async def test_the_stay_of_the_guide_goes_as_printed(office: httpx.AsyncClient) -> None:
    """In the demo's world every message of the guide is done, in its order; what is cancelled is what was settled."""
    for path, bodies in (("hospitals", HOSPITALS), ("persons", PERSONS), ("catalogue", CATALOGUE)):
        for code, body in bodies.items():
            assert (await office.put(f"/v1/{path}/{code}", json=body)).status_code == 200
    ids = {"MDTRT_ID": "", "SETL_ID": ""}
    outputs: dict[str, Any] = {}
    for url, body in CURLS:
        for name, value in ids.items():
            body = body.replace(f'"{name}"', f'"{value}"')
        path = url.removeprefix("http://127.0.0.1:8000")
        answer = (await office.post(path, content=body.encode(), headers={"Content-Type": "application/json"})).json()
        assert answer["infcode"] == 0, answer["err_msg"]
        infno = json.loads(body)["infno"]
        outputs[infno] = answer["output"]
        assert path.endswith(infno)
        if infno == "2401":
            ids["MDTRT_ID"] = answer["output"]["result"]["mdtrt_id"]
        if infno == "2304":
            ids["SETL_ID"] = answer["output"]["setlinfo"]["setl_id"]
    assert list(outputs) == ["2401", "2301", "2303", "2402", "2304", "2305"]
    assert outputs["2303"]["setlinfo"]["psn_cash_pay"] == outputs["2304"]["setlinfo"]["psn_cash_pay"]
    assert outputs["2305"]["setlinfo"]["medfee_sumamt"] == -200


def test_every_error_code_of_the_interface_is_in_the_table() -> None:
    """The table has each code with what its message says first, and none that doesn't exist."""
    section = GUIDE[GUIDE.index("## 7. 错误代码") :]
    table = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    ours = {code for code in MESSAGES if code.startswith("nhsa_")}
    assert ours <= set(table)
    assert all(MESSAGES[code][0].startswith(words) for code, words in table.items())


def expanded(text: str) -> set[str]:
    """Transaction numbers of a text, ranges like 2201–2205 written out."""
    found = set(re.findall(r"\d{4}", text))
    for first, last in re.findall(r"(\d{4})–(\d{4})", text):
        found |= {str(number) for number in range(int(first), int(last) + 1)}
    return found


@pytest.mark.parametrize(
    ("section", "expected"), [("## 4. 交易", set(HANDLERS)), ("## 6. 重发与冲正", set(REMEMBERED) | {"5203", "2601"})]
)
def test_every_transaction_is_in_the_guide(section: str, expected: set[str]) -> None:
    """The transactions offered, and those remembered, are the ones that the guide names."""
    text = GUIDE[GUIDE.index(section) :].split("\n## ")[0]
    body = text.split("补充约定")[0]
    assert {number for number in expanded(body) if number in HANDLERS} == expected


# ---------------------------------------------------------------- example signers

SIGNERS = ROOT / "examples" / "signing"


def signer_arguments() -> dict[tuple[str, ...], str]:
    """What the example signers are given, and the signatures of the guide that they must give."""
    a, b = members(A_SIGNED), members(B_SIGNED)
    timestamp = dict(part.split("=", 1) for part in a["待签名串"].split("&"))["_api_timestamp"]
    return {
        ("A", a["密钥标识"], a["密钥"], timestamp): a["签名"],
        ("B", b["密钥"], b["时间戳"], b["随机串"]): b["签名"],
    }


def printed(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def test_the_python_signer_gives_the_guides_signatures() -> None:
    """The example needs nothing but Python."""
    for given, signature in signer_arguments().items():
        assert printed(sys.executable, str(SIGNERS / "signer.py"), *given) == signature


@pytest.mark.skipif(shutil.which("javac") is None, reason="apt-get install default-jdk-headless")
def test_the_java_signer_gives_the_guides_signatures(tmp_path: Path) -> None:
    """The example compiles as it stands and needs nothing but the JDK."""
    printed("javac", "-encoding", "UTF-8", "-d", str(tmp_path), str(SIGNERS / "Signer.java"))
    for given, signature in signer_arguments().items():
        assert printed("java", "-cp", str(tmp_path), "Signer", *given) == signature


def test_the_csharp_signer_checks_itself_by_the_guides_signatures() -> None:
    """The example carries every part of both worked signatures, so that whoever runs it sees whether it is right."""
    text = (SIGNERS / "Signer.cs").read_text(encoding="utf-8")
    for given, signature in signer_arguments().items():
        for part in (*given[1:], signature):
            assert f'"{part}"' in text, part


def test_the_guide_lists_the_required_fields() -> None:
    """The table of section 9 has each transaction's nodes with the fields that are required, as they are checked."""
    section = GUIDE[GUIDE.index("## 9. 必填字段") :]
    rows = re.findall(r"^\| (\d{4}) \| `(\w+)` \| (.*?) \| (.*?) \|$", section, re.MULTILINE)
    listed = {(infno, node): set(required.split()) - {"—"} for infno, node, required, _ in rows}
    tables = {
        (infno, node): {field.name for field in fields if field.required}
        for infno in HANDLERS
        for node, fields in TRANSACTIONS[infno].input.items()
    }
    assert listed == tables
    optional = {(infno, node): set(may.split()) - {"—"} for infno, node, _, may in rows}
    assert all(may.isdisjoint(listed[place]) for place, may in optional.items())
