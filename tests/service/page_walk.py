"""Every page and every form of the finance pages, as the matrix of reach walks them: found in the application, so that
no new one is left out."""

import re
import secrets
from collections.abc import Iterator
from typing import Final

import httpx
from fastapi.routing import APIRoute

from app.finance.batches import STEPS
from app.finance.routes import MODULES
from tests.people import csrf_in

PARAMETER: Final = re.compile(r"\{(\w+)\}")
OWN: Final = ("/finance/login", "/finance/logout", "/finance/password", "/finance/second-factor", "/finance/language")
"""The visitor's own: their session, password, second factor, language."""
FORM: Final = {
    "reason": "x",
    "reason_code": "A",
    "amount": "1.00",
    "fund": "390100",
    "funds": "390100",
    "outcome": "upheld",
    "state": "waived",
    "paid_on": "2018-07-02",
    "returned_on": "2018-07-02",
    "bank_reference": "B-1",
    "reference": "B-1",
    "mode": "soft",
    "year": "2018",
    "period": "2018-05",
    "size": "1",
    "bank_name": "x",
    "account_name": "x",
    "account_number": "6228480012345678",
}
"""What any form asks for, all at once: each takes what it knows."""


def page_routes() -> Iterator[tuple[str, str]]:
    """Method and path of every page and form, but a visitor's own and the API's; of batches every one there is."""
    for module in MODULES:
        for route in module.router.routes:
            if isinstance(route, APIRoute) and route.path.startswith("/finance") and not route.path.startswith(OWN):
                paths = [route.path]
                if "{noun}" in route.path:
                    paths = [route.path.format(noun=noun, word=word) for noun, word in STEPS]
                yield from ((method, path) for method in sorted(route.methods) for path in paths)


SHOWN: Final = {"orders": "disbursement_id", "claims": "claim_id", "prepayments": "prepayment_id"}


def named(path: str, things: dict[str, str]) -> str:
    """The path with the ids of things in it, by the kind of thing that the page is about."""
    kind = path.split("/")[2] if path.count("/") > 1 else ""
    names = things | {"area": things["area_code"], "shown_id": things[SHOWN.get(kind, "claim_id")]}
    names |= {"name": "orders", "change_id": things["gateway_change_id" if "/gateways/" in path else "change_id"]}
    return PARAMETER.sub(lambda found: names[found[1]], path)


async def walked(
    browser: httpx.AsyncClient, method: str, path: str, things: dict[str, str]
) -> tuple[httpx.Response, str]:
    """The answer to a page, or to its form filled in with everything that any form asks for; and what was sent."""
    address = named(path, things)
    if method == "GET":
        return await browser.get(address), address
    month = f"{things['code']}:{things['area_code']}:2018-06"
    order, statement = things["disbursement_id"], things["statement_id"]
    form = FORM | {name: things[name] for name in ("settlement_id", "hospital_code", "area_code", "person_id")}
    form |= {"ids": f"{order} {statement} {month}", f"reference_{order}": "B-2", f"amount_{order}": "1.00"}
    hidden = {"csrf": csrf_in((await browser.get("/finance/password")).text), "key": f"form-{secrets.token_hex(16)}"}
    return await browser.post(address, data=form | hidden), address + " ".join(form.values())
