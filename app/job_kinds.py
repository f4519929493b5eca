"""All kinds of jobs. The process of a job reads this and not the whole service, which takes twice as long."""

from typing import Final

from app.clearing import batch_job
from app.exports import job as exporting
from app.jobs import asker
from app.jobs.kinds import JobKind, JobKinds
from app.readjudication import job as readjudicating
from app.reform import job as simulating
from app.registry import catalogue_import, item_code_import, poverty_list

JOB_KINDS: Final[JobKinds] = {
    poverty_list.KIND: JobKind(poverty_list.run),
    catalogue_import.KIND: JobKind(catalogue_import.run, catalogue_import.accept),
    item_code_import.KIND: JobKind(item_code_import.run),
    exporting.KIND: JobKind(exporting.run, check_mine=asker.check_mine, result=exporting.result),
    batch_job.KIND: JobKind(batch_job.run, check_mine=asker.check_mine),
    readjudicating.KIND: JobKind(readjudicating.run, check_mine=asker.check_mine),
    simulating.KIND: JobKind(
        simulating.run, check_mine=asker.check_mine, answered=simulating.answered, formed=simulating.formed
    ),
}
