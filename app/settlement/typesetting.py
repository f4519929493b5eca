"""Setting a template as PDF/A-2u with typst, off the event loop. Equal data give equal bytes.

The fonts are those of the pinned assets, and for rare characters the one of Debian's ``fonts-babelstone-han``, which
the image holds and a machine may have installed. ``python -m app.settlement.typesetting TEMPLATE DATE`` sets the data
of its standard input: a bill of thousands of lines takes a gigabyte, which only the end of a process frees.
"""

import asyncio
import sys
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

import typst

from app.basics.errors import Unavailable
from app.settlement.glyphs import coverage

FONT_FOLDER: Final = Path(__file__).parent / "fonts"
FONT_FILES: Final = ("NotoSansSC-Regular.ttf", "NotoSansSC-Bold.ttf")
# Of the image, and of Debian's package.
RARE_FONTS: Final = (
    Path(sys.prefix, "share/fonts/babelstone/BabelStoneHan.ttf"),
    Path("/usr/share/fonts/truetype/babelstone/BabelStoneHan.ttf"),
)
RARE_FONT: Final = next((path for path in RARE_FONTS if path.exists()), RARE_FONTS[-1])
FAMILY: Final = "Noto Sans SC"
STANDARD: Final = "a-2u"
AT_ONCE: Final = 2
MOST_SECONDS: Final = 120

_turn: Final = asyncio.Semaphore(AT_ONCE)


async def typeset(template: Path, data: str, dated: datetime, *, small: bool) -> bytes:
    """The PDF of a template over its input ``data``: a ``small`` one in a thread, another in a process of its own.

    At most two at once, so that printing leaves the processor to settling. Unavailable when it isn't done in time.
    """
    async with _turn:
        if small:
            return await asyncio.to_thread(pdf, template, data, dated)
        return await _in_process(template, data, dated)


async def _in_process(template: Path, data: str, dated: datetime) -> bytes:
    command = (sys.executable, "-m", "app.settlement.typesetting", str(template), dated.isoformat())
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        content, _ = await asyncio.wait_for(process.communicate(data.encode()), MOST_SECONDS)
    except TimeoutError:
        raise Unavailable("busy", headers={"Retry-After": "60"}) from None
    finally:
        if process.returncode is None:  # it took too long, or whoever asked is gone
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"typesetting ended with {process.returncode}")
    return content


def pdf(template: Path, data: str, dated: datetime) -> bytes:
    """The PDF of a template, dated so in its own properties. Takes a processor for half a millisecond a line."""
    compiler = typst.Compiler(template, font_paths=_fonts(), ignore_system_fonts=True, sys_inputs={"data": data})
    content = compiler.compile(format="pdf", timestamp=dated, pdf_standards=STANDARD, pdf_tags=False)
    assert isinstance(content, bytes)
    return content


@cache
def _fonts() -> typst.Fonts:
    """The fonts of the folder, without which typst would leave text out and say nothing; what they lack is taken from
    the font of rare characters."""
    folders = [FONT_FOLDER, *([RARE_FONT.parent] if RARE_FONT.exists() else [])]
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)
    if FAMILY not in fonts.families():
        raise RuntimeError(f"{FAMILY} is not in {FONT_FOLDER}: make setup and the image build install it")
    return fonts


@cache
def covered() -> frozenset[int]:
    """The code points that every weight of the font can show, and those of the font of rare characters."""
    common = frozenset.intersection(*(coverage(FONT_FOLDER / name) for name in FONT_FILES))
    return common | (coverage(RARE_FONT) if RARE_FONT.exists() else frozenset())


if __name__ == "__main__":
    sys.stdout.buffer.write(
        pdf(Path(sys.argv[1]), sys.stdin.buffer.read().decode(), datetime.fromisoformat(sys.argv[2]))
    )
