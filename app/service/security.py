"""Tokens, scopes, keys, encryption of id numbers, signed texts. No database, no clock.

One secret makes every key (HKDF-SHA256, one label per use). A secret is replaced by making the new one current and
keeping the former among the older: what was encrypted or signed with those is still read, nothing new is written so.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from app.basics.errors import Forbidden, Unauthorized
from app.config import Settings

Scope = Literal["hospital", "finance", "registry", "policy", "auditor", "admin"]

ADMIN: Final = "admin"
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
# Who may read what; what they may change stands at each route. ``admin`` may everything.
MONEY_READERS: Final[tuple[Scope, ...]] = ("hospital", "finance", "auditor")
OFFICE_READERS: Final[tuple[Scope, ...]] = ("finance", "auditor")
PERSON_READERS: Final[tuple[Scope, ...]] = ("registry", "hospital", "finance", "auditor")
REGISTRY_READERS: Final[tuple[Scope, ...]] = ("registry", "finance", "auditor")
JOB_READERS: Final[tuple[Scope, ...]] = ("registry", "auditor")
JOB_ASKERS: Final[tuple[Scope, ...]] = (*JOB_READERS, "finance")
TOKEN_PREFIX: Final = "ost_"
SECRET_FILE: Final = "secret.key"
MIN_SECRET_BYTES: Final = 32
MAX_SIGNED_CHARACTERS: Final = 8192

_NONCE_BYTES = 12
_TAG_BYTES = 16
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,512}=*) *", re.IGNORECASE)

# ---------------------------------------------------------------- who may


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a token speaks for. None for hospital, area or funds is no restriction; ``expires_at`` is in real time."""

    token_id: int
    subject: str
    scopes: frozenset[str]
    hospital_code: str | None
    area_code: str | None
    funds: frozenset[str] | None
    expires_at: datetime | None


def require(principal: Principal, *scopes: str) -> None:
    """Raise Forbidden ``forbidden_scope`` unless the principal has one of the scopes, or ``admin``.

    Says nothing about whose data it is: hospital, area and funds are the database's to hold to, and not yours is 404.
    """
    if ADMIN not in principal.scopes and principal.scopes.isdisjoint(scopes):
        raise Forbidden("forbidden_scope", values={"scope": ", ".join(scopes)})


def require_unrestricted_admin(principal: Principal) -> None:
    """Raise Forbidden ``forbidden_scope`` unless the principal is an administrator without hospital, area and funds:
    tokens, users and the clock concern everybody."""
    require(principal, ADMIN)
    if (principal.hospital_code, principal.area_code, principal.funds) != (None, None, None):
        raise Forbidden("forbidden_scope", values={"scope": ADMIN})


# ---------------------------------------------------------------- tokens


def new_token() -> tuple[str, bytes]:
    """A new token, to be shown once, and the digest of it that is stored."""
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return text, token_digest(text)


def token_digest(text: str) -> bytes:
    """SHA-256 of a token, 32 bytes. Not a slow hash: 256 random bits can't be guessed, however fast each guess is."""
    return hashlib.sha256(text.encode()).digest()


def is_admin_token(text: str, admin_token: SecretStr | None) -> bool:
    """Whether this is the bootstrap admin token, in constant time. Never when none, or an empty one, is set."""
    expected = admin_token.get_secret_value() if admin_token else ""
    return hmac.compare_digest(token_digest(text), token_digest(expected)) and bool(expected)


def admin_token_digest(keys: "Keys", text: str) -> bytes:
    """What the database keeps of the bootstrap admin token: a digest that needs the secret, as people choose it."""
    return hmac.digest(keys.current.signing, f"admin token {text}".encode(), "sha256")


def bearer(header: str | None, *, browser: bool = False) -> str:
    """The token of an ``Authorization`` header. Raises Unauthorized when there is none.

    ``browser``: a page that a person opens also takes the token as the password of HTTP Basic, which a browser asks
    for.
    """
    match = _BEARER.fullmatch(header or "")
    if match is not None:
        return match[1]
    if not browser:
        raise Unauthorized("unauthorized", headers={"WWW-Authenticate": "Bearer"})
    scheme, _, content = (header or "").partition(" ")
    try:
        password = base64.b64decode(content, validate=True).decode("ascii").partition(":")[2]
    except ValueError:
        password = ""
    if scheme.lower() != "basic" or not password:
        raise Unauthorized("unauthorized", headers={"WWW-Authenticate": 'Basic realm="onestop"'})
    return password


# ---------------------------------------------------------------- keys


@dataclass(frozen=True, slots=True)
class DerivedKeys:
    """The keys of one secret, 32 bytes each. ``key_id`` is one byte that hints at the secret; two may share it."""

    key_id: int
    encryption: bytes = field(repr=False)
    blind_index: bytes = field(repr=False)
    signing: bytes = field(repr=False)
    cursor: bytes = field(repr=False)
    check: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys to write with, and the older ones that are still read."""

    current: DerivedKeys
    older: tuple[DerivedKeys, ...] = ()

    def candidates(self, key_id: int) -> list[DerivedKeys]:
        """The keys that bear this id, the current first."""
        return [keys for keys in (self.current, *self.older) if keys.key_id == key_id]


def derive_keys(secret: bytes, older: Sequence[bytes] = ()) -> Keys:
    """Every key from a secret and from the secrets before it. Raises ValueError when one has less than 32 bytes."""
    return Keys(_derive(secret), tuple(_derive(one) for one in older))


def _derive(secret: bytes) -> DerivedKeys:
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"a secret needs at least {MIN_SECRET_BYTES} bytes, this one has {len(secret)}")

    def key(label: str) -> bytes:
        return HKDF(SHA256(), length=32, salt=None, info=f"onestop/1/{label}".encode()).derive(secret)

    return DerivedKeys(
        key_id=key("key-id")[0],
        encryption=key("encryption"),
        blind_index=key("blind-index"),
        signing=key("signing"),
        cursor=key("cursor"),
        check=key("check"),
    )


def parse_secret(text: str) -> bytes:
    """A secret written as hex or base64 (both alphabets, padded or not). Hex when it can be read as such.

    Raises ValueError, without the text, when it is neither or has less than 32 bytes.
    """
    text = text.strip()
    if re.fullmatch(r"([0-9a-fA-F]{2})+", text):
        secret = bytes.fromhex(text)
    else:
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            secret = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except ValueError:
            raise ValueError("the secret is neither hex nor base64; make one with: openssl rand -base64 32") from None
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"the secret has {len(secret)} bytes, at least {MIN_SECRET_BYTES} are needed")
    return secret


def load_keys(settings: Settings, data_dir: Path, *, create: bool = True) -> Keys:
    """The keys of the secret, and those of ``ONESTOP_FORMER_SECRETS``: comma-separated, the newest first. ValueError as
    ``load_secret``, and when a former secret is unusable or the current one is among them."""
    secret = load_secret(settings, data_dir, create=create)
    written = "" if settings.former_secrets is None else settings.former_secrets.get_secret_value()
    try:
        former = [parse_secret(text) for text in written.split(",") if text.strip()]
    except ValueError as error:
        raise ValueError(f"ONESTOP_FORMER_SECRETS: {error}") from None
    if secret in former:
        raise ValueError("ONESTOP_FORMER_SECRETS names the secret that is in use; it holds those before it only")
    return derive_keys(secret, former)


def load_secret(settings: Settings, data_dir: Path, *, create: bool = True) -> bytes:
    """``ONESTOP_SECRET_KEY``, or the file ``ONESTOP_SECRET_KEY_FILE``, otherwise ``secret.key`` of the data folder,
    made at the first start if ``create``.

    Raises ValueError, with the remedy, for an unusable or missing secret, a ``secret.key`` that others can read, and in
    production for a secret in the data folder: whoever gets a copy of the data would have its key with it.
    """
    written = "" if settings.secret_key is None else settings.secret_key.get_secret_value().strip()
    if written and settings.secret_key_file is not None:
        raise ValueError("ONESTOP_SECRET_KEY and ONESTOP_SECRET_KEY_FILE are both set; keep one of them")
    if written:
        return parse_secret(written)
    if settings.production and lies_beside_data(settings, data_dir):
        raise ValueError(
            "ONESTOP_SECRET_KEY is missing: in production the secret has to be given by it, or by "
            "ONESTOP_SECRET_KEY_FILE outside the data folder; make one with: openssl rand -base64 32, and keep it as "
            "safe as the backups, but apart from them"
        )
    if settings.secret_key_file is not None:
        return _read_secret(settings.secret_key_file)
    path = data_dir / SECRET_FILE
    if not path.exists():
        if not create:
            raise ValueError(f"The secret of this database is missing: put {path} back. Nothing was changed.")
        _create_secret(path)
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ValueError(f"{path} can be read by others; correct it with: chmod 600 {path}")
    return _read_secret(path)


def lies_beside_data(settings: Settings, data_dir: Path) -> bool:
    """Whether the secret is a file in the data folder."""
    if settings.secret_key is not None and settings.secret_key.get_secret_value().strip():
        return False
    path = settings.secret_key_file or data_dir / SECRET_FILE
    return path.resolve().is_relative_to(data_dir.resolve())


def _read_secret(path: Path) -> bytes:
    try:
        return parse_secret(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def _create_secret(path: Path) -> None:
    """Write a new secret, mode 0600. Whole or not at all, and the first of several starting processes wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp: 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(base64.b64encode(secrets.token_bytes(MIN_SECRET_BYTES)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # refuses to replace, unlike a rename
        except FileExistsError:
            return
    finally:
        os.unlink(draft)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# ---------------------------------------------------------------- encryption and blind index


def encrypt(keys: Keys, plaintext: str, *, associated: bytes) -> bytes:
    """A text encrypted as by :func:`encrypt_bytes`."""
    return encrypt_bytes(keys, plaintext.encode(), associated=associated)


def decrypt(keys: Keys, ciphertext: bytes, *, associated: bytes) -> str:
    """The text of :func:`encrypt`, with the current or an older key. Raises ValueError for anything else."""
    return decrypt_bytes(keys, ciphertext, associated=associated).decode()


def encrypt_bytes(keys: Keys, plaintext: bytes, *, associated: bytes) -> bytes:
    """AES-256-GCM with the current key: key id (1 byte), nonce (12), ciphertext and tag (16).

    ``associated`` says where the value belongs (table, column, row) and is needed again to decrypt. Two encryptions of
    one text differ; to find a value use :func:`blind_index`. The length of the text is not hidden.
    """
    head, nonce = bytes([keys.current.key_id]), secrets.token_bytes(_NONCE_BYTES)
    return head + nonce + AESGCM(keys.current.encryption).encrypt(nonce, plaintext, head + associated)


def decrypt_bytes(keys: Keys, ciphertext: bytes, *, associated: bytes) -> bytes:
    """The content of :func:`encrypt_bytes`. Raises ValueError for anything else."""
    if len(ciphertext) < 1 + _NONCE_BYTES + _TAG_BYTES:
        raise ValueError("not a ciphertext")
    head, nonce, body = ciphertext[:1], ciphertext[1 : 1 + _NONCE_BYTES], ciphertext[1 + _NONCE_BYTES :]
    for candidate in keys.candidates(head[0]):
        try:
            return AESGCM(candidate.encryption).decrypt(nonce, body, head + associated)
        except InvalidTag:
            continue
    raise ValueError("not encrypted with a key we have, for another place, or altered")


def is_current(keys: Keys, ciphertext: bytes, *, associated: bytes) -> bool:
    """Whether a ciphertext was made with the current key, and is ours at all."""
    try:
        decrypt_bytes(Keys(keys.current), ciphertext, associated=associated)
    except ValueError:
        return False
    return True


def blind_index(keys: Keys, value: str) -> bytes:
    """HMAC-SHA256, 32 bytes, with the current key: equal for texts equal but for case and outer blanks."""
    return _blind_index(keys.current, value)


def blind_index_candidates(keys: Keys, value: str) -> tuple[bytes, ...]:
    """The blind indexes to search for, by the current key first, then by the older ones."""
    return tuple(_blind_index(one, value) for one in (keys.current, *keys.older))


def _blind_index(keys: DerivedKeys, value: str) -> bytes:
    return hmac.digest(keys.blind_index, value.strip().upper().encode(), "sha256")


# ---------------------------------------------------------------- id numbers

_ID_NUMBER = re.compile(r"[1-9][0-9]{16}[0-9X]")
_ID_NUMBER_IN_ANY_CASE = re.compile(r"[0-9]{17}[0-9Xx]")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK_DIGITS = "10X98765432"


def valid_id_number(text: str) -> bool:
    """Whether it is a citizen's id number by GB 11643-1999: 18 characters, area, real date of birth, check digit.

    Strict: upper-case X, no blanks. Does not look the area up, nor whether the birth lies in the future (no clock).
    """
    return _ID_NUMBER.fullmatch(text) is not None and _has_birth_and_check_digit(text)


def looks_like_id_number(text: str) -> bool:
    """Whether a text from anywhere is likely an id number: as valid, but in any case, with outer blanks, any area."""
    text = text.strip()
    return _ID_NUMBER_IN_ANY_CASE.fullmatch(text) is not None and _has_birth_and_check_digit(text.upper())


def birth_date(id_number: str) -> date:
    """The date of birth in an id number of 18 characters. Raises ValueError when it is no day."""
    return date(int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14]))


def _has_birth_and_check_digit(text: str) -> bool:
    try:
        born = birth_date(text)
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, text[:17], strict=True))
    return 1850 <= born.year < 2100 and _ID_CHECK_DIGITS[total % 11] == text[17]


def mask_id_number(text: str) -> str:
    """An id number for a reader: ``530102********001X``. Of a text of another length only the last two are shown."""
    if len(text) == 18:
        return f"{text[:6]}********{text[14:]}"
    shown = text[-2:] if len(text) > 6 else ""
    return "*" * (len(text) - len(shown)) + shown


# ---------------------------------------------------------------- signed texts


def sign(keys: Keys, purpose: str, payload: bytes) -> str:
    """The payload with a key id and an HMAC-SHA256 cut to 16 bytes, as url-safe base64. Not encrypted, never expires.

    ``purpose`` (``quote``, ``cursor`` …) keeps a text for one use from being taken for another. Raises ValueError for a
    payload of more than about 6 kB.
    """
    body = bytes([keys.current.key_id]) + payload
    token = base64.urlsafe_b64encode(body + _seal(keys.current, purpose, body)).rstrip(b"=").decode()
    if len(token) > MAX_SIGNED_CHARACTERS:
        raise ValueError("the payload is too long to be signed")
    return token


def verify(keys: Keys, purpose: str, token: str) -> bytes:
    """The payload of :func:`sign`, in constant time. Raises ValueError for anything else; each payload has one text."""
    if len(token) > MAX_SIGNED_CHARACTERS:
        raise ValueError("too long")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token or len(raw) < 1 + _TAG_BYTES:
        raise ValueError("not a signed text")
    body, seal = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
    for candidate in keys.candidates(body[0]):
        if hmac.compare_digest(_seal(candidate, purpose, body), seal):
            return body[1:]
    raise ValueError("not signed by us for this purpose")


def _seal(keys: DerivedKeys, purpose: str, body: bytes) -> bytes:
    label = purpose.encode()
    key = keys.cursor if purpose == "cursor" else keys.signing
    return hmac.digest(key, bytes([len(label)]) + label + body, "sha256")[:_TAG_BYTES]
