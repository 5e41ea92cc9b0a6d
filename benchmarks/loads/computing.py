"""Every request computes 2 ms in Python, on 64 keep-alive connections: is the queue fair?"""

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.wrk import WrkOrder

LOAD = WrkLoad(
    key="computing",
    title="every request computes 2 ms",
    app="plain:computing",
    order=WrkOrder("/", connections=64),
    expected=b"Hello, world!",
)
