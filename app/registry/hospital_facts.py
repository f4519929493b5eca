"""What the registry takes and shows of hospitals, and what can be said of it without a database. Pure."""

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.basics.errors import Fault
from app.registry.facts import MAX_PERIODS, GivenName, Level, Period, period_faults
from app.service.wire import AreaCode, Code, Day
from app.tiers.model import Rank

ACCOUNT_DIGITS_SHOWN: Final = 4

Profile = Literal["A", "B", "none"]
AccountText = Annotated[str, Meta(min_length=1, max_length=200)]
Secret = Annotated[str, Meta(min_length=8, max_length=512)]


Periods = Annotated[list[Period], Meta(max_length=MAX_PERIODS)]


class BankAccount(Struct, forbid_unknown_fields=True, frozen=True):
    """Where a hospital's money goes. The number is answered masked, its last four characters only."""

    bank_name: AccountText
    account_name: AccountText
    account_number: Annotated[str, Meta(min_length=6, max_length=64)]


class HospitalRequest(Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/hospitals/{code}``. Level, rank and area hold from ``valid_from`` on."""

    name: GivenName
    level: Level
    rank: Rank
    area_code: AreaCode
    valid_from: Day | None = None
    contracts: Periods | None = None
    bank_account: BankAccount | UnsetType | None = UNSET


class AskedChange(Struct):
    """A change that two people make: ``pending`` until another subject approves it."""

    change_id: str
    state: str


class HospitalAnswer(Struct):
    """A hospital on a day. The interval of its level, rank and area, contracts and account are there where known, and
    so is a change of the account that waits."""

    code: str
    name: str
    level: Level
    rank: str
    area_code: str
    valid_from: date | UnsetType = UNSET
    valid_until: date | UnsetType = UNSET
    contracts: list[Period] | UnsetType = UNSET
    bank_account: BankAccount | UnsetType = UNSET
    bank_account_change: AskedChange | UnsetType = UNSET


class GatewayRequest(Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/hospitals/{code}/gateway``: the profile by which its system signs, the key id
    (``_api_access_key`` of A, ``x-tif-paasid`` of B) and the secret, which is never answered. ``none`` has neither."""

    profile: Profile
    key_id: Code | None = None
    secret: Secret | None = None


class GatewayAnswer(Struct):
    """How a hospital's system signs; its secret is not shown. ``gateway_change`` is there while a change waits."""

    hospital_code: str
    profile: Profile
    key_id: str | None
    gateway_change: AskedChange | UnsetType = UNSET


class GatewayCredentials(Struct, frozen=True):
    """What a signature is checked with; never answered. ``change_id``: the change by which it holds."""

    profile: Profile
    key_id: str | None
    secret: str | None
    change_id: int | None = None


class ItemCodeRequest(Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/hospitals/{code}/item-codes/{hospital_item_code}``."""

    item_code: Code
    valid_from: Day | None = None


class ItemCodeAnswer(Struct):
    """Which catalogue item a hospital's own code means."""

    hospital_code: str
    hospital_item_code: str
    item_code: str
    valid_from: date | None
    valid_until: date | None


def hospital_faults(wanted: HospitalRequest) -> list[Fault]:
    """Every fault of a hospital that its form alone doesn't show."""
    return period_faults(wanted.contracts or [], "/contracts")


def gateway_faults(wanted: GatewayRequest) -> list[Fault]:
    """A profile that signs needs a key id and a secret."""
    if wanted.profile == "none":
        return []
    return [Fault(f"/{name}", "missing") for name in ("key_id", "secret") if getattr(wanted, name) is None]


def masked(account: BankAccount) -> BankAccount:
    """An account as it is answered: of its number only the last four characters."""
    number = account.account_number
    shown = number[-ACCOUNT_DIGITS_SHOWN:]
    return BankAccount(account.bank_name, account.account_name, "*" * (len(number) - len(shown)) + shown)


def shown_day(day: date | None) -> date | UnsetType:
    """A day of an answer, left out where there is none."""
    return UNSET if day is None else day
