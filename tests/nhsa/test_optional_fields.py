"""Messages built from the field tables: whatever stands in an optional field, nothing breaks and no amount changes."""

import os
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import httpx
import pytest

from app.nhsa.client import filled
from app.nhsa.door import HANDLERS
from app.nhsa.fields import TRANSACTIONS
from tests.nhsa.national import Hospital
from tests.nhsa.test_stay import visit_id
from tests.world import World

pytestmark = pytest.mark.thorough

EMPTY: tuple[Any, ...] = ("", None, "null", 0, "0")
TRIED = int(os.environ.get("ONESTOP_OPTIONAL_VALUES", "1"))
"""How many of these are tried in a field: others in the next field, all of them in ``make soak``."""


@pytest.fixture
async def hospital(client: httpx.AsyncClient) -> Hospital:
    """The township hospital of a world of its own."""
    return Hospital(await World(client).build())


def variants(infno: str) -> Iterator[tuple[str, str, Any]]:
    """Node, optional field and what is written in it."""
    values = cycle(EMPTY)
    for node, fields in TRANSACTIONS[infno].input.items():
        for field in fields:
            if not field.required:
                for value in islice(values, TRIED):
                    yield node, field.name, value


@pytest.mark.parametrize("infno", sorted(HANDLERS))
async def test_no_optional_field_breaks_a_transaction(hospital: Hospital, infno: str) -> None:
    """With each optional field empty, null or 0 in turn the answer is one of the interface: done or refused in
    words."""
    message = {node: filled(infno, node) for node in TRANSACTIONS[infno].input}
    for node, name, value in variants(infno):
        sent = message | {node: message[node] | {name: value}}
        answer = await hospital.sender.post(hospital.sender.envelope(infno, sent))
        assert answer.status_code == 200, (node, name, value, answer.text)
        if answer.headers["content-type"].startswith("application/json"):
            assert answer.json()["infcode"] in (0, -1)
            assert "nhsa_failed" not in answer.json()["err_msg"], (node, name, value, answer.text)


Variant = tuple[str, str, str, Any]
"""Transaction, node, optional field and what is written in it."""

INPATIENT = ("2401", "2301", "2402", "2303", "2304", "2305")
OUTPATIENT = ("2201", "2203", "2204", "2206", "2207", "2208")
MONEY = {
    infno: [field.name for field in TRANSACTIONS[infno].output["setlinfo"] if field.kind == "number"]
    for infno in ("2303", "2304", "2305", "2206", "2207", "2208")
}


class Stay:
    """One visit from its registration to the cancellation of its settlement, in messages that have required fields
    only, of which one message may differ in one field."""

    def __init__(self, hospital: Hospital, variant: Variant | None = None) -> None:
        self.hospital, self.variant = hospital, variant
        self.amounts: dict[str, dict[str, Any]] = {}
        self.known: dict[str, Any] = {
            **{"psn_no": hospital.world.person, "certno": hospital.world.id_number, "mdtrt_id": "", "setl_id": ""},
            **{"med_list_codg": hospital.world.item("A"), "medins_list_codg": "Y001", "cnt": "1", "pric": "1234.50"},
            **{"det_item_fee_sumamt": "1234.50", "medfee_sumamt": "1234.50", "psn_setlway": "01", "feedetl_sn": "1"},
            **{"begntime": "2018-05-02 08:00:00", "endtime": "2018-05-12 10:00:00", "diag_code": "I63.900"},
            **{"fee_ocur_time": "2018-05-02 09:30:00", "chrg_bchno": "B1", "hosp_appr_flag": "0", "dscg_way": "1"},
            **{"acct_used_flag": "0", "mid_setl_flag": "0", "maindiag_flag": "1", "diag_name": "脑梗死"},
        }

    async def send(self, infno: str) -> dict[str, Any] | None:
        """The output of the visit's next message, None when its variant was refused."""
        message = {node: filled(infno, node) for node in TRANSACTIONS[infno].input}
        for row in message.values():
            row.update({name: value for name, value in self.known.items() if name in row})
        changed = self.variant is not None and self.variant[0] == infno
        if self.variant is not None and changed:
            _, node, name, value = self.variant
            message[node][name] = value
        answer = await self.hospital.send(infno, message)
        assert answer["infcode"] == 0 or changed, (infno, self.variant, answer["err_msg"])
        if answer["infcode"] != 0:
            return None
        output: dict[str, Any] = answer["output"]
        if infno in MONEY:
            info = output["setlinfo"]
            self.amounts[infno] = {name: info[name] for name in MONEY[infno]} | {"funds": output["setldetail"]}
            for detail in output["setldetail"]:
                detail.pop("setl_id", None)
            if infno in ("2304", "2207"):
                self.known["setl_id"] = info["setl_id"]
        return output

    async def played(self, infnos: tuple[str, ...], med_type: str) -> bool:
        """Whether the whole visit was accepted."""
        self.known |= {"ipt_no": (number := visit_id()), "ipt_otp_no": number, "med_type": med_type}
        for infno in infnos:
            output = await self.send(infno)
            if output is None:
                return False
            if infno in ("2401", "2201"):
                self.known["mdtrt_id"] = output["result" if infno == "2401" else "data"]["mdtrt_id"]
        return True


@pytest.mark.parametrize("infno", [*INPATIENT, *OUTPATIENT])
async def test_no_optional_field_changes_an_amount(hospital: Hospital, infno: str) -> None:
    """Whatever stands in an optional field of any message of a visit, quote, settlement and cancellation have the very
    amounts of the visit without it, or that message is refused."""
    row = filled("1101", "data", mdtrt_cert_type="02", mdtrt_cert_no=hospital.world.id_number)
    await hospital.done("1101", {"data": row})
    infnos, med_type = (INPATIENT, "21") if infno in INPATIENT else (OUTPATIENT, "11")
    plain = Stay(hospital)
    assert await plain.played(infnos, med_type)
    accepted, tried = 0, 0
    for node, name, value in variants(infno):
        tried += 1
        stay = Stay(hospital, (infno, node, name, value))
        if await stay.played(infnos, med_type):
            accepted += 1
            assert stay.amounts == plain.amounts, (infno, node, name, value)
        elif infnos[4] in stay.amounts:  # only the cancellation was refused
            stay.variant = None
            await stay.send(infnos[5])
    assert accepted * 2 > tried, (accepted, tried)
