"""A 13-byte answer, and a new connection for every request, 64 at a time."""

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.wrk import WrkOrder

LOAD = WrkLoad(
    key="connections",
    title="one connection per request",
    app="plain:hello",
    order=WrkOrder("/", connections=64, closes=True),
    expected=b"Hello, world!",
)
