"""People who log in to the pages, over HTTP: their users, their logins, the forms that they send."""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.world import key

FIRST = "first-password-1"
CHOSEN = "a password of my own"


def csrf_in(page: str) -> str:
    """The token that a page's forms send back."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


async def add_user(client: httpx.AsyncClient, name: str, **roles: object) -> httpx.Response:
    """Add a user of the pages as the admin."""
    body = {"name": name, "password": FIRST, "scopes": ["finance"]} | roles
    return await client.post("/v1/users", json=body, headers=key())


@asynccontextmanager
async def browser(url: str, *, address: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps cookies and follows no redirect, coming from an address of this machine."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(verify=False, base_url=url, timeout=60, transport=transport) as client:
        yield client


async def log_in(client: httpx.AsyncClient, name: str, password: str, *, wanted: str = "/finance") -> httpx.Response:
    """Send the login's form."""
    form = (await client.get("/finance/login", params={"next": wanted})).text
    fields = {"csrf": csrf_in(form), "next": wanted, "name": name, "password": password}
    return await client.post("/finance/login", data=fields)


async def choose(client: httpx.AsyncClient, old: str, new: str, again: str | None = None) -> httpx.Response:
    """Send the form of the password's change."""
    form = (await client.get("/finance/password")).text
    return await client.post(
        "/finance/password", data={"csrf": csrf_in(form), "old": old, "new": new, "again": again or new}
    )


async def person(service: httpx.AsyncClient, client: httpx.AsyncClient, **roles: object) -> str:
    """A new user who is logged in with a password of their own; their name."""
    name = f"user-{secrets.token_hex(4)}"
    assert (await add_user(service, name, **roles)).status_code == 201
    assert (await log_in(client, name, FIRST)).headers["location"] == "/finance/password"
    assert (await choose(client, FIRST, CHOSEN)).headers["location"] == "/finance"
    return name
