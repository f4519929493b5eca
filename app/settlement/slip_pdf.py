"""The slip as PDF/A on A4, set by typst: the same facts as the HTML slip, equal bytes for equal facts. Computes nothing.

The font comes with the package (``assets/install.py``) and is the whole of Noto Sans SC: a person's name may need any character.
"""

import asyncio
import io
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import segno
import typst

from app.context import Caller, Service
from app.settlement.answer import SettlementAnswer, StepAnswer
from app.settlement.slip import (
    BASIS_STATUS,
    KIND_TITLES,
    NOT_KNOWN,
    REFERRALS,
    ROOM_NAMES,
    STATUS_NAMES,
    SlipFacts,
    SlipLine,
    basis_text,
    slip_facts,
)
from app.tiers.summary import CLASS_NAMES, MEDICAL_TYPE_NAMES, TIER_NAMES

PDF_TYPE: Final = "application/pdf"
STANDARD: Final = "a-2u"
FONTS: Final = Path(__file__).parent / "fonts"
TEMPLATE: Final = Path(__file__).parent.parent / "templates" / "slip.typ"
PAYERS: Final = {"hospital": "医院", "patient": "个人"}
CHARGED_HEADS: Final = ("日期", "名称", "单价", "数量", "金额")
SCOPE_KEYS: Final = ("own_expense", "over_limit", "first_pay", "in_scope")


async def slip_pdf(service: Service, caller: Caller, row: Any) -> bytes:
    """The slip of a settlement's row as PDF."""
    return await asyncio.to_thread(typeset, await slip_facts(service, caller, row))


def typeset(facts: SlipFacts) -> bytes:
    """The PDF of a slip's facts. RuntimeError when the font was not installed."""
    content = msgspec.json.encode(_content(facts), enc_hook=str).decode()
    made = typst.compile(
        TEMPLATE,
        font_paths=_fonts(),
        sys_inputs={"slip": content},
        format="pdf",
        pdf_standards=STANDARD,
        timestamp=facts.settled_instant,
    )
    assert isinstance(made, bytes)
    return made


@cache
def _fonts() -> typst.Fonts:
    if not any(FONTS.glob("*.ttf")):
        raise RuntimeError("the slip's font is missing; run make setup, or python assets/install.py")
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])


def _content(facts: SlipFacts) -> dict[str, Any]:
    """What the template sets, all of it text."""
    answer, bill = facts.answer, facts.bill
    number = answer.settlement_id or NOT_KNOWN
    return {
        "answer": answer,
        "names": facts.names,
        "bill": None if bill is None else {},
        "number": number,
        "kind_title": KIND_TITLES[answer.kind],
        "stamp": "已撤销" if answer.status == "reversed" else "撤销单" if answer.kind == "reversal" else None,
        "qr": _qr(f"{number} {answer.result_digest}"),
        "class_name": CLASS_NAMES["zh"][answer.benefit_class],
        "medical_type": MEDICAL_TYPE_NAMES["zh"][answer.medical_type] + ("（中途结算）" if answer.interim else ""),
        "status": "撤销原结算" if answer.kind == "reversal" else STATUS_NAMES[answer.status],
        "settled_at": facts.settled_at,
        "diagnoses": ""
        if bill is None
        else "；".join(f"{one.name or ''} {one.code}".strip() for one in bill.diagnoses) or NOT_KNOWN,
        "referral": "" if bill is None else REFERRALS[bill.referral],
        "portions": [[TIER_NAMES["zh"][tier], amount, tier == "patient"] for tier, amount in facts.portions],
        "total_capital": facts.total_capital,
        "patient_capital": facts.patient_capital,
        "payables": _payables(answer),
        "scope": facts.scope,
        "year": facts.year,
        **_sentences(answer),
        "trace_title": "现在的计算过程" if answer.kind == "adjustment" else "计算过程",
        "steps": [_step(step, facts.titles) for step in answer.trace or ()],
        "line_heads": ["行", *(CHARGED_HEADS if bill else ()), "类", *(name for name, _ in facts.scope), "说明"],
        "lines": [*(_line(line) for line in facts.lines), _sum(facts)],
        "notes": _notes(facts),
    }


def _qr(content: str) -> str:
    """An SVG of the QR code; its bytes depend on the content only."""
    picture = io.BytesIO()
    segno.make(content, error="m", micro=False).save(
        picture, kind="svg", border=0, omitsize=True, xmldecl=False, nl=False
    )
    return picture.getvalue().decode()


def _payables(answer: SettlementAnswer) -> str:
    owed = "；".join(f"{TIER_NAMES['zh'][one.tier]}（{one.fund}）{one.amount}" for one in answer.payables) or "无"
    text = f"基金应付{PAYERS[answer.paid_by]}：{owed}。"
    if answer.payable_adjustment != "0.00":
        text += f"其中含定额包干结余 {answer.payable_adjustment}，付给医院。"
    if answer.recoverable:
        text += "工伤认定尚未确定：认定为工伤后，基金将追偿。"
    return text


def _sentences(answer: SettlementAnswer) -> dict[str, Any]:
    if answer.comparison:
        return {
            "sentences_title": "与原计算的差别（本单金额是差额）",
            "sentences": [one.sentence for one in answer.comparison],
        }
    return {"sentences_title": "费用说明", "sentences": list(answer.summary or ())}


def _step(step: StepAnswer, titles: dict[str, str]) -> dict[str, Any]:
    sources = (
        f"〔{BASIS_STATUS[one.status]}〕{titles.get(one.parameter, one.parameter)}：{basis_text(one.document, one.clause)}"
        for one in step.basis
    )
    return {
        "step": step.step,
        "tier": TIER_NAMES["zh"].get(step.tier, step.tier),
        "name": step.name,
        "formula": step.formula,
        "basis": list(sources),
        "room": [f"{ROOM_NAMES.get(name, name)} {amount}" for name, amount in step.room.items()],
        "amount": step.amount,
    }


def _line(line: SlipLine) -> list[str]:
    cells = [str(line.line_no)]
    if line.charged is not None:
        one = line.charged
        cells += [line.charged_on[5:], one.name or one.item_code, one.unit_price, one.quantity, one.amount]
    if line.scope is None:
        return [*cells, *[""] * (1 + len(SCOPE_KEYS)), line.note]
    amounts = (getattr(line.scope, key) for key in SCOPE_KEYS)
    return [*cells, line.scope.catalogue_class or NOT_KNOWN, *amounts, line.note]


def _sum(facts: SlipFacts) -> list[str]:
    charged = ["", "", "", "", facts.answer.total] if facts.bill else []
    return ["合计", *charged, "", *(amount for _, amount in facts.scope), ""]


def _notes(facts: SlipFacts) -> list[str]:
    notes = []
    for name, document in facts.documents:
        if name == "assumption":
            notes.append("标“假设”的数字合理但未经核实，待地方文件替换。")
            continue
        title = f"《{document['title']}》" if document.get("title") else ""
        issued = f"（{document['issued']}）" if document.get("issued") else ""
        notes.append(f"{name} {document.get('issuer', '')}{title}{document.get('number', '')}{issued}")
    policy = facts.answer.policy
    return [*notes, f"政策版本 {policy.pack} / {policy.version}，其中用到 {policy.assumed} 项假设数字。"]
