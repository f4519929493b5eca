"""Encryption with a key of its own per row: taking the key away makes the row unreadable for ever.

The row's key is itself encrypted with the service's key, so nothing of a row can be read without both.
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.service.security import Keys, decrypt_bytes, encrypt_bytes

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


def message_place(hospital_code: str, infno: str, msgid: str) -> bytes:
    """Where a message's key and bodies belong."""
    return f"nhsa_message {hospital_code} {infno} {msgid}".encode()


def file_place(hospital_code: str) -> bytes:
    """Where a file's key and content belong."""
    return f"nhsa_file {hospital_code}".encode()


def visit_place(visit_id: str) -> bytes:
    """Where a visit's details belong."""
    return f"nhsa_visit.details {visit_id}".encode()


def fee_line_place(visit_no: int, line_no: int) -> bytes:
    """Where a line's details belong."""
    return f"nhsa_fee_line.details {visit_no} {line_no}".encode()


def filing_place(person_id: str) -> bytes:
    """Where a filing's details belong."""
    return f"nhsa_filing.details {person_id}".encode()


def sealed(keys: Keys, place: bytes, *contents: bytes) -> tuple[bytes, list[bytes]]:
    """A new row key, encrypted, and the contents encrypted with it. ``place`` says where they belong."""
    own = secrets.token_bytes(_KEY_BYTES)
    return encrypt_bytes(keys, own, associated=place), [
        _encrypt(own, place, number, item) for number, item in enumerate(contents)
    ]


def _encrypt(own: bytes, place: bytes, number: int, content: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(own).encrypt(nonce, content, place + b" %d" % number)


def opened(keys: Keys, place: bytes, key: bytes, content: bytes, *, number: int) -> bytes:
    """One of the contents that were sealed, by its position. ValueError for anything else."""
    own = decrypt_bytes(keys, key, associated=place)
    try:
        return AESGCM(own).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], place + b" %d" % number)
    except InvalidTag:
        raise ValueError("not sealed with this key, for another place, or altered") from None
