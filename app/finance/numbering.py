"""The form that gives an order or a payment batch the office's own document number."""

from collections.abc import Mapping

import msgspec

from app.clearing.document_number import NumberRequest
from app.service.wire import decode


def number_in(form: Mapping[str, str]) -> NumberRequest:
    """What the form says; an empty field takes the number away."""
    return decode(msgspec.json.encode({"document_number": form.get("document_number") or None}), NumberRequest)
