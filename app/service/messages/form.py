"""What is said of the form of a value: types, amounts, dates, lengths, lists."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "missing": ("缺少必填字段。请补上该字段后重新提交。", "A required field is missing. Add it and send again."),
    "unknown_field": (
        "有接口未定义的字段。请核对字段名的拼写，删除多余的字段。",
        "There is a field that the interface doesn't define. Check its spelling or remove it.",
    ),
    "wrong_type": (
        "JSON 类型不对。此处应为 {expected}，请按接口文档修改。",
        "The JSON type is wrong. Send {expected} here.",
    ),
    "not_an_object": (
        "此处应为 JSON 对象。请用 {{ }} 包住各字段后重新提交。",
        "A JSON object is expected here. Wrap the fields in {{ }} and send again.",
    ),
    "money_not_string": (
        '金额、单价、数量和比例必须是字符串，不能是 JSON 数字。请加上引号，例如 "25.00"。',
        'Amounts, prices, quantities and rates are strings, not JSON numbers. Put them in quotes, for example "25.00".',
    ),
    "money_format": (
        '金额格式不对。请用字符串表示，单位元，必须有两位小数，例如 "25.00"。',
        'The amount has the wrong form. Send yuan as a string with exactly two decimals, for example "25.00".',
    ),
    "price_format": (
        '单价格式不对。请用字符串表示，单位元，不能为负，最多六位小数，例如 "12.50"。',
        'The unit price has the wrong form. Send yuan, not negative, with at most six decimals, for example "12.50".',
    ),
    "quantity_format": (
        '数量格式不对。请用字符串表示，最多四位小数，例如 "2" 或 "0.5"。',
        'The quantity has the wrong form. Send a string with at most four decimals, for example "2" or "0.5".',
    ),
    "rate_format": (
        '比例格式不对。请用 0 到 1 之间的字符串表示，最多四位小数，例如 "0.7000"。',
        'The rate has the wrong form. Send a string from 0 to 1 with at most four decimals, for example "0.7000".',
    ),
    "date_format": (
        '日期格式不对，或日历上没有这一天。请写成 YYYY-MM-DD，例如 "2018-05-12"。',
        'The date has the wrong form or isn\'t in the calendar. Write YYYY-MM-DD, for example "2018-05-12".',
    ),
    "datetime_format": (
        '时间格式不对。请按 RFC 3339 填写并带时区，例如 "2018-05-02T09:30:00+08:00"。',
        'The time has the wrong form. Write RFC 3339 with an offset, for example "2018-05-02T09:30:00+08:00".',
    ),
    "date_out_of_range": (
        "年份超出可用范围。请核对年份；表示“长期有效”时请不填该字段，不要填 9999 年。",
        "The year can't be used. Check it; for an open end leave the field out instead of naming the year 9999.",
    ),
    "not_in_list": (
        "取值不在允许的范围内。可用的值：{allowed}。请改用其中之一。",
        "The value is not among the allowed ones. Use one of: {allowed}.",
    ),
    "text_too_long": (
        "文字太长。最多 {limit} 个字符，请缩短。",
        "The text is too long. Shorten it to at most {limit} characters.",
    ),
    "text_too_short": (
        "文字太短或为空。至少要有 {limit} 个字符，请填写完整。",
        "The text is too short or empty. Write at least {limit} characters.",
    ),
    "text_format": (
        "文字不符合该字段的格式。请检查首尾空格、控制字符和位数，按接口文档修改。",
        "The text doesn't have the form of this field. Check blanks at its ends, control characters and its length.",
    ),
    "character_refused": (
        "编号中有空白、不可见字符或形似连字符的横线。该字符是 {character}，请删去；横线改用半角“-”。",
        "The id has a blank, an unseen character, or one that looks like a hyphen. It is {character}: remove it, or "
        "write a plain hyphen.",
    ),
    "nul_character": (
        "文字中含有空字符（U+0000）。请在导出数据时去掉该字符。",
        "The text contains a NUL character (U+0000). Remove it where the data is exported.",
    ),
    "number_out_of_range": (
        "数字超出范围。允许的范围：{range}。请核对后修改。",
        "The number is out of range. Send one within: {range}.",
    ),
    "too_many_items": (
        "条目太多。最多 {limit} 条，请减少后重新提交。",
        "There are too many items. Send at most {limit}.",
    ),
    "too_few_items": (
        "条目太少。至少要有 {limit} 条，请补齐后重新提交。",
        "There are too few items. Send at least {limit}.",
    ),
    "too_many_lines": (
        "明细行太多。一张单据最多 {limit} 行，请按中途结算拆成多次提交。",
        "The bill has too many lines. Send at most {limit}; split it into interim bills.",
    ),
}
