"""The slip as PDF: what stands on it, equal bytes of equal settlements, its code, rare characters, long bills."""

import dataclasses
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import msgspec
import pypdf
import pytest
import typst
import zxingcpp
from PIL import Image

from app.settlement.glyphs import shown
from app.settlement.slip import Names, contents
from app.settlement.slip_pdf import PDF_TYPE, TEMPLATE, document_of
from app.settlement.typesetting import FONT_FOLDER, RARE_FONT, covered, pdf, typeset
from tests.conftest import TokenFactory
from tests.settlement.test_slip import NAMES, PACK, computation, row_of
from tests.world import World, key

PDF = {"Accept": PDF_TYPE}
MONEY = re.compile(r"-?[0-9]+\.[0-9]{2}")


def slip_of(row: dict[str, Any], names: Names = NAMES, *, lines: int | None = None) -> dict[str, Any]:
    """The contents of a row's slip; ``lines``: with that many, the bill's own over and over."""
    found = contents(row, names, PACK)
    given = found["lines"]
    return found if lines is None else found | {"lines": [given[number % len(given)] for number in range(lines)]}


def set_pdf(found: dict[str, Any]) -> bytes:
    return pdf(TEMPLATE, *document_of(found))


def pages_of(content: bytes) -> list[str]:
    """Each page's text without blanks: a long word may be broken over lines."""
    return [re.sub(r"\s", "", page.extract_text()) for page in pypdf.PdfReader(BytesIO(content)).pages]


def amounts_of(value: object) -> Iterator[str]:
    """Every amount that stands in an answer, by itself or in a sentence."""
    if isinstance(value, dict):
        for one in value.values():
            yield from amounts_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from amounts_of(one)
    elif isinstance(value, str):
        yield from MONEY.findall(value)


def test_every_amount_of_the_settlement_is_on_the_slip() -> None:
    """Tiers with their sum, scope, accumulators, each step and each line, in figures; the totals in capitals as
    well."""
    found = slip_of(row_of(computation()))
    text = "".join(pages_of(set_pdf(found)))
    answer = msgspec.to_builtins(found["answer"])
    wanted = {name: answer[name] for name in ("total", "scope", "portions", "payables", "summary", "lines")}
    wanted["trace"] = [[step["formula"], step["amount"], list(step["room"].values())] for step in answer["trace"]]
    wanted["year"] = [[str(before), str(after)] for _, rows in found["years"] for _, before, after in rows]
    amounts = set(amounts_of(wanted))
    assert len(amounts) > 60
    assert not {amount for amount in amounts if amount not in text}
    for words in (
        "贰万零玖佰壹拾贰元壹角玖分",
        "贰仟零玖拾壹元贰角贰分",
        "患者／家属签字",
        "云政办发〔2017〕102号",
        "冲减第40行",
    ):
        assert words in text, words


def test_equal_settlements_give_equal_bytes() -> None:
    """No time of printing and no random id is in the file, which is dated by the settlement; another amount is
    another file."""
    first, again = set_pdf(slip_of(row_of(computation()))), set_pdf(slip_of(row_of(computation())))
    other = msgspec.structs.replace(row_of(computation()), settlement_id=7000124)
    assert first == again
    assert first != set_pdf(slip_of(other))
    properties = pypdf.PdfReader(BytesIO(first)).metadata
    assert properties is not None
    assert properties["/CreationDate"] == "D:20180511160000Z"
    assert properties["/Title"] == "医疗费用“一站式”结算单 set_7000123"


async def test_a_process_of_its_own_sets_the_same_bytes() -> None:
    """A bill too long for the service's own process gives the file that a thread would give."""
    document = document_of(slip_of(row_of(computation())))
    assert await typeset(TEMPLATE, *document, small=False) == await typeset(TEMPLATE, *document, small=True)


async def test_a_template_that_fails_in_its_process_is_an_error() -> None:
    """Nobody gets half a slip."""
    with pytest.raises(RuntimeError, match="typesetting ended"):
        await typeset(TEMPLATE, "{}", document_of(slip_of(row_of(computation())))[1], small=False)


def test_the_code_names_settlement_and_digests() -> None:
    """Scanned from the page as it is set, it says the settlement's id, the digest of its inputs and that of its
    results."""
    one = computation()
    data, _ = document_of(slip_of(row_of(one)))
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[FONT_FOLDER])
    pages = typst.Compiler(TEMPLATE, font_paths=fonts, sys_inputs={"data": data}).compile(format="png", ppi=150)
    assert isinstance(pages, list)
    with Image.open(BytesIO(pages[0])) as page:
        (found,) = zxingcpp.read_barcodes(page.convert("L"))
    assert found.text == f"set_7000123 {one.digest} {one.result_digest}"


def test_the_id_number_is_masked() -> None:
    """The file holds the masked id number and nothing of the rest; the name is there in full."""
    text = "".join(pages_of(set_pdf(slip_of(row_of(computation())))))
    assert "530127********9959" in text
    assert "张永福" in text


@pytest.mark.parametrize("name", ["䶮", "㛃", "𬱖", "𠅤", "㐂", "〇", "赟", "喆", "欧阳·买买提", "O'Neil-Müller"])
def test_rare_characters_of_names_are_shown(name: str) -> None:
    """The font has the characters of the general standard and of extension A: no name gets an empty box."""
    assert shown(name, covered()) == name
    text = pages_of(set_pdf(slip_of(row_of(computation()), dataclasses.replace(NAMES, person=name))))[0]
    assert name in text


def test_a_character_that_no_font_has_is_shown_by_its_number() -> None:
    """It is replaced for all to see, never left out; selectors of variants and control characters only are."""
    assert shown("𪚡\U00032000葛\U000e0100\x07", covered()) == "〔U+2A6A1〕〔U+32000〕葛"
    names = dataclasses.replace(NAMES, person="李𪚡", hospital="🏥第一医院")
    pages = pages_of(set_pdf(slip_of(row_of(computation()), names)))
    assert "李〔U+2A6A1〕" in pages[0]
    assert "〔U+1F3E5〕第一医院" in pages[0]
    assert "以其Unicode编号代替：U+1F3E5、U+2A6A1。" in pages[-1]
    assert "代替" not in pages_of(set_pdf(slip_of(row_of(computation()))))[-1]


@pytest.mark.skipif(not RARE_FONT.exists(), reason="apt-get install fonts-babelstone-han")
def test_names_in_extensions_b_to_h_are_printed() -> None:
    """With Debian's font of rare characters, those that the main font lacks are drawn."""
    name = "李𫰡𰌂𱖎𫰠䶮𬱖"
    pages = pages_of(set_pdf(slip_of(row_of(computation()), dataclasses.replace(NAMES, person=name))))
    assert name in pages[0]
    assert "代替" not in pages[-1]


def test_a_settlement_of_the_real_clock_has_a_pdf() -> None:
    """A real instant has microseconds, which a PDF's date can't have: it is dated by the second."""
    row = row_of(computation())
    real = msgspec.structs.replace(row, settled_at=row.settled_at.replace(microsecond=123_456))
    properties = pypdf.PdfReader(BytesIO(set_pdf(slip_of(real)))).metadata
    assert properties is not None
    assert properties["/CreationDate"] == "D:20180511160000Z"


@pytest.mark.parametrize("name", ["阿卜杜拉·" * 24, "Abcdefghijkl" * 10, "Ab cdefghij " * 10])
def test_long_names_stay_within_their_cells(name: str) -> None:
    """A name of 120 characters, and ids as long as they may be, are broken into lines instead of running on."""
    row = msgspec.structs.replace(row_of(computation()), visit_id="Z" * 64, person_id="5" * 64)
    found = slip_of(row, dataclasses.replace(NAMES, person=name, hospital=name))
    charged = msgspec.structs.replace(found["lines"][0].charged, name=name)
    found["lines"][0] = dataclasses.replace(found["lines"][0], charged=charged)
    pieces: list[str] = []

    def visit(text: str, *_: object) -> None:
        pieces.append(text)

    pypdf.PdfReader(BytesIO(set_pdf(found))).pages[0].extract_text(visitor_text=visit)
    plain = name.replace(" ", "")
    assert re.sub(r"\s", "", "".join(pieces)).count(plain) == 2
    assert max(len(line) for piece in pieces for line in piece.splitlines()) < 90


async def test_settlements_reversals_and_adjustments_have_pdfs(either_clock: httpx.AsyncClient) -> None:
    """Over HTTP by ``Accept``; the page stays HTML without it."""
    client = either_clock
    world = await World(client).build(name="欧阳㛃")
    settled = await world.settled(world.bill("100.00", lines=[world.line("100.00", quantity="2", unit_price="50.00")]))
    path = f"/v1/settlements/{settled['settlement_id']}"
    taken_back = {"lines": [{"line_no": 1, "quantity": "1"}], "reason": "退药一份"}
    adjusted = await client.post(f"{path}/refunds", json=taken_back, headers=key())
    assert adjusted.status_code == 201, adjusted.text
    undone = await client.post(f"{path}/reversal", json={"reason": "录入错误"}, headers=key())
    assert undone.status_code == 201, undone.text
    for entry, words in (
        (settled, ("100.00", "壹佰元整", "已撤销", "欧阳㛃", f"{world.id_number[:6]}********{world.id_number[-4:]}")),
        (adjusted.json(), ("-50.00", "负伍拾元整", "退药一份", "现在的计算过程", "调整单")),
        (undone.json(), ("撤销单", "录入错误", settled["settlement_id"])),
    ):
        slip = await client.get(f"/v1/settlements/{entry['settlement_id']}/slip", headers=PDF)
        assert slip.status_code == 200, slip.text
        assert slip.headers["content-type"] == PDF_TYPE
        assert slip.headers["content-disposition"] == f'inline; filename="{entry["settlement_id"]}.pdf"'
        text = "".join(pages_of(slip.content))
        assert world.id_number not in text
        for word in words:
            assert word in text, word
    page = await client.get(f"{path}/slip", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["vary"] == "Accept"


async def test_a_pdf_is_within_the_callers_reach(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """Another hospital's settlement is not found, as everywhere."""
    world = await World(client).build()
    settled = await world.settled(world.bill("25.00"))
    path = f"/v1/settlements/{settled['settlement_id']}/slip"
    own = await token(scopes=["hospital"], hospital_code=world.township)
    other = await token(scopes=["hospital"], hospital_code=world.county)
    assert (await client.get(path, headers=PDF | own)).content.startswith(b"%PDF-")
    assert (await client.get(path, headers=PDF | other)).json()["code"] == "not_found"


def test_the_file_brings_its_fonts() -> None:
    """The PDF embeds every font it uses, and uses none but the installed one."""
    reader = pypdf.PdfReader(BytesIO(set_pdf(slip_of(row_of(computation())))))
    fonts = {
        font.get_object()["/BaseFont"]
        for page in reader.pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    }
    assert fonts
    assert all("NotoSansSC" in name for name in fonts), fonts
