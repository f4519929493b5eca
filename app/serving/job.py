"""The process of one job: ``python -m app.serving.job <job id> <attempt> <parent's process id>``."""

import asyncio
import sys

from app.basics.errors import Unavailable
from app.config import Settings
from app.database.embedded import default_data_dir
from app.database.engine import open_database
from app.job_kinds import JOB_KINDS
from app.jobs import store
from app.jobs.worker import DATABASE_AWAY
from app.service import clock, logs
from app.service.caller import Service
from app.service.security import load_keys
from app.serving.workers import die_with
from app.tiers.policy import PolicyBook


async def run_job(job_id: int, attempt: int) -> None:
    """Do a claimed job to its end. An exception leaves it to the next attempt; without the database the process ends
    with ``DATABASE_AWAY``, which isn't a crash."""
    settings = Settings(pool_size=1, hot_pool_size=1)
    logs.configure_logging(settings.log_level)
    assert settings.database_url is not None
    keys = load_keys(settings, settings.data_dir or default_data_dir())
    database = await open_database(settings.database_url.get_secret_value(), settings)
    manual = clock.manual_start(settings) is not None
    # No import needs a policy: what a list needs of one was decided when it was queued. An export reads them itself.
    service = Service(settings, database, PolicyBook({}), keys, manual)
    try:
        run = await store.begin(service, job_id, attempt)
        await JOB_KINDS[run.kind].run(service, run)
    except store.JobLost:
        return
    except Unavailable:
        raise SystemExit(DATABASE_AWAY) from None
    finally:
        await database.close()


if __name__ == "__main__":
    die_with(int(sys.argv[3]))
    asyncio.run(run_job(int(sys.argv[1]), int(sys.argv[2])))
