"""Who may call the national interface: the profiles, the clock window, nonces, networks."""

import base64
import hashlib
import hmac
import secrets
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.basics.errors import Unauthorized
from app.config import Settings
from app.nhsa.gateway import signed_a, signed_b, verified
from app.service.caller import Credential
from tests.conftest import ADMIN_TOKEN, start_service
from tests.nhsa.national import Hospital, signing
from tests.nhsa.test_stay import visit_id
from tests.world import World

NOW = datetime(2027, 6, 30, 10, tzinfo=UTC)
A = Credential("A", "key", "secret-of-a")
B = Credential("B", "app", "secret-of-b")


@pytest.fixture
async def world(client: httpx.AsyncClient) -> World:
    """A world of its own."""
    return await World(client).build()


async def failed(hospital: Hospital, code: str, **headers: str) -> dict[str, Any]:
    """The gateway's refusal of an admission sent with headers changed."""
    body = hospital.sender.envelope("2401", hospital.admission(visit_id()))
    answer = await hospital.sender.post(body, **headers)
    assert answer.status_code == 401
    content: dict[str, Any] = answer.json()
    assert content["code"] == 401
    assert f"[{code}]" in content["message"]
    assert list(content) == ["code", "message"]
    return content


@pytest.mark.parametrize("profile", ["A", "B", "none"])
async def test_a_signed_message_is_answered(world: World, profile: str) -> None:
    """With the profile of its record a hospital admits a patient."""
    hospital = await signing(world, profile)
    await hospital.admitted(visit_id())


@pytest.mark.parametrize("profile", ["A", "B"])
async def test_an_unsigned_or_wrongly_signed_message_is_refused(world: World, profile: str) -> None:
    """Without headers, with a wrong secret, a wrong key, another hospital's key, or a stale time: 401."""
    hospital = await signing(world, profile)
    right = hospital.sender.credential
    hospital.sender.credential = Credential("none")
    await failed(hospital, "nhsa_headers_missing")
    hospital.sender.credential = Credential(right.profile, right.key_id, "another secret")
    await failed(hospital, "nhsa_signature_wrong")
    hospital.sender.credential = Credential(right.profile, "another", right.secret)
    await failed(hospital, "nhsa_signature_wrong")
    other = await signing(world, profile, world.county)
    hospital.sender.credential = other.sender.credential
    await failed(hospital, "nhsa_signature_wrong")
    hospital.sender.credential = right
    old = hospital.sender.headers(datetime.now(UTC) - timedelta(minutes=31))
    await failed(hospital, "nhsa_timestamp_stale", **old)
    await failed(hospital, "nhsa_timestamp_stale", **hospital.sender.headers(datetime.now(UTC) + timedelta(minutes=31)))
    await hospital.admitted(visit_id())


async def test_a_nonce_is_good_once(world: World) -> None:
    """The same headers of profile B a second time are refused, also when the first message was refused for its
    content."""
    hospital = await signing(world, "B")
    headers = hospital.sender.headers()
    body = hospital.sender.envelope("2401", {"mdtrtinfo": {}})
    assert (await hospital.sender.post(body, **headers)).json()["infcode"] == -1
    await failed(hospital, "nhsa_nonce_reused", **headers)


async def test_blanks_around_a_code_dont_open_the_door(world: World) -> None:
    """A hospital that signs isn't taken for one without a profile because its code is written with blanks."""
    hospital = await signing(world, "A")
    hospital.sender.credential = Credential("none")
    for code in (f" {world.township}", f"{world.township}\u3000", f"\t{world.township} "):
        body = hospital.sender.envelope("2401", hospital.admission(visit_id()), fixmedins_code=code)
        answer = await hospital.sender.post(body)
        assert answer.status_code == 401 or answer.json()["infcode"] == -1
    params = {"hospital_code": world.township}
    assert (await world.client.get("/v1/settlements", params=params)).json()["data"] == []


async def test_a_key_opens_its_own_hospital_only(world: World) -> None:
    """A hospital that signs rightly, but for another one, is refused."""
    hospital = await signing(world, "A")
    await signing(world, "A", world.county)
    body = hospital.sender.envelope("2401", hospital.admission(visit_id()), fixmedins_code=world.county)
    assert (await hospital.sender.post(body)).status_code == 401


def test_the_signatures_are_those_of_the_design() -> None:
    """Profile A signs its four headers sorted, B hashes around the nonce; both worked out here without our code."""
    headers = {"_api_version": "1.0", "_api_name": "x", "_api_timestamp": "1", "_api_access_key": "k"}
    text = "_api_access_key=k&_api_name=x&_api_timestamp=1&_api_version=1.0"
    expected = base64.b64encode(hmac.new(b"s", text.encode(), hashlib.sha1).digest()).decode()
    assert signed_a(headers, "s") == expected
    assert signed_b("1", "n", "s") == hashlib.sha256(b"1sn1").hexdigest()


def headers_b(seconds: str) -> dict[str, str]:
    """Headers of profile B at a time."""
    signature = signed_b(seconds, "n", B.secret).upper()
    return {"x-tif-paasid": "app", "x-tif-timestamp": seconds, "x-tif-nonce": "n", "x-tif-signature": signature}


def test_timestamps_are_seconds_or_milliseconds_within_half_an_hour() -> None:
    """Both forms are read, half an hour either way is the limit, anything else is stale."""
    seconds = int(NOW.timestamp())
    for good in (str(seconds), str(seconds * 1000), str(seconds - 1800), str(seconds + 1800)):
        assert verified(B, headers_b(good), None, NOW, ()) is not None
    for bad in (str(seconds - 1801), str(seconds + 1801), "x", "1" * 16, "٣", "-1", "1.5"):
        with pytest.raises(Unauthorized) as refused:
            verified(B, headers_b(bad), None, NOW, ())
        assert refused.value.code == "nhsa_timestamp_stale"


def test_endless_headers_are_refused() -> None:
    """A header of more than 200 characters isn't hashed."""
    with pytest.raises(Unauthorized) as refused:
        verified(B, headers_b("1") | {"x-tif-nonce": "n" * 201}, None, NOW, ())
    assert refused.value.code == "nhsa_headers_missing"


@pytest.mark.parametrize(
    ("client", "headers", "networks", "allowed"),
    [
        ("127.0.0.1", {}, [], True),
        ("::1", {}, [], True),
        ("10.1.2.3", {}, [], False),
        ("10.1.2.3", {}, ["10.0.0.0/8"], True),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, [], False),
        ("127.0.0.1", {"forwarded": "for=1.2.3.4"}, [], False),
        (None, {}, ["10.0.0.0/8"], False),
        ("somewhere", {}, [], False),
    ],
)
def test_without_a_signature_the_network_decides(
    client: str | None, headers: dict[str, str], networks: list[str], allowed: bool
) -> None:
    """Profile none: this machine, not by way of a proxy, or an allowed network."""
    if allowed:
        assert verified(Credential("none"), headers, client, NOW, networks) is None
    else:
        with pytest.raises(Unauthorized) as refused:
            verified(Credential("none"), headers, client, NOW, networks)
        assert refused.value.code == "nhsa_network_refused"


def test_in_production_nobody_is_let_in_unsigned_by_default() -> None:
    """The default profile is A in production, none elsewhere; networks are checked when they are set."""
    assert Settings(env="production").nhsa_default_profile == "A"
    assert Settings().nhsa_default_profile == "none"
    assert Settings(nhsa_networks="10.0.0.0/8, fd00::/8").nhsa_allowed_networks == ["10.0.0.0/8", "fd00::/8"]
    with pytest.raises(ValueError, match="nhsa_networks"):
        Settings(nhsa_networks="somewhere")


@pytest.fixture
async def strict(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service whose hospitals without a profile of their own have to sign by A."""
    with tempfile.TemporaryDirectory() as folder:
        process, url = start_service(database_url, Path(folder), ONESTOP_NHSA_PROFILE="A")
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with httpx.AsyncClient(verify=False, base_url=url, headers=headers, timeout=60) as opened:
            yield opened
        process.terminate()
        assert process.wait(30) == 0


async def test_the_default_profile_counts_for_hospitals_without_one(strict: httpx.AsyncClient) -> None:
    """With ``ONESTOP_NHSA_PROFILE=A`` an unsigned message is refused, also one that can't be read, and an empty
    secret too."""
    hospital = Hospital(await World(strict).build())
    await failed(hospital, "nhsa_headers_missing")
    assert (await hospital.sender.post(b"{")).status_code == 401
    hospital.sender.credential = Credential("A", secrets.token_hex(4), "")
    await failed(hospital, "nhsa_signature_wrong")
