"""A Flask view of a small JSON object on 64 keep-alive connections."""

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.wrk import WrkOrder

LOAD = WrkLoad(
    key="flask-json",
    title="Flask view, JSON",
    app="flask_views:app",
    order=WrkOrder("/json", connections=64),
    expected=b'{"id":7,"is_open":true,"name":"uncork","tags":["wsgi","flask"]}\n',
)
