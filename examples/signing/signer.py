"""Signs requests to the national interface, with Python's standard library alone.

``python signer.py A KEY_ID SECRET MILLISECONDS`` or ``python signer.py B SECRET SECONDS NONCE``.
"""

import base64
import hashlib
import hmac
import sys


def sign_a(headers: dict[str, str], secret: str) -> str:
    """Profile A: the headers sorted by name, name=value joined by &, HMAC-SHA1, Base64."""
    text = "&".join(f"{name}={headers[name]}" for name in sorted(headers))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def sign_b(timestamp: str, secret: str, nonce: str) -> str:
    """Profile B: SHA-256 of timestamp, secret, nonce and timestamp, in lower-case hexadecimal."""
    return hashlib.sha256(f"{timestamp}{secret}{nonce}{timestamp}".encode()).hexdigest()


if __name__ == "__main__":
    if sys.argv[1] == "A":
        own = {"_api_name": "callService", "_api_version": "1.0.0"}
        own |= {"_api_timestamp": sys.argv[4], "_api_access_key": sys.argv[2]}
        sys.stdout.write(sign_a(own, sys.argv[3]) + "\n")
    else:
        sys.stdout.write(sign_b(sys.argv[3], sys.argv[2], sys.argv[4]) + "\n")
