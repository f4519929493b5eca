"""Every setting, typed, read once from the environment (prefix ``ONESTOP_``)."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one process. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="ONESTOP_", frozen=True, extra="ignore", env_ignore_empty=True)

    env: str = Field(default="development", pattern="^(development|production)$")
    database_url: SecretStr | None = None
    data_dir: Path | None = None
    admin_token: SecretStr | None = None
    secret_key: SecretStr | None = None
    former_secrets: SecretStr | None = None
    clock: str = "real"
    policy_dir: Path | None = None

    pool_size: int = Field(default=8, ge=1, le=200)
    hot_pool_size: int = Field(default=8, ge=1, le=200)
    pool_timeout: float = Field(default=10.0, gt=0)
    person_lock_timeout: float = Field(default=15.0, gt=0)
    statement_timeout: float = Field(default=30.0, gt=0)
    idempotency_wait: float = Field(default=2.0, gt=0)
    token_cache_seconds: float = Field(default=5.0, ge=0)

    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    max_import_bytes: int = Field(default=256 * 1024 * 1024, ge=1024)
    job_row_days: int = Field(default=400, ge=1)
    quote_seconds: int = Field(default=1800, ge=1)
    log_level: str = "info"
