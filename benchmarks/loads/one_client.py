"""A 13-byte answer for one client on one connection: latency, without company."""

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.wrk import WrkOrder

LOAD = WrkLoad(
    key="one-client",
    title="one single client",
    app="plain:hello",
    order=WrkOrder("/", connections=1),
    expected=b"Hello, world!",
    is_for_bare_loop=True,
)
