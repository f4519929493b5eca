"""The invented world of a simulated year: hospitals in two pooling areas, persons of every class, a small catalogue."""

from datetime import date, timedelta
from random import Random
from typing import Final

from app.simulation.answers import Answer
from app.simulation.auditor import FamilyDoctor
from app.simulation.model.amounts import fen, yuan
from app.simulation.office import ADMIN, Office

AREAS: Final = ("530100", "532600")
COUNTIES: Final = {"530100": ("530102", "530127"), "532600": ("532601", "532622")}
KINDS: Final = ((1, "township"), (2, "county"), (3, "province"))
CLASSES: Final = ("registered_poor", "low_income", "destitute", "monitored", "ordinary", "ordinary")
ITEMS: Final = {"SIM-A": ("A", "0"), "SIM-B": ("B", "0.1000"), "SIM-C": ("C", "1.0000")}
PERSONS_PER_HOSPITAL: Final = 4
ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_DIGITS: Final = "10X98765432"


class World:
    """The registry's content as it was put there, and bills made from it."""

    def __init__(self, office: Office, random: Random, hospitals: int) -> None:
        self.office = office
        self.random = random
        self.hospitals: dict[str, str] = {}
        self.persons: dict[str, Answer] = {}
        self.doctors: list[FamilyDoctor] = []
        self._bills = 0
        for item, (class_, ratio) in ITEMS.items():
            body = {
                "name": f"模拟项目{class_}",
                "kind": "drug",
                "class": class_,
                "first_pay_ratio": ratio,
                "restricted": False,
            }
            office.do(ADMIN, "PUT", f"/v1/catalogue/{item}", body | {"ceilings": None, "valid_from": "2017-01-01"})
        for number in range(hospitals):
            self._hospital(number)
        for number in range(hospitals * PERSONS_PER_HOSPITAL):
            self._person(number)

    def _hospital(self, number: int) -> None:
        area = AREAS[number % len(AREAS)]
        level, rank = KINDS[number // len(AREAS) % len(KINDS)]
        code = f"H{area}{number:05d}"
        self.hospitals[code] = area
        body = {
            "name": f"模拟医院{number}",
            "level": level,
            "rank": rank,
            "area_code": self.random.choice(COUNTIES[area]),
        }
        self.office.do(ADMIN, "PUT", f"/v1/hospitals/{code}", body)
        self.office.hire(code, scopes=["hospital"], hospital_code=code)

    def _person(self, number: int) -> None:
        area = AREAS[number % len(AREAS)]
        class_ = self.random.choice(CLASSES)
        identities = [] if class_ == "ordinary" else [{"class": class_, "from": "2016-01-01"}]
        body = {
            "name": f"模拟{number}",
            "id_number": id_number(number),
            "area_code": self.random.choice(COUNTIES[area]),
            "insurance_type": "390",
            "identities": identities,
        }
        self.put_person(f"SIM{number:08d}", body)

    def put_person(self, person: str, body: Answer) -> None:
        """Bring a person to a state."""
        self.persons[person] = body
        self.office.do(ADMIN, "PUT", f"/v1/persons/{person}", body)

    def contracts(self, since: date) -> None:
        """Half of the persons have a family doctor at a hospital of their area; some change it in the year."""
        for number, (person, body) in enumerate(self.persons.items()):
            near = [code for code, area in self.hospitals.items() if area[:4] == body["area_code"][:4]]
            if number % 2 or not near:
                continue
            change = since + timedelta(days=self.random.randrange(20, 400))
            first, second = self.random.choice(near), self.random.choice(near)
            self._contract(f"FD{number}-1", person, first, since, change)
            if self.random.random() < 0.7:
                self._contract(f"FD{number}-2", person, second, change, None)

    def _contract(self, shown: str, person: str, hospital: str, since: date, until: date | None) -> None:
        body = {"person_id": person, "hospital_code": hospital, "from": str(since)}
        if until is not None:
            body["until"] = str(until)
        self.office.do(ADMIN, "PUT", f"/v1/family-doctor/contracts/{shown}", body)
        area = self.persons[person]["area_code"][:4] + "00"
        self.doctors.append(FamilyDoctor(person, hospital, area, str(since), str(until or "9999")))

    def bill(self, hospital: str, discharged: date) -> Answer:
        """A bill of somebody, mostly a neighbour: some days in hospital, childbirth, or a visit."""
        self._bills += 1
        here = self.hospitals[hospital][:4]
        near = [person for person, body in self.persons.items() if body["area_code"][:4] == here]
        person = self.random.choice(near if self.random.random() < 0.85 else list(self.persons))
        kind = self.random.choices(("21", "11", "14", "52"), (70, 15, 10, 5))[0]
        stay = self.random.randrange(1, 15) if kind in ("21", "52") else 0
        admitted = max(discharged - timedelta(days=stay), date(discharged.year, 1, 1))
        lines = [self._line(number, admitted, kind) for number in range(1, self.random.randrange(2, 5))]
        extra: Answer = (
            {"disease_code": "M03900"} if kind == "14" else {"delivery_mode": "vaginal"} if kind == "52" else {}
        )
        return extra | {
            "hospital_code": hospital,
            "visit_id": f"V{self._bills:08d}",
            "settle_seq": 1,
            "person_id": person,
            "insurance_type": "390",
            "medical_type": kind,
            "admitted_on": str(admitted),
            "discharged_on": str(discharged),
            "diagnoses": [{"code": "I63.900", "name": "模拟", "main": True}],
            "referral": self.random.choices(("compliant", "missing", "not_required"), (80, 10, 10))[0],
            "lines": lines,
            "total": yuan(sum(fen(line["amount"]) for line in lines)),
        }

    def _line(self, number: int, day: date, kind: str) -> Answer:
        most = 2_000_000 if kind == "21" else 200_000
        amount = yuan(self.random.randrange(1, 1 + self.random.choice((most // 50, most // 5, most))))
        return {
            "line_no": number,
            "item_code": self.random.choices(tuple(ITEMS), (70, 20, 10))[0],
            "name": "模拟项目",
            "quantity": "1",
            "unit_price": amount,
            "amount": amount,
            "charged_at": f"{day}T08:00:00+08:00",
        }


def id_number(number: int) -> str:
    """An invented id number with a right check digit."""
    body = f"530102{1940 + number // 10_000:04d}0101{number % 1000:03d}"
    body = f"53{number // 1000 % 10_000:04d}{body[6:]}"
    return body + CHECK_DIGITS[sum(int(digit) * weight for digit, weight in zip(body, ID_WEIGHTS, strict=True)) % 11]
