"""JSON as an answer with a length."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse


def answer_json(start_response: StartResponse, value: object) -> Iterable[bytes]:
    """Answers 200 with `value`."""
    answer = json.dumps(value).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]
