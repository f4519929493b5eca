"""A bank that exists only in the tests: it reads a payment file, and answers as real banks do."""

from dataclasses import dataclass
from xml.etree import ElementTree

PAIN: str = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
CAMT: str = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


@dataclass(frozen=True)
class Asked:
    """What the bank was asked to pay, as it reads the file."""

    reference: str
    amount: str
    account: str
    name: str


@dataclass(frozen=True)
class Booking:
    """What the bank did: ``DBIT`` pays, ``CRDT`` gives back."""

    entry: str
    amount: str
    reference: str | None
    account: str | None = None
    direction: str = "DBIT"
    detail: str | None = None


def asked(file: bytes) -> list[Asked]:
    """The transactions of a pain.001, whose control sum the bank checks first."""
    root = ElementTree.fromstring(file)
    found = []
    for one in root.iter(f"{PAIN}CdtTrfTxInf"):
        texts = [
            one.findtext(path.replace("/", f"/{PAIN}").join((PAIN, "")))
            for path in ("PmtId/EndToEndId", "Amt/InstdAmt", "CdtrAcct/Id/Othr/Id", "Cdtr/Nm")
        ]
        found.append(Asked(*(text or "" for text in texts)))
    header = root.find(f"{PAIN}CstmrCdtTrfInitn/{PAIN}GrpHdr")
    assert header is not None
    assert header.findtext(f"{PAIN}NbOfTxs") == str(len(found))
    total = sum(int(one.amount.replace(".", "")) for one in found)
    assert header.findtext(f"{PAIN}CtrlSum") == f"{total // 100}.{total % 100:02}"
    return found


def camt053(bookings: list[Booking], day: str) -> bytes:
    """A statement of the account on a day."""
    entries = "".join(_entry(one, day) for one in bookings)
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="{CAMT}"><BkToCstmrStmt>
 <GrpHdr><MsgId>M1</MsgId><CreDtTm>{day}T18:00:00</CreDtTm></GrpHdr>
 <Stmt><Id>S1</Id><CreDtTm>{day}T18:00:00</CreDtTm><Acct><Id><Othr><Id>530100001</Id></Othr></Id></Acct>
  <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">0</Amt><CdtDbtInd>CRDT</CdtDbtInd>
   <Dt><Dt>{day}</Dt></Dt></Bal>{entries}</Stmt></BkToCstmrStmt></Document>"""
    return text.encode()


def _entry(one: Booking, day: str) -> str:
    refs = f"<EndToEndId>{one.reference or 'NOTPROVIDED'}</EndToEndId>"
    if one.detail:
        refs = f"<AcctSvcrRef>{one.detail}</AcctSvcrRef>{refs}"
    account = "" if one.account is None else f"<CdtrAcct><Id><Othr><Id>{one.account}</Id></Othr></Id></CdtrAcct>"
    parties = f"<RltdPties>{account}</RltdPties>" if account else ""
    back = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>" if one.direction == "CRDT" else ""
    return f"""
  <Ntry><Amt Ccy="CNY">{one.amount}</Amt><CdtDbtInd>{one.direction}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
   <BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt><AcctSvcrRef>{one.entry}</AcctSvcrRef>
   <BkTxCd/><NtryDtls><TxDtls><Refs>{refs}</Refs><Amt Ccy="CNY">{one.amount}</Amt>
   <CdtDbtInd>{one.direction}</CdtDbtInd>{parties}{back}</TxDtls></NtryDtls></Ntry>"""
