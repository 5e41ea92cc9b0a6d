"""A 16-KiB upload, read whole by the application, on 64 keep-alive connections."""

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.wrk import WrkOrder

LOAD = WrkLoad(
    key="upload",
    title="16-KiB upload",
    app="plain:upload",
    order=WrkOrder("/", connections=64, body_bytes=16_384),
    expected=b"16384 0123 cdef",
)
