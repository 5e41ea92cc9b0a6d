"""Every request sleeps 10 ms, on 64 keep-alive connections: no more than 6,400 can be had."""

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.wrk import WrkOrder

LOAD = WrkLoad(
    key="sleeping",
    title="every request sleeps 10 ms",
    app="plain:sleeping",
    order=WrkOrder("/", connections=64),
    expected=b"Hello, world!",
)
