"""What is said of a request as such: its form, key and conditions, and the service itself."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "clock_backwards": (
        "业务时钟只能往前拨。请填写不早于当前业务时间的时间。",
        "The clock only moves forward. Send an instant that isn't before the current business time.",
    ),
    "clock_is_real": (
        "服务使用真实时间，不能拨动时钟。测试请以 ONESTOP_CLOCK=manual:<时间> 启动服务。",
        "The service runs on real time, which can't be moved. For tests start it with ONESTOP_CLOCK=manual:<instant>.",
    ),
    "too_many_views": (
        "保存的筛选条件太多。一个列表最多 {limit} 组，请先删除不用的。",
        "Too many sets of filters are kept of this list. There are at most {limit}; delete one that isn't used.",
    ),
    "idempotency_key_missing": (
        "缺少 Idempotency-Key 请求头。请为每笔业务生成一个不重复的键，重试时使用同一个键。",
        "The Idempotency-Key header is missing. Make one key per business act and repeat with the same key.",
    ),
    "idempotency_key_invalid": (
        "Idempotency-Key 格式不对。请使用 16 到 255 个字母、数字、下划线或连字符，例如 UUID。",
        "The Idempotency-Key has the wrong form. Use 16 to 255 characters of A-Z a-z 0-9 _ and -, for example a UUID.",
    ),
    "idempotency_key_reused": (
        "该 Idempotency-Key 已用于另一请求。重试请原样发送原请求；新业务请换新键。",
        "This Idempotency-Key was used for another request. "
        "To repeat send the same request; for a new one make a new key.",
    ),
    "idempotency_in_progress": (
        "相同 Idempotency-Key 的请求正在处理。请稍等片刻，用同一个键重试。",
        "A request with this Idempotency-Key is in progress. Wait a moment and repeat with the same key.",
    ),
    "not_found": (
        "未找到，或不在您的权限范围内。请核对地址和编号。",
        "Not found, or not yours. Check the address and the id.",
    ),
    "method_not_allowed": (
        "该地址不支持此请求方法。请改用 Allow 响应头列出的方法。",
        "The address doesn't support this method. Use one that the Allow header lists.",
    ),
    "body_too_large": (
        "请求体过大。最多 {limit} 字节，请拆分后提交。",
        "The body is too large. Send at most {limit} bytes; split it.",
    ),
    "unsupported_media_type": (
        "请求体的类型不受支持。请以 UTF-8 发送未压缩的 application/json。",
        "The type of the body isn't supported. Send application/json in UTF-8, not compressed.",
    ),
    "malformed_json": (
        "请求体不是有效的 JSON。请检查括号、引号、逗号和嵌套层数；不能为空，不能有 NaN。",
        "The body isn't valid JSON. Check brackets, quotes, commas and nesting; it can't be empty or hold NaN.",
    ),
    "malformed_request": (
        "无法读取该请求。请检查请求头和请求体的格式。",
        "The request can't be read. Check the form of its headers and body.",
    ),
    "invalid_utf8": (
        "请求体不是有效的 UTF-8。请检查编码，不要用 GBK 发送。",
        "The body isn't valid UTF-8. Check the encoding of the sending system.",
    ),
    "invalid_parameter": (
        "地址或请求头中的参数无效。请按接口文档核对 {parameter}。",
        "A parameter of the address or a header is invalid. Check {parameter} in the interface's documentation.",
    ),
    "invalid_cursor": (
        "翻页游标无效。请原样使用上一页返回的 next_cursor，或从第一页重新开始。",
        "The cursor isn't one of ours. Send next_cursor exactly as it was answered, or start from the first page.",
    ),
    "precondition_failed": (
        "数据已被他人修改。请重新读取最新版本，再用新的 ETag 提交。",
        "The data was changed meanwhile. Read it again and send the new ETag.",
    ),
    "too_many_requests": (
        "请求过于频繁。未写入任何数据；请按 Retry-After 等待后用同一个键重试。",
        "There are too many requests. Nothing was written; wait as Retry-After says and repeat with the same key.",
    ),
    "request_refused": (
        "请求被拒绝。请按接口文档核对请求。",
        "The request was refused. Check it with the interface's documentation.",
    ),
    "unavailable": (
        "服务暂不可用。未写入任何数据；请按 Retry-After 等待后用同一个键重试。",
        "The service is unavailable for now. "
        "Nothing was written; wait as Retry-After says and repeat with the same key.",
    ),
    "busy": (
        "服务繁忙。未写入任何数据；请按 Retry-After 等待后用同一个键重试。",
        "The service is busy. Nothing was written; wait as Retry-After says and repeat with the same key.",
    ),
    "database_unavailable": (
        "暂时连不上数据库。请按 Retry-After 等待后用同一个键重试；持续出现请联系运维。",
        "The database can't be reached for now. "
        "Wait as Retry-After says, repeat with the same key; tell operations if it lasts.",
    ),
    "outcome_unknown": (
        "提交已发出，但不知道是否完成。请按 Retry-After 等待后用同一个键重试：已完成的会返回原结果，不会重复。",
        "The commit had been sent, and whether it was done isn't known. Wait as Retry-After says and repeat with the "
        "same key: what was done is answered again and nothing is done twice.",
    ),
    "internal_error": (
        "服务内部错误。请用同一个键重试；仍然出现时，请把 request_id 告知运维。",
        "Something went wrong on our side. Repeat with the same key; if it persists, tell operations the request_id.",
    ),
}
