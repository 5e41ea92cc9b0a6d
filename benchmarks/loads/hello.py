"""A 13-byte answer on 64 keep-alive connections: what the server itself costs."""

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.wrk import WrkOrder

LOAD = WrkLoad(
    key="hello",
    title="13-byte answer",
    app="plain:hello",
    order=WrkOrder("/", connections=64),
    expected=b"Hello, world!",
    is_for_bare_loop=True,
)
