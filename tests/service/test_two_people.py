"""Two people are two persons: not two spellings of one subject, nor one whom the other let in."""

import secrets
from typing import Any

import asyncpg
import httpx
import pytest

from app.basics.text import subject_form
from app.service.subjects import skeleton
from tests.clearing.office import office
from tests.conftest import TokenFactory
from tests.registry.test_hospitals import ACCOUNT, body, fresh
from tests.world import key

pytestmark = pytest.mark.thorough

PASSWORD = "an-unusual-passphrase"


@pytest.mark.parametrize(
    ("sent", "form"),
    [("Li.Hua", "li.hua"), ("ＬＩ．ＨＵＡ", "li.hua"), ("李\u200b华", "李华"), ("Straße", "strasse"), ("ﬁn", "fin")],
)
def test_a_subject_has_one_form(sent: str, form: str) -> None:
    """Whatever width, case and format characters it is sent with; the form of the form is itself."""
    assert (subject_form(sent), subject_form(form)) == (form, form)


def test_letters_of_another_script_look_alike_and_digits_do_not() -> None:
    """``1`` and ``l`` are two subjects, Cyrillic and Latin letters of one shape one."""
    assert skeleton("раул") != "paul"
    assert skeleton("ра") == "pa"
    assert skeleton("αl") == "al" != skeleton("a1")
    assert skeleton("力") == skeleton("カ")


async def ask(client: httpx.AsyncClient, who: dict[str, str]) -> str:
    """A change of a hospital's account that somebody asked for."""
    path = f"/v1/hospitals/{fresh()}"
    assert (await client.put(path, json=body(), headers=who)).status_code == 200
    answer = await client.put(path, json=body(bank_account=ACCOUNT), headers=who)
    change: str = answer.json()["bank_account_change"]["change_id"]
    return change


async def approval(client: httpx.AsyncClient, change: str, who: dict[str, str]) -> tuple[int, str | None]:
    """Status and code of an approval."""
    answer = await client.post(f"/v1/bank-account-changes/{change}/approval", headers=who | key())
    return answer.status_code, answer.json().get("code")


async def issued(client: httpx.AsyncClient, issuer: dict[str, str], subject: str, *scopes: str) -> dict[str, str]:
    """A token that somebody else than the bootstrap administrator issued."""
    wanted = {"subject": subject, "scopes": scopes}
    answer = await client.post("/v1/tokens", json=wanted, headers=issuer | key())
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_two_spellings_are_one_person(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """A second token of the subject in other letters approves nothing of the first; a look-alike isn't issued."""
    name = f"wang{secrets.token_hex(4)}"
    maker = await token(subject=name, scopes=["registry"])
    again = await token(subject=name.upper(), scopes=["finance"])
    assert await approval(client, await ask(client, maker), again) == (403, "maker_is_checker")
    for path, wanted in (
        ("/v1/tokens", {"subject": name.replace("a", "а"), "scopes": ["finance"]}),
        ("/v1/users", {"name": name.replace("a", "а"), "scopes": ["finance"], "password": PASSWORD}),
    ):
        answer = await client.post(path, json=wanted, headers=key())
        assert (answer.status_code, answer.json()["code"]) == (409, "subject_looks_alike"), path


async def test_who_let_the_other_in_is_no_second_person(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """Through any chain and either way, for ever; that a third let both in doesn't matter."""
    head, middle, low = (f"{name}-{secrets.token_hex(4)}" for name in ("head", "middle", "low"))
    admin = await token(subject=head, scopes=["admin"])
    deputy = await issued(client, admin, middle, "admin")
    clerk = await issued(client, deputy, low, "registry", "finance")
    sibling = await issued(client, deputy, f"sibling-{secrets.token_hex(4)}", "registry", "finance")
    change = await ask(client, clerk)
    assert await approval(client, change, admin) == (403, "maker_is_checker")
    assert await approval(client, change, deputy) == (403, "maker_is_checker")
    assert await approval(client, await ask(client, admin), clerk) == (403, "maker_is_checker")
    assert await approval(client, change, sibling) == (200, None)


async def test_adding_a_user_or_giving_a_password_lets_in(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """The record stays, whoever issued the token that is used today."""
    name, other = (f"{one}-{secrets.token_hex(4)}" for one in ("adder", "resetter"))
    adder = await token(subject=name, scopes=["admin"])
    resetter = await token(subject=other, scopes=["admin"])
    user = f"user-{secrets.token_hex(4)}"
    wanted = {"name": user.upper(), "scopes": ["finance"], "password": PASSWORD}
    made = await client.post("/v1/users", json=wanted, headers=adder | key())
    assert (made.status_code, made.json()["name"]) == (201, user)
    hers = await token(subject=user, scopes=["registry", "finance"])
    assert await approval(client, await ask(client, hers), resetter) == (200, None)
    body_ = {"password": PASSWORD + "2"}
    assert (await client.post(f"/v1/users/{user}/password", json=body_, headers=resetter | key())).status_code == 200
    change = await ask(client, hers)
    for who in (adder, resetter):
        assert await approval(client, change, who) == (403, "maker_is_checker")


async def test_the_database_holds_to_it_too(client: httpx.AsyncClient, connection: Any, token: TokenFactory) -> None:
    """Neither is a maker's issuer accepted as approver, nor is the record of who let whom in changed."""
    head, low = (f"{name}-{secrets.token_hex(4)}" for name in ("head", "low"))
    clerk = await issued(client, await token(subject=head, scopes=["admin"]), low, "registry")
    number = int((await ask(client, clerk)).rpartition("_")[2])
    with pytest.raises(asyncpg.RestrictViolationError, match="let the other in"):
        await connection.execute(
            "UPDATE hospital_account SET state = 'approved', approved_by = $2 WHERE change_id = $1", number, head
        )
    kinds = await connection.fetch("SELECT kind FROM issue WHERE issuer = $1 AND subject = $2", head, low)
    assert [row["kind"] for row in kinds] == ["token"]
    for statement in ("DELETE FROM issue", "UPDATE issue SET issuer = 'x'", "TRUNCATE issue"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(statement)


async def test_the_database_holds_to_it_wherever_something_is_checked(database_server: str) -> None:
    """A part is approved, an appeal decided, a month opened again by nobody who let the other in, whatever the service
    says."""
    async with office(database_server) as desk:
        await desk.settled("8200.00", "2018-05-20")
        await desk.at("2018-06-05")
        declared = await desk.declared("2018-05")
        path = f"/clearing/statements/{declared['statement_id']}"
        (item, *_) = (await desk.get(f"{path}/items"))["data"]
        cut = {"fund": "390100", "amount": "1.00", "reason_code": "A", "reason": "x"}
        made = await desk.do("li", f"{path}/deductions", cut | {"settlement_id": item["settlement_id"]})
        await desk.do("hospital", f"/clearing/deductions/{made['deduction_id']}/appeal", {"reason": "x"})
        await desk.do("li", "/fiscal-months/2018-05/closing", {"area_code": "530100", "mode": "soft"})
        owner = await asyncpg.connect(desk.url)
        try:
            await owner.execute(
                "INSERT INTO issue (issuer, subject, kind, request_id) VALUES ('li', 'wu', 'token', 'r')"
            )
            for statement, refused in (
                ("UPDATE statement_part SET approved_by = 'wu', approved_on = now()", "maker is checker"),
                (
                    "UPDATE deduction SET state = 'decided', outcome = 'upheld', upheld = amount, decided_by = 'wu',"
                    " decided_on = now()",
                    "let the other in",
                ),
                ("UPDATE fiscal_month SET state = 'open', reopened_by = 'wu', reopened_on = now()", "let the other in"),
            ):
                with pytest.raises((asyncpg.RestrictViolationError, asyncpg.CheckViolationError), match=refused):
                    await owner.execute(statement)
        finally:
            await owner.close()
