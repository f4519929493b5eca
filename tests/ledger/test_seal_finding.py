"""What verifying finds is kept, and two people can say why it may stay."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.config import Settings
from app.database.engine import open_database
from app.ledger import seal, seal_finding
from app.ledger.words import verified_words
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.ledger.test_seal import EVENT, Sealed, kinds, tamper
from tests.world import key

pytestmark = pytest.mark.damages("edits what is sealed, so that verifying finds it")

EDIT = "UPDATE clearing_event SET amount = {} WHERE object_id = 'dis_3'"


@pytest.fixture
async def broken(database_server: str) -> AsyncIterator[Sealed]:
    """A database of its own whose third of six sealed moves was edited behind the service."""
    url = await migrated_database(database_server)
    database = await open_database(url, Settings(pool_size=2, hot_pool_size=1))
    owner = await asyncpg.connect(url)
    await owner.execute(EVENT.replace("$1", "6"))
    made = Sealed(database, owner, url)
    assert await seal.seal(database) == 6
    await tamper(made, EDIT.format(99))
    yield made
    await owner.close()
    await database.close()


async def counts(sealed: Sealed) -> dict[str, tuple[int, int]]:
    """By kind, findings that stand: those that nobody acknowledged, and those that two people did."""
    async with sealed.database.transaction() as connection:
        return dict(await seal_finding.standing(connection))


async def acknowledged(sealed: Sealed, finding_id: int, *, second: str = "wang") -> None:
    """Two people acknowledge a finding, behind the service."""
    said = "INSERT INTO seal_acknowledgement (finding_id, reason, confirms, maker, subject, request_id)"
    first = await sealed.owner.fetchval(
        f"{said} VALUES ($1, 'x', NULL, NULL, 'li', 'r') RETURNING acknowledgement_id", finding_id
    )
    await sealed.owner.execute(f"{said} VALUES ($1, 'x', $2, 'li', $3, 'r')", finding_id, first, second)


async def test_what_two_people_acknowledged_is_no_finding_any_more(broken: Sealed) -> None:
    """It is told apart then; another change of the same row is another finding, and so is the same one after it was
    mended."""
    assert await kinds(broken) == {"edited": 1}
    assert await kinds(broken) == {"edited": 1}
    assert await counts(broken) == {"edited": (1, 0)}
    await acknowledged(broken, 1)
    async with broken.database.transaction() as connection:
        verified = await seal.verify(connection)
    assert verified.findings == ()
    assert [(one.kind, one.count, one.places[0].finding_id) for one in verified.acknowledged] == [("edited", 1, 1)]
    said = "\n".join(verified_words(verified))
    assert "封存核对没有问题" in said
    assert "已由两人确认：封存后被改动（edited）：1 处\n  clearing_event 3，区块 1，sfd_1" in said
    assert await counts(broken) == {"edited": (0, 1)}

    await tamper(broken, EDIT.format(98))
    assert await kinds(broken) == {"edited": 1}
    assert await counts(broken) == {"edited": (1, 0)}
    await tamper(broken, EDIT.format(3))
    assert await kinds(broken) == {}
    assert await counts(broken) == {}
    await tamper(broken, EDIT.format(99))
    assert await kinds(broken) == {"edited": 1}


async def test_findings_of_blocks_that_arent_looked_at_stand(broken: Sealed) -> None:
    """A look at other blocks neither mends a finding nor silences it."""
    await broken.owner.execute(EVENT.replace("$1", "1"))
    await seal.seal(broken.database)
    assert await kinds(broken) == {"edited": 1}
    assert await kinds(broken, blocks=[2]) == {}
    assert await counts(broken) == {"edited": (1, 0)}


async def test_the_acknowledgement_is_sealed_too(broken: Sealed) -> None:
    """Who said what can't be changed, taken back or turned to another finding unseen, and one person isn't two."""
    await kinds(broken)
    with pytest.raises(asyncpg.CheckViolationError):
        await acknowledged(broken, 1, second="li")
    await acknowledged(broken, 1)
    await seal.seal(broken.database)
    assert await kinds(broken) == {}
    for change in ("UPDATE seal_acknowledgement SET reason = 'y'", "DELETE FROM seal_finding"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await broken.owner.execute(change)
    await tamper(broken, "UPDATE seal_acknowledgement SET subject = 'zhao' WHERE subject = 'wang'")
    assert await kinds(broken) == {"edited": 1}
    await tamper(broken, "UPDATE seal_finding SET evidence = 'x'")
    assert (await kinds(broken))["edited"] > 1


async def test_every_table_that_is_sealed_may_be(broken: Sealed) -> None:
    """The database lets a block name rows of each of them, and knows no other."""
    rule = await broken.owner.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'seal_member_source_check'"
    )
    assert {table for table in seal.TABLES if f"'{table}'" in rule} == set(seal.TABLES)
    assert rule.count("::text") == len(seal.TABLES)


@dataclass(frozen=True, slots=True)
class Office:
    """Callers of the service's interface."""

    client: httpx.AsyncClient

    async def let_in(self, subject: str, scope: str, by: dict[str, str]) -> dict[str, str]:
        """The headers of a new token."""
        made = await self.client.post("/tokens", json={"subject": subject, "scopes": [scope]}, headers=by | key())
        return {"Authorization": f"Bearer {made.json()['token']}"}

    async def say(self, path: str, by: dict[str, str], body: Any = None) -> tuple[int, Any]:
        """Status and answer of a POST."""
        answer = await self.client.post(f"/ledger/{path}", json=body, headers=by | key())
        return answer.status_code, answer.json()

    async def listed(self, state: str, by: dict[str, str]) -> list[dict[str, Any]]:
        """The findings in a state."""
        answer = await self.client.get("/ledger/seal-findings", params={"state": state}, headers=by)
        rows: list[dict[str, Any]] = answer.json()["data"]
        return rows


@pytest.fixture
async def desk(broken: Sealed, tmp_path: Path) -> AsyncIterator[Office]:
    """A service on the broken database."""
    process, url = start_service(broken.url, tmp_path)
    async with httpx.AsyncClient(verify=False, base_url=f"{url}/v1", timeout=60) as client:
        yield Office(client)
    process.terminate()
    assert process.wait(30) == 0


async def test_two_administrators_acknowledge(broken: Sealed, desk: Office) -> None:
    """One says why, another confirms; whoever said it, or let the other in, can't. The list tells who, and when."""
    await kinds(broken)
    admin = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    li, wang = await desk.let_in("li", "admin", admin), await desk.let_in("wang", "admin", admin)
    shen, pupil = await desk.let_in("shen", "auditor", admin), await desk.let_in("pupil", "admin", li)
    path, reason = "seal-findings/sfd_1/acknowledgements", {"reason": "按工单 17 更正"}
    assert (await desk.say(path, shen, reason))[0] == 403
    assert (await desk.say("seal-findings/sfd_9/acknowledgements", li, reason))[0] == 404
    assert len(await desk.listed("open", shen)) == 1
    status, asked = await desk.say(path, li, reason)
    assert (status, asked["state"]) == (201, "asked")
    approval = f"seal-acknowledgements/{asked['acknowledgement_id']}/approval"
    for by in (li, pupil):
        assert (await desk.say(approval, by))[1]["code"] == "maker_is_checker"
    assert await kinds(broken) == {"edited": 1}
    assert len(await desk.listed("asked", shen)) == 1
    status, confirmed = await desk.say(approval, wang)
    assert (status, confirmed["state"]) == (200, "acknowledged")
    for late, body in ((approval, None), (path, reason)):
        assert (await desk.say(late, wang, body))[1]["code"] == "seal_finding_ended"
    (row,) = await desk.listed("acknowledged", shen)
    assert (row["table"], row["row"], row["block"], row["kind"]) == ("clearing_event", 3, 1, "edited")
    assert (row["asked_by"], row["reason"], row["confirmed_by"]) == ("li", reason["reason"], "wang")
    assert [await desk.listed(state, shen) for state in ("open", "asked", "mended")] == [[], [], []]
    assert await kinds(broken) == {}
