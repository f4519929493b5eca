"""Who is calling: the gateway profiles of hospitals (docs/specification/national-interface.md, section 2). Real time
throughout.

A  headers ``_api_*``, HMAC-SHA1 over the four of them; says nothing of the body, so a replay is found by its msgid
B  headers ``x-tif-*``, SHA-256 around the nonce, which is good once
none  from this machine or an allowed network only
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Final

from app.basics.errors import Unauthorized
from app.service.caller import Credential

WINDOW_SECONDS: Final = 30 * 60
MAX_HEADER: Final = 200
A_SIGNED: Final = ("_api_access_key", "_api_name", "_api_timestamp", "_api_version")
A_SIGNATURE: Final = "_api_signature"
B_HEADERS: Final = ("x-tif-paasid", "x-tif-timestamp", "x-tif-nonce", "x-tif-signature")
_MILLISECONDS_FROM: Final = 100_000_000_000


@dataclass(frozen=True, slots=True)
class Nonce:
    """What must not have been seen before, under whose key."""

    key_id: str
    nonce: str


def signed_a(headers: Mapping[str, str], secret: str) -> str:
    """The signature of profile A: the four headers sorted, joined as ``k=v&…``, HMAC-SHA1, Base64."""
    text = "&".join(f"{name}={headers[name]}" for name in sorted(A_SIGNED))
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha1)).decode()


def signed_b(timestamp: str, nonce: str, secret: str) -> str:
    """The signature of profile B: ``sha256hex(timestamp + secret + nonce + timestamp)``."""
    return hashlib.sha256(f"{timestamp}{secret}{nonce}{timestamp}".encode()).hexdigest()


def verified(
    credential: Credential, headers: Mapping[str, str], client: str | None, now: datetime, networks: Sequence[str]
) -> Nonce | None:
    """Let a request through, with the nonce that has still to be spent; Unauthorized with the reason otherwise."""
    match credential.profile:
        case "A":
            _verify_a(credential, headers, now)
            return None
        case "B":
            return _verify_b(credential, headers, now)
        case _:
            if not _allowed(client, headers, networks):
                raise Unauthorized("nhsa_network_refused")
            return None


def _verify_a(credential: Credential, headers: Mapping[str, str], now: datetime) -> None:
    sent = _sent(headers, (*A_SIGNED, A_SIGNATURE))
    same_key = hmac.compare_digest(sent["_api_access_key"].encode(), credential.key_id.encode())
    right = hmac.compare_digest(signed_a(sent, credential.secret).encode(), sent[A_SIGNATURE].encode())
    _decide(same_key and right, sent["_api_timestamp"], now)


def _verify_b(credential: Credential, headers: Mapping[str, str], now: datetime) -> Nonce:
    sent = _sent(headers, B_HEADERS)
    timestamp, nonce = sent["x-tif-timestamp"], sent["x-tif-nonce"]
    same_key = hmac.compare_digest(sent["x-tif-paasid"].encode(), credential.key_id.encode())
    expected = signed_b(timestamp, nonce, credential.secret)
    right = hmac.compare_digest(expected.encode(), sent["x-tif-signature"].lower().encode())
    _decide(same_key and right, timestamp, now)
    return Nonce(credential.key_id, nonce)


def _sent(headers: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    sent = {name: headers.get(name, "") for name in names}
    if not all(0 < len(value) <= MAX_HEADER for value in sent.values()):
        raise Unauthorized("nhsa_headers_missing", values={"headers": "、".join(names)})
    return sent


def _decide(right: bool, timestamp: str, now: datetime) -> None:
    """A wrong signature says nothing about the timestamp; which of key and secret is wrong isn't told either."""
    if not right:
        raise Unauthorized("nhsa_signature_wrong")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 15:
        raise Unauthorized("nhsa_timestamp_stale")
    seconds = int(timestamp) / (1000 if int(timestamp) >= _MILLISECONDS_FROM else 1)
    if abs(now.timestamp() - seconds) > WINDOW_SECONDS:
        raise Unauthorized("nhsa_timestamp_stale")


def _allowed(client: str | None, headers: Mapping[str, str], networks: Sequence[str]) -> bool:
    """From this machine or an allowed network. What a proxy passed on came from elsewhere, unless uvicorn resolved
    it."""
    try:
        address = ip_address(client or "")
    except ValueError:
        return False
    if any(address in ip_network(network) for network in networks):
        return True
    return address.is_loopback and not any(name in headers for name in ("x-forwarded-for", "forwarded", "x-real-ip"))


def refusal(error: Unauthorized, message: str) -> dict[str, object]:
    """The body of a gateway failure."""
    return {"code": error.status, "message": message}
