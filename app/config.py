"""Every setting, typed, read once from the environment (prefix ``ONESTOP_``)."""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.tracing import endpoint_fault

PREFIX: Final = "ONESTOP_"
# Read by the command line and by the service's own processes; no settings of the service.
OF_COMMANDS: Final = frozenset({"URL", "TOKEN", "NHSA_SECRET", "RATES"})
# Read by tests and benchmarks, which start services too.
OF_TESTS: Final = frozenset(
    {
        "ORACLE_BILLS",
        "CORRECTION_YEARS",
        "CORRECTION_SEED",
        "SIMULATED_MONTHS",
        "SIMULATION_SEED",
        "STATEMENT_ROUNDS",
        "FUZZ_CASES",
        "LIFE_CYCLES",
    }
    | {
        "RANDOM_PACKS",
        "DOORS_BILLS",
        "BATCH_PERSONS",
        "OPTIONAL_VALUES",
        "EXPORT_ROWS",
        "PICTURES",
        "REQUIRE_BROWSER",
        "REQUIRE_PROGRAMS",
        "REQUIRE_SPARK",
    }
)
# Kubernetes puts these into every container beside a service of that name.
OF_KUBERNETES: Final = re.compile(r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)")


PRODUCTION: Final = "production"
LONG_TOKEN: Final = 32
LEVELS: Final = ("debug", "info", "warning", "error", "critical")


POSTGRESQL: Final = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})


class ConfigurationError(ValueError):
    """The settings can't be used. Each line of the text names one variable and what is wrong with it."""


class Settings(BaseSettings):
    """Settings of one process. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="ONESTOP_", frozen=True, extra="ignore", env_ignore_empty=True)

    env: str = Field(default="development", pattern="^(development|production)$")
    database_url: SecretStr | None = None
    database_password_file: Path | None = None
    database_pooler: Literal["session", "transaction"] = "session"
    owner_database_url: SecretStr | None = None
    data_dir: Path | None = None
    hosts: str = ""
    second_factor: Literal["on", "off"] | None = None
    admin_token: SecretStr | None = None
    secret_key: SecretStr | None = None
    secret_key_file: Path | None = None
    former_secrets: SecretStr | None = None
    clock: str = "real"
    policy_dir: Path | None = None
    bank_columns: Path | None = None

    pool_size: int = Field(default=8, ge=1, le=200)
    hot_pool_size: int = Field(default=8, ge=1, le=200)
    pool_timeout: float = Field(default=10.0, gt=0)
    person_lock_timeout: float = Field(default=15.0, gt=0)
    statement_timeout: float = Field(default=30.0, gt=0)
    idempotency_days: int = Field(default=30, ge=30, le=3660)
    settle_together: Literal["auto", "always", "never"] = "auto"
    idempotency_wait: float = Field(default=2.0, gt=0)
    token_cache_seconds: float = Field(default=5.0, ge=0)

    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    max_import_bytes: int = Field(default=256 * 1024 * 1024, ge=1024)
    export_days: int = Field(default=7, ge=1, le=366)
    seal_seconds: float = Field(default=10.0, gt=0)
    roll_seconds: float = Field(default=60.0, gt=0)
    observe_seconds: float = Field(default=300.0, gt=0)
    check_seconds: float = Field(default=900.0, gt=0)
    job_row_days: int = Field(default=400, ge=1)
    person_reads: int = Field(default=600, ge=0)
    quote_seconds: int = Field(default=1800, ge=1)
    reconciliation_grace: int = Field(default=1800, ge=0, le=24 * 3600)
    family_doctor_fee: Decimal | None = Field(
        default=None, gt=0, lt=10_000, decimal_places=2
    )  # yuan per person and month
    session_seconds: int = Field(default=12 * 3600, ge=60, le=7 * 24 * 3600)
    session_idle_seconds: int = Field(default=3600, ge=60, le=24 * 3600)
    log_level: str = "info"
    traces_endpoint: str | None = None
    traces_share: float = Field(default=1.0, ge=0, le=1)

    rate_limit: int = Field(default=6000, ge=0)  # requests a minute; 0: none
    connections_per_address: int = Field(default=200, ge=0)  # of a worker; 0: any
    trusted_proxies: str = "127.0.0.1,::1"

    nhsa_profile: Literal["A", "B", "none"] | None = None
    nhsa_networks: str = ""
    nhsa_dictionary_dir: Path | None = None
    nhsa_max_input: int = Field(default=400_000, ge=1000)
    nhsa_message_days: int = Field(default=365, ge=1, le=36_500)
    nhsa_file_days: int = Field(default=7, ge=1, le=366)

    @field_validator("database_url", "owner_database_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        """The URL, which is repeated in no message: it holds a password."""
        parts = urlsplit("" if url is None else url.get_secret_value())
        if url is not None and parts.scheme not in POSTGRESQL:
            raise ValueError("a PostgreSQL URL begins with postgresql://")
        if "@" in parts.path or "@" in parts.query or parts.fragment:
            raise ValueError("write / ? # and % of a password as %2F %3F %23 %25")
        return url

    @field_validator("policy_dir", "nhsa_dictionary_dir")
    @classmethod
    def _is_folder(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_dir():
            raise ValueError(f"there is no folder {path}")
        return path

    @field_validator("database_password_file")
    @classmethod
    def _is_file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path

    @field_validator("admin_token")
    @classmethod
    def _is_long(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if token is not None and info.data.get("env") == PRODUCTION and len(token.get_secret_value()) < LONG_TOKEN:
            raise ValueError(f"in production at least {LONG_TOKEN} characters; make one with: openssl rand -base64 32")
        return token

    @field_validator("second_factor")
    @classmethod
    def _stays_on(cls, wanted: str | None, info: ValidationInfo) -> str | None:
        if wanted == "off" and info.data.get("env") == PRODUCTION:
            raise ValueError("in production the second factor can't be switched off")
        return wanted

    @field_validator("traces_endpoint")
    @classmethod
    def _is_collector(cls, endpoint: str | None) -> str | None:
        fault = None if endpoint is None else endpoint_fault(endpoint)
        if fault is not None:
            raise ValueError(fault)
        return endpoint

    @field_validator("log_level")
    @classmethod
    def _is_level(cls, level: str) -> str:
        if level.lower() not in LEVELS:
            raise ValueError(f"use one of {', '.join(LEVELS)}")
        return level

    @field_validator("nhsa_networks", "trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        for part in filter(None, map(str.strip, text.split(","))):
            ip_network(part)
        return text

    @property
    def production(self) -> bool:
        """Whether people and money depend on it."""
        return self.env == PRODUCTION

    @property
    def allowed_hosts(self) -> list[str]:
        """The names that the service is asked by; empty for any."""
        return [part.strip().lower() for part in self.hosts.split(",") if part.strip()]

    @property
    def asks_second_factor(self) -> bool:
        """Whether pages ask for a second factor before money is approved or sent."""
        return self.production or self.second_factor == "on"

    @property
    def nhsa_allowed_networks(self) -> list[str]:
        """The networks that may call the national interface without signing."""
        return [part.strip() for part in self.nhsa_networks.split(",") if part.strip()]

    @property
    def proxies(self) -> list[str]:
        """The addresses and networks whose ``Forwarded``, or ``X-Forwarded-For`` and ``-Proto``, is believed."""
        return [part.strip() for part in self.trusted_proxies.split(",") if part.strip()]

    @property
    def nhsa_default_profile(self) -> Literal["A", "B", "none"]:
        """The gateway profile of hospitals without one of their own; unsigned only where nothing is real."""
        return self.nhsa_profile or ("A" if self.production else "none")


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the environment. ConfigurationError with a line for each variable that is unknown or wrong."""
    settings, wrong = examined(environment)
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    return settings


def examined(environment: Mapping[str, str] = os.environ) -> tuple[Settings, list[str]]:
    """The settings of the environment, and a line for each variable that is unknown or wrong; where one is wrong, its
    default stands among the settings, so that the rest can be looked at too.

    What a wrong variable holds is not repeated, since it may be a secret.
    """
    wrong = [_unknown(name) for name in sorted(environment) if not _known(name)]
    try:
        return Settings(), wrong
    except ValidationError as error:
        usual = {}
        for fault in error.errors(include_input=False, include_url=False):
            field = str(fault["loc"][0])
            usual[field] = Settings.model_fields[field].default
            wrong.append(f"{PREFIX}{field.upper()}: {fault['msg'].removeprefix('Value error, ')}")
        return Settings(**usual), wrong


def folder_fault(folder: Path) -> str | None:
    """Why a data folder can't be used; None when it can, or when it can be made in the folder above it."""
    if folder.is_dir() or (not folder.exists() and folder.parent.is_dir()):
        return None
    return f"{folder} is not a folder" if folder.exists() else f"there is no folder {folder.parent} to make it in"


def _known(name: str) -> bool:
    if not name.upper().startswith(PREFIX):
        return True
    rest = name.upper().removeprefix(PREFIX)
    ours = rest.lower() in Settings.model_fields or rest in OF_COMMANDS or rest in OF_TESTS or rest.startswith("TEST_")
    return ours or OF_KUBERNETES.fullmatch(rest) is not None


def _unknown(name: str) -> str:
    rest = name.upper().removeprefix(PREFIX)
    near = get_close_matches(rest, map(str.upper, Settings.model_fields), 1)
    return f"{name}: there is no such setting{f'; did you mean {PREFIX}{near[0]}?' if near else ''}"
