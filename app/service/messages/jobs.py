"""What is said of jobs, exports and their results."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "list_running": (
        "有名单正在比对或等待比对。请等它结束后再更换密钥。",
        "A poverty list is running or waiting. Rotate the keys when it has ended.",
    ),
    "job_crashed": (
        "任务多次异常中断，已停止。请把任务编号告知运维。",
        "The job broke off several times and was stopped. Tell operations its id.",
    ),
    "export_too_long": (
        "清单太长，无法导出。"
        "最多 {limit} 行，请缩小条件；直接下载超限时，可用 POST /v1/exports 建立导出任务（最多一百万行）。",
        "The list is too long to be exported. "
        "Narrow it to {limit} rows; what is too long at once can be a job: POST /v1/exports, up to a million rows.",
    ),
    "export_needs_office": (
        "医院的账号不能建立导出任务。请按月份、日期等条件缩小范围后直接下载：GET /v1/exports。",
        "A hospital's token can't have export jobs. Narrow the list by month or days and download it: GET /v1/exports.",
    ),
    "result_not_ready": (
        "任务没有可下载的结果。请查询任务，完成后再取。",
        "The job has no result to download. Read the job, and fetch the result when it is done.",
    ),
    "result_expired": (
        "结果文件已过保存期并删除。请重新导出。",
        "The result was kept for its time and is deleted by now. Export the list again.",
    ),
    "job_state": (
        "任务当前的状态不允许这一步。请查询任务；已完成的导入请用更正名单或新文件修正。",
        "The job's state doesn't allow this. "
        "Read the job; correct a finished import with a correction list or a new file.",
    ),
}
