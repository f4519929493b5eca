"""``python -m app.cli`` is the command ``onestop``."""

if __name__ == "__main__":  # a worker process, which runs this again under another name, needs no commands
    from app.cli.main import main

    main()
