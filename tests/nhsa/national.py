"""A hospital's system in the small world of ``tests/world.py``: the national interface as its messages."""

from typing import Any

from app.nhsa.client import Sender, filled
from app.service.caller import Credential
from tests.world import World


class Hospital:
    """The township hospital of a world (or another one of it), speaking the national interface."""

    def __init__(self, world: World, code: str | None = None, credential: Credential | None = None) -> None:
        self.world = world
        self.sender = Sender(world.client, code or world.township, "530127", credential or Credential("none"))

    async def send(self, infno: str, input_: dict[str, Any], msgid: str | None = None) -> dict[str, Any]:
        """A transaction's answer."""
        return await self.sender.send(infno, input_, msgid)

    async def done(self, infno: str, input_: dict[str, Any], msgid: str | None = None) -> Any:
        """The output of a transaction that must be done."""
        answer = await self.send(infno, input_, msgid)
        assert answer["infcode"] == 0, answer["err_msg"]
        assert answer["err_msg"] == ""
        return answer["output"]

    async def refused(self, infno: str, input_: dict[str, Any], code: str, msgid: str | None = None) -> str:
        """The words of a transaction that must be refused with a code."""
        answer = await self.send(infno, input_, msgid)
        assert answer["infcode"] == -1
        assert f"[{code}]" in answer["err_msg"], answer["err_msg"]
        return str(answer["err_msg"])

    async def downloaded(self, number: str, filename: str) -> bytes:
        """A file by 9102, as the stream that it comes in."""
        row = {"file_qury_no": number, "filename": filename, "fixmedins_code": self.sender.hospital_code}
        answer = await self.sender.post(self.sender.envelope("9102", {"fsDownloadIn": row}))
        assert answer.headers["content-type"] == "application/octet-stream", answer.text
        assert filename in answer.headers["content-disposition"]
        return answer.content

    # ------------------------------------------------------------ inputs

    def admission(self, visit_id: str, **changes: Any) -> dict[str, Any]:
        """The input of 2401."""
        values = {"psn_no": self.world.person, "insutype": "390", "med_type": "21", "ipt_no": visit_id}
        values |= {"begntime": "2018-05-02 08:00:00", "certno": self.world.id_number, "mdtrt_cert_type": "02"}
        diagnosis = filled("2401", "diseinfo", psn_no=self.world.person, maindiag_flag="1", diag_code="I63.900")
        diagnosis["diag_name"] = "脑梗死"
        return {"mdtrtinfo": filled("2401", "mdtrtinfo", **values) | changes, "diseinfo": [diagnosis]}

    def line(
        self, mdtrt_id: str, serial: str, amount: str = "25.00", kind: str = "A", **changes: Any
    ) -> dict[str, Any]:
        """A row of 2301: one unit."""
        values = {
            "feedetl_sn": serial,
            "mdtrt_id": mdtrt_id,
            "psn_no": self.world.person,
            "med_type": "21",
            "fee_ocur_time": "2018-05-02 09:30:00",
            "med_list_codg": self.world.item(kind),
            "medins_list_codg": "Y001",
            "det_item_fee_sumamt": amount,
            "cnt": "1",
            "pric": amount,
        }
        return filled("2301", "feedetail", **values) | changes

    def outpatient_line(self, mdtrt_id: str, serial: str, amount: str = "25.00", **changes: Any) -> dict[str, Any]:
        """A row of 2204: one unit in the first batch."""
        row = filled("2204", "feedetail", chrg_bchno="B1", hosp_appr_flag="0", rx_circ_flag="0")
        known = {key: value for key, value in self.line(mdtrt_id, serial, amount).items() if key in row}
        return row | known | {"chrg_bchno": "B1", "hosp_appr_flag": "0"} | changes

    def settling(self, infno: str, mdtrt_id: str, total: str, **changes: Any) -> dict[str, Any]:
        """The input of a quote or settle."""
        values = {"psn_no": self.world.person, "mdtrt_id": mdtrt_id, "medfee_sumamt": total, "insutype": "390"}
        values |= {
            "psn_setlway": "01",
            "acct_used_flag": "0",
            "mid_setl_flag": "0",
            "chrg_bchno": "B1",
            "med_type": "11",
        }
        values |= {"certno": self.world.id_number, "psn_name": "李某", "mdtrt_cert_type": "02"}
        row = filled("2304" if infno in ("2303", "2304") else infno, "data")
        known = {key: value for key, value in values.items() if key in row}
        for name in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"):
            row.pop(name, None)
        return {"data": row | known | changes}

    def of_visit(self, mdtrt_id: str, **changes: Any) -> dict[str, Any]:
        """An input that names a visit and its person."""
        return {"data": {"mdtrt_id": mdtrt_id, "psn_no": self.world.person} | changes}

    # ------------------------------------------------------------ steps

    async def admitted(self, visit_id: str, **changes: Any) -> str:
        """Admit the person: the visit's id."""
        return str((await self.done("2401", self.admission(visit_id, **changes)))["result"]["mdtrt_id"])

    async def charged(self, mdtrt_id: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
        """Upload lines: the result of each."""
        result: list[dict[str, Any]] = (await self.done("2301", {"feedetail": list(rows)}))["result"]
        return result

    async def discharged(self, mdtrt_id: str, **changes: Any) -> None:
        """Discharge the person."""
        values = {"mdtrt_id": mdtrt_id, "psn_no": self.world.person, "insutype": "390", "dscg_way": "1"}
        row = filled("2402", "dscginfo", **values, endtime="2018-05-12 10:00:00") | changes
        await self.done("2402", {"dscginfo": row})

    async def settled(self, mdtrt_id: str, total: str, msgid: str | None = None, **changes: Any) -> dict[str, Any]:
        """Settle an inpatient: the output."""
        output: dict[str, Any] = await self.done("2304", self.settling("2304", mdtrt_id, total, **changes), msgid)
        return output

    async def stay(self, visit_id: str, amount: str = "12000.00") -> str:
        """A discharged stay with one line, not settled yet: the visit's id."""
        mdtrt_id = await self.admitted(visit_id)
        await self.charged(mdtrt_id, self.line(mdtrt_id, "1", amount))
        await self.discharged(mdtrt_id)
        return mdtrt_id

    async def registered(self, visit_id: str, **changes: Any) -> str:
        """Register an outpatient of the second of May, with its medical type and diagnosis: the visit's id."""
        values = {"psn_no": self.world.person, "insutype": "390", "ipt_otp_no": visit_id}
        row = filled("2201", "data", **values, begntime="2018-05-02 08:00:00", certno=self.world.id_number)
        mdtrt_id = str((await self.done("2201", {"data": row}))["data"]["mdtrt_id"])
        about = {"mdtrt_id": mdtrt_id, "psn_no": self.world.person, "med_type": "11", "begntime": "2018-05-02 08:00:00"}
        await self.done("2203", {"mdtrtinfo": filled("2203", "mdtrtinfo", **about) | changes})
        return mdtrt_id


async def signing(world: World, profile: str, code: str | None = None) -> Hospital:
    """A hospital of a world whose record has a gateway profile, with its secret."""
    code = code or world.township
    credential = Credential(profile, f"key-{code}", f"secret-{code}")  # type: ignore[arg-type]
    wanted = {"profile": profile}
    if profile != "none":
        wanted |= {"key_id": credential.key_id, "secret": credential.secret}
    await world.put(f"/v1/hospitals/{code}/gateway", wanted)
    return Hospital(world, code, credential)
