"""Ten pieces of 1 KiB from a generator, without a length, on 64 keep-alive connections."""

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.wrk import WrkOrder

LOAD = WrkLoad(
    key="streamed",
    title="streamed answer, 10 × 1 KiB",
    app="plain:streamed",
    order=WrkOrder("/", connections=64),
    expected=b"y" * 10_240,
)
