"""A hospital's side of the national interface, for the conformance kit and tests: builds, signs, sends messages."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from app.basics.days import SHANGHAI
from app.nhsa.api import CALL_SERVICE
from app.nhsa.dictionary import BASELINE, DICTIONARIES
from app.nhsa.fields import TRANSACTIONS, Field
from app.nhsa.gateway import A_SIGNATURE, signed_a, signed_b
from app.service.caller import Credential

SAMPLE_DAY = "2018-05-02"
API_NAME, API_VERSION = "callService", "1.0.0"


@dataclass(slots=True)
class Sender:
    """One hospital's system. ``area``: where it lies; ``insured_area``: where its patients are insured."""

    http: httpx.AsyncClient
    hospital_code: str
    area: str
    credential: Credential = field(default_factory=lambda: Credential("none"))
    operator: str = "op01"

    def envelope(
        self, infno: str, input_: Mapping[str, object], msgid: str | None = None, **changes: object
    ) -> dict[str, object]:
        """A request's body."""
        now = datetime.now(SHANGHAI)
        return {
            "infno": infno,
            "msgid": msgid or f"{self.hospital_code[:12]}{now:%y%m%d%H%M%S}{secrets.randbelow(10**5):05d}",
            "mdtrtarea_admvs": self.area,
            "insuplc_admdvs": self.area,
            "recer_sys_code": "onestop",
            "dev_no": "",
            "dev_safe_info": "",
            "cainfo": "",
            "signtype": "",
            "infver": "V1.0",
            "opter_type": "1",
            "opter": self.operator,
            "opter_name": "收费处",
            "inf_time": f"{now:%Y-%m-%d %H:%M:%S}",
            "fixmedins_code": self.hospital_code,
            "fixmedins_name": "",
            "sign_no": "",
            "input": input_,
        } | changes

    def headers(self, now: datetime | None = None) -> dict[str, str]:
        """The gateway's headers for one request."""
        seconds = (now or datetime.now(SHANGHAI)).timestamp()
        match self.credential.profile:
            case "A":
                sent = {
                    "_api_name": API_NAME,
                    "_api_version": API_VERSION,
                    "_api_timestamp": str(int(seconds * 1000)),
                    "_api_access_key": self.credential.key_id,
                }
                return sent | {A_SIGNATURE: signed_a(sent, self.credential.secret)}
            case "B":
                timestamp, nonce = str(int(seconds)), secrets.token_hex(8)
                return {
                    "x-tif-paasid": self.credential.key_id,
                    "x-tif-timestamp": timestamp,
                    "x-tif-nonce": nonce,
                    "x-tif-signature": signed_b(timestamp, nonce, self.credential.secret),
                }
        return {}

    async def post(self, body: object, *, path: str = CALL_SERVICE, **headers: str) -> httpx.Response:
        """Send a body with the gateway's headers."""
        sent = {"content-type": "application/json"} | self.headers() | headers
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(path, content=content, headers=sent)

    async def upload(self, message: str, part: str, content: bytes, *, path: str = CALL_SERVICE) -> httpx.Response:
        """Send a message as multipart/form-data with a file in a part."""
        files = {part: ("detail.zip", content)}
        return await self.http.post(path, data={"jsonStr": message}, files=files, headers=self.headers())

    async def send(self, infno: str, input_: Mapping[str, object], msgid: str | None = None) -> dict[str, Any]:
        """Send a transaction: its answer."""
        answer = await self.post(self.envelope(infno, input_, msgid))
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content


def filled(infno: str, node: str, **values: object) -> dict[str, object]:
    """A row with every required field of a node: the values given, anything of the right kind otherwise."""
    required = {item.name: _sample(item) for item in TRANSACTIONS[infno].input[node] if item.required}
    return required | values


def _sample(item: Field) -> str:
    codes = DICTIONARIES[BASELINE].enforced_codes(item.name)
    if codes:
        return next(iter(codes))
    match item.kind:
        case "number":
            return "1"
        case "day":
            return SAMPLE_DAY
        case "instant":
            return f"{SAMPLE_DAY} 09:30:00"
        case "bytes":
            return "AA=="
    return "1"
