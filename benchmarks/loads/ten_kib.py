"""A 10-KiB answer in one piece on 64 keep-alive connections."""

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.wrk import WrkOrder

LOAD = WrkLoad(
    key="ten-kib",
    title="10-KiB answer",
    app="plain:ten_kib",
    order=WrkOrder("/", connections=64),
    expected=b"x" * 10_240,
    is_for_bare_loop=True,
)
