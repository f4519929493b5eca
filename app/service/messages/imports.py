"""What is said of the rows of an imported list or catalogue."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "class_unknown": (
        "人员类别不认识。请使用特困、低保、返贫致贫、建档立卡、监测对象、低保边缘、因病致贫之一，或其国家代码。",
        "The class isn't known. "
        "Use one such as destitute, low_income or registered_poor, its Chinese name or its national code.",
    ),
    "row_repeated": (
        "同一人、同一类别在名单中已出现过，本行未处理。请核对是否重复。",
        "An earlier row has the same person and class; this one was left out. Check the repetition.",
    ),
    "person_not_found": (
        "参保人中没有此人。请核对号码；确未参保的先办理参保登记，再导入一次。",
        "No insured person is found. Check the number; register the person if need be, then import the list again.",
    ),
    "name_differs": (
        "身份证号已找到，但姓名与登记的不同。请核对两边的姓名。",
        "The id number is registered under another name. Check the names on both sides.",
    ),
    "several_persons": (
        "姓名和出生日期对应多人。请补上身份证号。",
        "Several persons have this name and birth date. Add the id number.",
    ),
    "id_number_differs": (
        "姓名和出生日期相同的人，登记的身份证号不同。请核对号码。",
        "The person of this name and birth date is registered with another id number. Check the number.",
    ),
    "by_name_and_birth": (
        "按姓名和出生日期找到。建议在名单中补上身份证号。",
        "Found by name and birth date. Better add the id number to the list.",
    ),
    "already_known": ("已经登记。没有变化。", "This is registered already. Nothing was changed."),
    "no_such_identity": (
        "此人在该日没有这一类别的身份。请核对人员类别和日期。",
        "The person has no identity of this class on that day. Check the class and the day.",
    ),
    "identity_overlap_list": (
        "此人已有一段同类别、已截止的身份，与名单的日期重叠。请在个人信息中核对后更正。",
        "An ended identity of this class overlaps the list's day. Check the person and correct the identity there.",
    ),
    "version_repeated": (
        "文件中已有同一编码、同一生效日期的行。请只保留一行。",
        "An earlier row has the same code and first day. Keep one of them.",
    ),
    "not_in_file": (
        "完整目录中没有此项目，接受后按生效日截止。如不应截止，请补上该项目后重新上传。",
        "The complete catalogue lacks this item. "
        "Accepting ends it on the effective day; if it should stay, add it and send the file again.",
    ),
    "import_has_faults": (
        "仍有格式错误、重复或冲突的行，不能接受。请按结果改正文件，取消本任务后重新上传。",
        "Some rows are malformed, repeated or in conflict. Correct the file, cancel this job and send the file again.",
    ),
    "diff_outdated": (
        "比较之后目录已有改动。请取消本任务，重新上传文件并再次核对差异。",
        "The catalogue has changed since the comparison. "
        "Cancel this job, send the file again and look at the new difference.",
    ),
}
