"""``python -m app.cli`` is the command ``onestop``."""

from app.cli.main import main

main()
