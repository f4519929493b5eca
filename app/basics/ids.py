"""Ids as they are shown outside: a prefix for the kind of the object, then its number. They are parsed here only."""

from typing import Final

from app.basics.errors import NotFound

SETTLEMENT: Final = "set_"
BALANCE: Final = "bal_"
STATEMENT: Final = "stm_"
PART: Final = "prt_"
RECONCILIATION: Final = "rec_"
DIFFERENCE: Final = "dif_"
DEDUCTION: Final = "ded_"
PREPAYMENT: Final = "pre_"
DISBURSEMENT: Final = "dis_"
RELEASE: Final = "rel_"
CLAIM: Final = "clm_"
ACCOUNT_CHANGE: Final = "acc_"
HOSPITAL_ACCOUNT: Final = "hac_"
GATEWAY_CHANGE: Final = "gtw_"
PAYMENT_BATCH: Final = "pay_"
RECEIPT: Final = "rcp_"
EXCEPTION: Final = "exc_"
READJUDICATION: Final = "rdj_"
BANK_CHECK: Final = "bch_"
SEAL_FINDING: Final = "sfd_"
SEAL_ACKNOWLEDGEMENT: Final = "sak_"
JOB: Final = "job_"
TOKEN: Final = "tok_"
AUDIT: Final = "aud_"
VISIT: Final = "mdt_"
FILING: Final = "trt_"
DECLARATION: Final = "clr_"
FILE: Final = "fil_"
SESSION: Final = "sig_"

_MOST_DIGITS: Final = 18  # what a bigint holds whatever the digits are


def shown_id(prefix: str, number: int) -> str:
    """The id that stands for an object's number."""
    return f"{prefix}{number}"


def read_id(prefix: str, text: str) -> int | None:
    """The number that an id stands for; None when the text is no id with this prefix."""
    digits = text.removeprefix(prefix)
    if digits == text or not digits.isascii() or not digits.isdecimal() or len(digits) > _MOST_DIGITS:
        return None
    return int(digits)


def number_of(prefix: str, text: str) -> int:
    """The number that an id stands for; NotFound when the text is no id with this prefix."""
    number = read_id(prefix, text)
    if number is None:
        raise NotFound("not_found")
    return number
