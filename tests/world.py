"""A small world for tests over HTTP: names of its own for each test, so that tests share a database without meeting."""

import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.seeded import ID_NUMBERS

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def key() -> dict[str, str]:
    """A fresh Idempotency-Key header."""
    return {"Idempotency-Key": secrets.token_hex(16)}


def id_number() -> str:
    """An invented id number with a right check digit."""
    year, month, day = 1940 + secrets.randbelow(70), 1 + secrets.randbelow(12), 1 + secrets.randbelow(28)
    body = f"53{secrets.randbelow(10000):04d}{year}{month:02d}{day:02d}"
    body += f"{secrets.randbelow(1000):03d}"
    body += "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, ID_WEIGHTS, strict=True)) % 11]
    ID_NUMBERS.add(body)
    return body


@dataclass
class World:
    """Hospitals, one person and a few catalogue items, put there through the API."""

    client: httpx.AsyncClient
    tag: str = field(default_factory=lambda: secrets.token_hex(4).upper())
    id_number: str = field(default_factory=id_number)

    @property
    def township(self) -> str:
        """A level 1 township hospital."""
        return f"H1{self.tag}"

    @property
    def county(self) -> str:
        """A level 2 county hospital."""
        return f"H2{self.tag}"

    @property
    def province(self) -> str:
        """A level 3 provincial hospital."""
        return f"H3{self.tag}"

    @property
    def person(self) -> str:
        """The insured person's number."""
        return f"P{self.tag}"

    def item(self, kind: str) -> str:
        """The code of a catalogue item: A, B, C or R (restricted)."""
        return f"X{kind}{self.tag}"

    async def put(self, path: str, body: dict[str, Any]) -> None:
        """PUT that must succeed."""
        answer = await self.client.put(path, json=body)
        assert answer.status_code == 200, answer.text

    async def build(self, identities: list[dict[str, Any]] | None = None, **person: Any) -> "World":
        """Put the world into the registry; the person is registered poor since 2016 unless told otherwise."""
        for code, level, rank in (
            (self.township, 1, "township"),
            (self.county, 2, "county"),
            (self.province, 3, "province"),
        ):
            await self.put(
                f"/v1/hospitals/{code}", {"name": f"医院{code}", "level": level, "rank": rank, "area_code": "530127"}
            )
        for kind, ratio in (("A", "0"), ("B", "0.1000"), ("C", "1.0000"), ("R", "0")):
            await self.put(
                f"/v1/catalogue/{self.item(kind)}",
                {
                    "name": f"项目{kind}",
                    "kind": "drug",
                    "class": "A" if kind == "R" else kind,
                    "first_pay_ratio": ratio,
                    "ceilings": {"1": "50", "2": "80", "3": "100"} if kind == "B" else None,
                    "restricted": kind == "R",
                    "valid_from": "2017-01-01",
                },
            )
        if identities is None:
            identities = [{"class": "registered_poor", "from": "2016-01-01"}]
        body = {
            "name": "李某",
            "id_number": self.id_number,
            "area_code": "530127",
            "insurance_type": "390",
            "identities": identities,
        }
        await self.put(f"/v1/persons/{self.person}", body | person)
        return self

    def line(
        self, amount: str, *, kind: str = "A", line_no: int = 1, day: str = "2018-05-02", **changes: Any
    ) -> dict[str, Any]:
        """A line of one unit."""
        return {
            "line_no": line_no,
            "item_code": self.item(kind),
            "name": f"项目{kind}",
            "quantity": "1",
            "unit_price": amount,
            "amount": amount,
            "charged_at": f"{day}T09:30:00+08:00",
        } | changes

    def bill(self, amount: str = "25.00", **changes: Any) -> dict[str, Any]:
        """An inpatient bill of one class A line at the township hospital."""
        return {
            "hospital_code": self.township,
            "visit_id": f"ZY{secrets.token_hex(4)}",
            "settle_seq": 1,
            "interim": False,
            "person_id": self.person,
            "insurance_type": "390",
            "medical_type": "21",
            "admitted_on": "2018-05-02",
            "discharged_on": "2018-05-12",
            "diagnoses": [{"code": "I63.900", "name": "脑梗死", "main": True}],
            "referral": "compliant",
            "lines": [self.line(amount)],
            "total": amount,
        } | changes

    async def settle(self, bill: dict[str, Any], **headers: str) -> httpx.Response:
        """POST a bill with a fresh key."""
        return await self.client.post("/v1/settlements", json=bill, headers=key() | headers)

    async def settled(self, bill: dict[str, Any]) -> dict[str, Any]:
        """POST a bill that must be accepted."""
        answer = await self.settle(bill)
        assert answer.status_code == 201, answer.text
        result: dict[str, Any] = answer.json()
        return result

    async def year(self, year: int = 2018) -> dict[str, Any]:
        """The person's accumulators."""
        answer = await self.client.get(f"/v1/persons/{self.person}/years/{year}")
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result
