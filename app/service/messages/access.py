"""What is said of tokens, scopes, users and their logins."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "maker_is_checker": (
        "经办人与复核人不能是同一人。请由另一人复核。",
        "Maker and checker are the same subject. Have somebody else approve it.",
    ),
    "unauthorized": (
        "缺少访问令牌。请在请求头加上 Authorization: Bearer <令牌>。",
        "The access token is missing. Send the header Authorization: Bearer <token>.",
    ),
    "token_invalid": (
        "访问令牌无效、已过期或已停用。请核对令牌，或向管理员申请新令牌。",
        "The access token is invalid, expired or revoked. Check it or ask an administrator for a new one.",
    ),
    "token_expired": (
        "访问令牌已过期。请向管理员申请新令牌。",
        "The access token has expired. Ask an administrator for a new one.",
    ),
    "forbidden": (
        "没有执行该操作的权限。请向管理员申请权限。",
        "You may not do this. Ask an administrator for permission.",
    ),
    "forbidden_scope": (
        "令牌没有所需的权限。需要以下之一：{scope}；请换用令牌，或向管理员申请。",
        "The token lacks the scope. One of these is needed: {scope}; use another token or ask an administrator.",
    ),
    "login_failed": (
        "用户名或密码不对，或账号已停用、暂时锁定。"
        "请重新输入；连续五次不对，账号锁定 15 分钟，忘记密码请找管理员重置。",
        "Name or password is wrong, or the user is disabled or locked for a while. "
        "Try again; five wrong passwords lock a name for 15 minutes, an administrator resets one that was forgotten.",
    ),
    "too_many_logins": (
        "登录失败次数过多。请 15 分钟后再试。",
        "Too many logins failed from here. Try again in 15 minutes.",
    ),
    "token_has_ended": (
        "令牌已失效、已吊销或已更换过，不能再更换。请签发新令牌。",
        "The token has ended, was revoked or was replaced before. Issue another one.",
    ),
    "token_needs_end": (
        "只有仅含 hospital 权限的令牌可以没有截止时间。请填写 expires_at，或省略（365 天）。",
        "Only a token of the scope hospital alone may have no end. Give expires_at, or leave it out for 365 days.",
    ),
    "session_ended": ("登录已失效。请重新登录。", "The session has ended. Log in again."),
    "form_not_ours": (
        "表单已失效，或不是由本页面提交的，没有做任何改动。请刷新页面后重新提交。",
        "The form has expired or was not sent from our page; nothing was changed. Reload the page and send it again.",
    ),
    "user_exists": (
        "已有同名用户。请换一个用户名，或重置该用户的密码。",
        "There is a user of this name already. Take another name, or reset that user's password.",
    ),
    "password_unchanged": (
        "新密码与原密码相同。请设置一个不同的密码。",
        "The new password is the old one. Choose another.",
    ),
    "passwords_differ": (
        "两次输入的新密码不一致。请重新输入。",
        "The new password was typed differently the second time. Type it again.",
    ),
    "audit_unavailable": (
        "审计日志暂时无法写入，不能提供个人信息。请稍后重试。",
        "Personal data aren't answered while the audit log can't be written. Try again later.",
    ),
    "person_reads_exceeded": (
        "查询本机构未接诊人员的次数过多。每小时最多 {limit} 次；先试算、结算或凭证件识别（1101）的人员不计。",
        "Too many persons were read whom the hospital has nothing to do with. At most {limit} an hour; those whom it "
        "quoted, settled or identified by certificate don't count.",
    ),
}
