"""A Flask view of a short text, without a template, on 64 keep-alive connections."""

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.wrk import WrkOrder

LOAD = WrkLoad(
    key="flask-text",
    title="Flask view, text",
    app="flask_views:app",
    order=WrkOrder("/text", connections=64),
    expected=b"Hello, world!",
)
