"""What is said of tokens, scopes, users and their logins."""

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "unknown_area": (
        "没有政策配置适用于该统筹区，也没有该区的记录。请核对六位行政区划代码，或先登记该区。",
        "No pack rules this area, and it has no record. Check its code of six digits, or register the area first.",
    ),
    "subject_looks_alike": (
        "该名称与已有的名称看起来一样，但含有其他文字的字母。请检查输入法，或改用其他名称。",
        "It looks like a known subject but has letters of another script. Check the keyboard, or take another name.",
    ),
    "roles_may_not_meet": (
        "两个角色不能由同一人兼任：申报的不审批，审计的不经办。{one} 与 {other} 请分给两人，或先停用其原有账号。",
        "One person can't have both roles: who claims doesn't approve, who audits doesn't act. Give {one} and {other} "
        "to two people, or first end the token or user that has the other role.",
    ),
    "seal_finding_ended": (
        "该封存发现已被确认，或已恢复原状。无需再确认；请重新查询封存核对发现。",
        "The finding was acknowledged before, or is mended. Nothing is left to say of it; look at the list again.",
    ),
    "maker_is_checker": (
        "经办人与复核人不能是同一人，也不能有一方的账号由另一方签发、重置。请由另一人复核。",
        "Maker and checker are the same subject, or one of them let the other in. Have somebody else approve it.",
    ),
    "unauthorized": (
        "请求没有带账号口令。请在请求头加上 Authorization: Bearer <口令>。",
        "The access token is missing. Send the header Authorization: Bearer <token>.",
    ),
    "token_invalid": (
        "账号口令无效，或账号已过期、已停用。请核对口令，或向管理员申请新账号。",
        "The access token is invalid, expired or revoked. Check it or ask an administrator for a new one.",
    ),
    "token_expired": (
        "账号已过期。请向管理员申请新账号。",
        "The access token has expired. Ask an administrator for a new one.",
    ),
    "forbidden": (
        "没有执行该操作的权限。请向管理员申请权限。",
        "You may not do this. Ask an administrator for permission.",
    ),
    "forbidden_scope": (
        "账号没有所需的权限。需要以下之一：{scope}；请换用有权限的账号，或向管理员申请。",
        "The token lacks the scope. One of these is needed: {scope}; use another token or ask an administrator.",
    ),
    "login_failed": (
        "用户名或密码不对，或账号已停用。请重新输入；连续五次不对须等候，忘记密码请找管理员重置。",
        "Name or password is wrong, or the user is disabled. Try again; after five failures you have to wait, and an "
        "administrator resets a password that was forgotten.",
    ),
    "too_many_logins": (
        "从这里验证失败次数过多，请稍候再试，每失败一次等候更久，最长 15 分钟；从别处登录不受影响。"
        "忘记密码请找管理员重置。",
        "Too many attempts failed from here. Wait a little; it is longer after each failure, at most 15 minutes. Other "
        "places aren't affected. An administrator resets a password that was forgotten.",
    ),
    "token_has_ended": (
        "账号已失效、已停用或口令已更换过，不能再更换。请签发新账号。",
        "The token has ended, was revoked or was replaced before. Issue another one.",
    ),
    "token_needs_end": (
        "只有仅含 hospital 权限的账号可以没有截止时间。请填写 expires_at，或省略（365 天）。",
        "Only a token of the scope hospital alone may have no end. Give expires_at, or leave it out for 365 days.",
    ),
    "password_common": (
        "这个密码太常见或太容易猜到。请换一个，例如几个不相关的词。",
        "This password is among those that are tried first. Choose another, for example some words that have nothing "
        "to do with each other.",
    ),
    "second_factor_wrong": (
        "验证码不对或已用过。请输入身份验证器现在显示的六位数字，并检查手机的时间。",
        "The code is wrong or was used. Enter the six digits that the authenticator shows now, and look whether the "
        "telephone's clock is right.",
    ),
    "second_factor_set": (
        "第二验证因素已设置。请输入身份验证器显示的验证码；手机遗失时请两位管理员重置。",
        "There is a second factor already. Enter the code that the authenticator shows; two administrators reset "
        "a lost one.",
    ),
    "second_factor_unset": (
        "该用户没有第二验证因素可重置。请核对用户名；用户下次审批或发送款项时会设置。",
        "The user has no second factor to reset. Check the name; they begin one before they next approve or send "
        "money.",
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
