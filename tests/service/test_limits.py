"""Limits before and after it is known who asks: connections, heads, bodies, requests a minute."""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Scope

from app.service.forwarded import Forwarded, Proxies
from app.service.rates import Rates
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.nhsa.national import Hospital
from tests.world import World, key

FLOODER: Final = "127.0.0.2"
"""Another address of this machine than the one that the other clients have."""
LIMIT: Final = 30


@pytest.fixture(scope="module")
async def limited_url(database_server: str) -> AsyncIterator[str]:
    """A service that allows 30 requests a minute."""
    url = await migrated_database(database_server)
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(url, Path(folder), ONESTOP_RATE_LIMIT=str(LIMIT))
        yield base_url
        process.terminate()
        assert process.wait(30) == 0


def opened(url: str) -> httpx.AsyncClient:
    """A client with the administrator's token."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
    return httpx.AsyncClient(verify=False, base_url=url, headers=headers, timeout=60)


async def connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection from the flooder's address."""
    port = urlsplit(url).port
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(FLOODER, 0))


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side closes."""
    with suppress(ConnectionError):
        return await reader.read()
    return b""


async def served_meanwhile(url: str, work: "asyncio.Task[None]") -> float:
    """The longest that another client waits for an answer while a work goes on, seconds."""
    slowest = 0.0
    async with httpx.AsyncClient(verify=False, base_url=url) as client:
        while not work.done():
            started = monotonic()
            assert (await client.get("/livez")).status_code == 200
            slowest = max(slowest, monotonic() - started)
            await asyncio.sleep(0.05)
    await work
    return slowest


async def test_a_header_without_end_is_cut_off(service_url: str) -> None:
    """Of a header line of 150 MB hardly anything is read."""

    async def send() -> None:
        reader, writer = await connected(service_url)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ")
        sent = 0
        with suppress(ConnectionError):
            while sent < 150_000_000 and not reader.at_eof():
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536
        assert sent < 20_000_000
        writer.close()

    started = monotonic()
    assert await served_meanwhile(service_url, asyncio.create_task(send())) < 2
    assert monotonic() - started < 10


async def test_a_long_head_is_told_so(service_url: str) -> None:
    """What fits is served, what doesn't is 431; a body behind the head doesn't count."""
    for filler, status in ((20_000, b"200"), (80_000, b"431")):
        reader, writer = await connected(service_url)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: " + b"x" * filler + b"\r\n\r\n")
        assert (await rest(reader)).split(b" ")[1] == status
        writer.close()
    async with opened(service_url) as client:
        text = "".join(f"k{number}: x\n" for number in range(20_000))
        answer = await client.post("/v1/policies/yunnan/check", json={"text": text})
        assert answer.status_code == 200


@pytest.mark.thorough
async def test_half_open_connections_are_few_and_short(service_url: str) -> None:
    """Of 750 connections that only begin a request, an address has 200; those are closed within seconds, and others
    are served meanwhile."""

    async def flood() -> None:
        pairs = []
        for _ in range(750):
            pair = await connected(service_url)
            pair[1].write(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
            pairs.append(pair)
        await asyncio.sleep(0.5)
        assert sum(reader.exception() is None and not reader.at_eof() for reader, _ in pairs) <= 200
        answers = await asyncio.wait_for(asyncio.gather(*(rest(reader) for reader, _ in pairs)), 20)
        assert sum(one.startswith(b"HTTP/1.1 408") for one in answers) == 200
        for _, writer in pairs:
            writer.close()

    assert await served_meanwhile(service_url, asyncio.create_task(flood())) < 2


@pytest.mark.thorough
async def test_a_body_that_drips_is_given_up(service_url: str) -> None:
    """A body of a byte a second is ended within seconds, and one that nobody sends at all as well."""

    async def drip(token: bytes, every: float) -> None:
        reader, writer = await connected(service_url)
        head = b"POST /v1/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
        writer.write(head + b"Authorization: Bearer " + token + b"\r\n\r\n")
        answer = asyncio.create_task(rest(reader))
        while not answer.done():
            with suppress(ConnectionError):
                writer.write(b" ")
                await writer.drain()
            await asyncio.wait([answer], timeout=every)
        writer.close()

    started = monotonic()
    both = asyncio.gather(drip(ADMIN_TOKEN.encode(), 1), drip(ADMIN_TOKEN.encode(), 60))
    assert await served_meanwhile(service_url, asyncio.ensure_future(both)) < 2  # type: ignore[arg-type]
    assert monotonic() - started < 25


async def test_a_token_has_its_requests_of_a_minute(limited_url: str) -> None:
    """Each answer says what is left; then 429 with Retry-After. Quotes and settlements go on."""
    async with opened(limited_url) as client:
        issued = await client.post(
            "/v1/tokens", json={"subject": "x", "scopes": ["finance", "hospital"]}, headers=key()
        )
        mine = {"Authorization": f"Bearer {issued.json()['token']}"}
        answers = [await client.get("/v1/clock", headers=mine) for _ in range(2 * LIMIT + 2)]
        refused = [one for one in answers if one.status_code == 429]
        assert {one.status_code for one in answers} == {200, 429}
        assert 2 <= len(refused) <= LIMIT + 2
        first = answers[0].headers
        assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == (str(LIMIT), str(LIMIT - 1))
        last = refused[-1]
        assert 1 <= int(last.headers["Retry-After"]) == int(last.headers["RateLimit-Reset"]) <= 60
        assert (last.headers["RateLimit-Remaining"], last.json()["retryable"]) == ("0", True)
        assert last.json()["code"] == "too_many_requests"
        for path in ("/v1/quotes", "/v1/settlements", "/v1/settlements/set_1/reversal"):
            answer = await client.post(path, json={}, headers=key() | mine)
            assert answer.status_code in (404, 422)
            assert "RateLimit-Limit" not in answer.headers


async def test_unknown_tokens_count_by_address_and_lock_nobody_out(limited_url: str) -> None:
    """Whoever guesses tokens is told to wait, and a valid token is served from the same address."""
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.3")
    async with httpx.AsyncClient(verify=False, base_url=limited_url, transport=transport) as client:
        headers = {"Authorization": f"Bearer {secrets.token_hex(8)}"}
        statuses = {(await client.get("/v1/clock", headers=headers)).status_code for _ in range(2 * LIMIT + 2)}
        assert statuses == {401, 429}
        known = await client.get("/v1/clock", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        assert known.status_code in (200, 429)
        if known.status_code == 429:
            assert known.headers["RateLimit-Limit"] == str(LIMIT)


@pytest.mark.parametrize(("header", "value"), [("X-Forwarded-For", "203.0.113.{}"), ("Forwarded", "for=198.51.100.{}")])
@pytest.mark.parametrize(("sender", "counts"), [("127.0.0.4", True), ("127.0.0.1", False)])
async def test_only_a_trusted_proxy_says_for_whom_it_asks(
    limited_url: str, sender: str, counts: bool, header: str, value: str
) -> None:
    """What the proxy says names the sender where the proxy is trusted, and is nothing where anybody wrote it."""
    transport = httpx.AsyncHTTPTransport(local_address=sender)
    async with httpx.AsyncClient(verify=False, base_url=limited_url, transport=transport) as client:
        token = {"Authorization": f"Bearer {secrets.token_hex(8)}"}
        answers = [
            await client.get("/v1/clock", headers=token | {header: value.format(number)})
            for number in range(2 * LIMIT + 2)
        ]
        statuses = {one.status_code for one in answers}
        assert statuses <= {401, 429}
        assert (429 in statuses) is counts


async def test_a_hospital_has_its_requests_at_the_national_door(limited_url: str) -> None:
    """Its look-ups are 429 after the minute's, its quotes are not."""
    async with opened(limited_url) as client:
        world = World(client)
        hospital = Hospital(world, code=f"H{secrets.token_hex(4)}")
        answers = [await hospital.sender.post(hospital.sender.envelope("1201", {})) for _ in range(2 * LIMIT + 2)]
        assert {one.status_code for one in answers} == {200, 429}
        refused = next(one for one in answers if one.status_code == 429)
        assert "Retry-After" in refused.headers
        assert refused.json()["code"] == 429
        quote = await hospital.sender.post(hospital.sender.envelope("2206", {}))
        assert quote.status_code == 200


@pytest.mark.parametrize(
    ("written", "client", "scheme"),
    [
        ("for=192.0.2.60;proto=https;by=203.0.113.43", "192.0.2.60", "https"),
        ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17", "http"),
        ('for=6.6.6.6, for="192.0.2.43:47011", for=10.0.0.7;proto=https', "192.0.2.43", "https"),
        ("for=unknown", "10.0.0.1", "http"),
        ("for=_hidden, for=10.0.0.7", "10.0.0.7", "http"),
        ("", "10.0.0.1", "http"),
    ],
)
async def test_the_last_hop_that_is_no_proxy_of_ours_is_the_sender(written: str, client: str, scheme: str) -> None:
    """What stands before it anybody may have written; a name or nothing leaves the proxy itself."""
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: object, _send: object) -> None:
        seen.append(scope)

    scope: Scope = {"type": "http", "scheme": "http", "client": ("10.0.0.1", 1), "headers": []}
    scope["headers"] = [(b"forwarded", written.encode())]
    await Forwarded(app, Proxies(["10.0.0.0/8"]))(scope, None, None)  # type: ignore[arg-type]
    assert (seen[0]["client"][0], seen[0]["scheme"]) == (client, scheme)


def test_two_callers_have_their_own_minutes() -> None:
    """What one sends takes nothing from another, and without a limit nothing is counted."""
    rates = Rates(5)
    for _ in range(7):
        last = rates.spent("a")
    assert last is not None
    other = rates.spent("b")
    assert other is not None
    assert (last.left < 0, other.left) == (True, 4)
    assert Rates(0).spent("a") is None
