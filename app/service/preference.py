"""What a client would rather be answered (RFC 7240): ``Prefer: return=minimal`` leaves out what explains an answer."""

from typing import Final

from fastapi import Request

MINIMAL: Final = {"Preference-Applied": "return=minimal"}
"""The header of an answer that was left as small as was asked."""


def prefers_minimal(request: Request) -> bool:
    """Whether the first ``return`` among the request's preferences is ``minimal``; whatever else stands there is
    passed over."""
    for header in request.headers.getlist("prefer"):
        for preference in header.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            if name.strip().lower() == "return":
                return value.strip().strip('"').lower() == "minimal"
    return False
