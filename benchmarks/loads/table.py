"""All loads, in the order of the report."""

from __future__ import annotations

from benchmarks.loads import (
    at_rest,
    beside_computing,
    computing,
    connections,
    flask_json,
    flask_text,
    hello,
    idle,
    one_client,
    one_in_twenty,
    ready,
    sleeping,
    streamed,
    ten_kib,
    upload,
)
from benchmarks.loads.load import Load

LOADS: list[Load] = [
    hello.LOAD,
    ten_kib.LOAD,
    upload.LOAD,
    streamed.LOAD,
    connections.LOAD,
    one_client.LOAD,
    flask_text.LOAD,
    flask_json.LOAD,
    sleeping.LOAD,
    one_in_twenty.LOAD,
    computing.LOAD,
    beside_computing.LOAD,
    idle.LOAD,
    at_rest.LOAD,
    ready.LOAD,
]
