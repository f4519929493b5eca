"""Uploads, and the page of a job."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "nav.imports": ("导入", "Imports"),
    "imports.title": ("导入", "Imports"),
    "imports.intro": ("Excel（XLSX）或 CSV 文件。", "Excel workbooks (XLSX) or CSV files."),
    "imports.jobs": ("查看导入导出任务", "See the jobs"),
    "import.poverty-list": ("人员名单", "Poverty list"),
    "import.poverty-list.about": (
        "认定、退出、清退名单：与参保人员逐行比对，写入人员类别；每一行的比对结果可查看、可下载。",
        "Lists of the poor, of exits and of corrections: each row is matched with the insured and changes their class; "
        "what became of each row is shown and can be downloaded.",
    ),
    "import.catalogue": ("医保目录", "Catalogue"),
    "import.catalogue.about": (
        "先比对、后写入：提交后只显示新增、变更和截止的条目，确认接受后才一次写入；有错误的行时不能接受。",
        "Compared first, written later: what would be added, changed and ended is shown, and written as a whole once "
        "somebody accepts it. A file with a faulty row can't be accepted.",
    ),
    "import.hospital-codes": ("院内项目编码", "Hospital's own codes"),
    "import.hospital-codes.about": (
        "一家医疗机构的院内编码与医疗目录编码的对应关系；格式正确的行一并写入，其余的行说明原因。",
        "What a hospital's own codes mean in the catalogue; the good rows are written together, the others are "
        "answered with the reason.",
    ),
    "import.detail": ("对账明细文件", "Detail file for reconciliation"),
    "import.detail.about": (
        "医疗机构的结算明细，与一张月度结算申报表逐笔比对；不一致的列入对账差异，可下载。",
        "A hospital's detail, compared with one statement settlement by settlement; what differs is on the list of "
        "differences, which can be downloaded.",
    ),
    "import.receipts.about": (
        "银行对付款文件的回盘：逐行匹配、登记付款或退回。",
        "The bank's answer to a payment file: each row is matched, and its payment or return recorded.",
    ),
    "import.complete": ("文件范围", "The file"),
    "import.complete.false": ("只含新增和变更的条目", "has only what is new or changed"),
    "import.complete.true": ("完整目录，文件中没有的条目截止", "is complete: what it lacks ends"),
    "import.effective_on": ("截止日期（完整目录时填写）", "Ends on (of a complete file)"),
    "import.file": ("文件", "File"),
    "import.send": ("上传", "Upload"),
    "import.columns": ("文件的列", "Columns of the file"),
    "import.columns.about": (
        "第一行是列名，次序不限，下面任何一个名称都可以。",
        "The first row has the headings, in any order; each of the names below will do.",
    ),
    "import.column": ("列", "Column"),
    "import.headings": ("可用的列名", "Headings"),
    "import.required": ("必填", "Required"),
    "notice.import.queued": ("文件已收到，正在逐行处理。", "The file is here; its rows are being worked on."),
    "jobs.one": ("任务 {id}", "Job {id}"),
    "jobs.progress.queued": ("排队中", "Waiting"),
    "jobs.progress.running": ("已处理 {done} 行", "{done} rows so far"),
    "jobs.rows": ("共 {count} 行", "{count} rows"),
    "jobs.row": ("行号", "Row"),
    "jobs.reference": ("对象", "About"),
    "jobs.file": ("下载逐行结果 Excel", "Each row's result, Excel"),
    "jobs.summary": ("各结果的行数", "Rows by outcome"),
    "jobs.proposed": ("尚未写入。接受后一次写入。", "Nothing is written yet; accepting writes it whole."),
}
