"""What is said of a file that was sent: its type, its columns and its cells."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "unsupported_file_type": (
        "文件类型不受支持。请以 text/csv、XLSX 类型直接发送，或用 multipart/form-data 的 file 字段上传，不要压缩。",
        "The type of the file isn't supported. "
        "Send text/csv or XLSX itself, or a multipart/form-data field file, not compressed.",
    ),
    "malformed_form": (
        "表单无法读取。请用 multipart/form-data 上传一个 file 字段，其他字段只能是短文本。",
        "The form can't be read. Send multipart/form-data with one field file and short texts beside it.",
    ),
    "file_empty": (
        "文件是空的。请检查导出的文件后重新上传。",
        "The file is empty. Check what was exported and send it again.",
    ),
    "file_encrypted": (
        "文件有密码保护。请去掉密码，另存后重新上传。",
        "The file is protected by a password. Remove it, save, and send the file again.",
    ),
    "file_old_excel": (
        "文件是旧版 Excel（.xls）。请另存为 .xlsx 或 UTF-8 的 CSV 后重新上传。",
        "The file is an old Excel workbook (.xls). Save it as .xlsx or as CSV in UTF-8 and send it again.",
    ),
    "xlsx_damaged": (
        "工作簿已损坏，无法读取。请用表格软件打开并另存为 .xlsx 后重新上传。",
        "The workbook is damaged. Open it in a spreadsheet, save it as .xlsx and send it again.",
    ),
    "not_a_workbook": (
        "文件是压缩包，不是 XLSX 工作簿。请解压后上传其中的 .xlsx 或 .csv。",
        "The file is an archive, not an XLSX workbook. Unpack it and send the .xlsx or .csv in it.",
    ),
    "unpacked_too_large": (
        "工作簿解压后过大。上限是 {limit}；请删去空白行列、格式和多余的工作表，或改用 CSV。",
        "The workbook unpacks to too much. "
        "The limit is {limit}; remove empty rows, formats and other sheets, or use CSV.",
    ),
    "encoding_unknown": (
        "文件编码无法识别，从这一行起既不是 UTF-8 也不是 GB18030。请另存为“CSV UTF-8”后重新上传。",
        "The encoding isn't known: from this row on it is neither UTF-8 nor GB18030. "
        "Save it as CSV UTF-8 and send it again.",
    ),
    "csv_damaged": (
        "这一行的引号不配对，或单元格过长，无法继续读取。请检查引号后重新上传。",
        "A quote of this row isn't closed, or a cell is too long. Check the quotes and send the file again.",
    ),
    "column_missing": (
        "缺少必需的列。请在第一行写上列名，可用：{headings}。",
        "A required column is missing. Head one in the first row as: {headings}.",
    ),
    "column_twice": ("同一列出现了两次。请只保留一个 {column} 列。", "A column is there twice. Keep one {column}."),
    "no_rows": ("只有表头，没有数据行。请检查导出的文件。", "There are headings but no rows. Check what was exported."),
    "too_many_rows": (
        "行数过多。最多 {limit} 行，请拆成几个文件。",
        "There are too many rows. The limit is {limit}; split the file.",
    ),
    "too_many_columns": (
        "列数过多。最多 {limit} 列，请删去多余的列。",
        "There are too many columns. The limit is {limit}; remove those that aren't needed.",
    ),
    "row_hidden": (
        "这一行在工作表中被隐藏或筛选掉，没有读取。需要导入请取消隐藏；不需要请删去。",
        "The row is hidden or filtered out in the sheet and wasn't read. Show it to have it read, or delete it.",
    ),
    "sheets_hidden": (
        "工作簿有隐藏的工作表，没有读取。读取的是第一个可见的工作表。",
        "The workbook has hidden sheets, which weren't read. What was read is the first visible sheet.",
    ),
    "day_far_future": (
        "日期在收到名单一年以后。请核对年份；没有终止日期的，该列留空或写 9999-12-31。",
        "The day lies more than a year after the list was received. Check the year; leave an open end empty.",
    ),
    "cells_merged": (
        "工作表有合并单元格，合并处的值只属于一格。请取消合并并填满每一格。",
        "The sheet has merged cells, whose value belongs to one cell only. Unmerge them and fill every cell.",
    ),
    "too_many_cells": (
        "这一行的单元格比表头多，可能有未加引号的逗号。请给含逗号的内容加上引号。",
        "The row has more cells than there are headings, maybe by an unquoted comma. Quote texts that have commas.",
    ),
    "cell_too_long": ("单元格内容过长。请缩短。", "The cell's text is too long. Shorten it."),
    "cell_formula": (
        "单元格是公式，不是值。请复制后“选择性粘贴为数值”再上传。",
        "The cell is a formula, not a value. Paste it as a value and send the file again.",
    ),
    "cell_error": (
        "单元格是错误值（如 #N/A）。请改正后重新上传。",
        "The cell holds an error such as #N/A. Correct it and send the file again.",
    ),
    "cell_scientific": (
        "号码被表格软件改成了科学计数法（如 5.30102E+17），后几位已丢失。请把该列设为“文本”，从原始数据重新导出。",
        "A spreadsheet turned the number into scientific notation. "
        "Digits are lost: make the column text and export it again from the source.",
    ),
    "cell_digits_lost": (
        "单元格是超过 15 位的数值，表格软件只保留前 15 位，其余变成 0。请把该列设为“文本”，从原始数据重新导出。",
        "The cell is a number of more than 15 digits, of which a spreadsheet keeps 15. "
        "Make the column text and export it again from the source.",
    ),
    "digits_lost": (
        "身份证号以 000 结尾且校验码不对，多半是被表格软件当作数值、丢了后几位。"
        "请把该列设为“文本”，从原始数据重新导出。",
        "The id number ends in 000 and its check digit is wrong. "
        "Most likely a spreadsheet cut it: make the column text and export it again from the source.",
    ),
    "value_missing": (
        "此列缺少必需的值。请补上；名单中没有身份证号的，要有姓名和出生日期。",
        "A required value of this column is missing. Add it; in a list, name and birth date do without an id number.",
    ),
    "day_invalid": (
        "日期无法识别。请写成 2016-01-01、2016/1/1 或 20160101。",
        "The day can't be read. Write 2016-01-01, 2016/1/1 or 20160101.",
    ),
}
