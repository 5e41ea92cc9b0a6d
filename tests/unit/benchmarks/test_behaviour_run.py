import os
import sys
from collections.abc import Iterator
from itertools import count

import pytest

from benchmarks.behaviour.client import ask, get
from benchmarks.behaviour.probe import Probe, Verdict, right, wrong
from benchmarks.behaviour.results import Result
from benchmarks.behaviour.run import DIES, DOES_NOT_START, results
from benchmarks.servers.running import Bench
from benchmarks.servers.server import Server

pytestmark = pytest.mark.slow
_MORTAL = """
import os, sys
from wsgiref.simple_server import WSGIServer, WSGIRequestHandler

def app(environ, start_response):
    if environ["PATH_INFO"] == "/dies":
        os._exit(1)
    start_response("200 OK", [("Content-Length", "4")])
    return [b"fine"]

server = WSGIServer(("127.0.0.1", int(sys.argv[1])), WSGIRequestHandler)
server.set_app(app)
server.serve_forever()
"""
_CORE = min(os.sched_getaffinity(0))
BENCH = Bench(0, _CORE, _CORE, 1)


def _command(app: str, port: int) -> list[str]:
    return [sys.executable, "-c", _MORTAL, str(port)]


MORTAL = Server("mortal", "one that may die", _command)


def result_of(probe: Probe, server: Server = MORTAL) -> Result:
    (result,) = results([probe], [server], BENCH, 1)
    return result


def probe_of(verdicts: Iterator[Verdict]) -> Probe:
    return Probe("key", "title", "right", lambda port: next(verdicts))


def test_a_server_that_dies_has_that_for_its_verdict() -> None:
    def ask_it_to_die(port: int) -> Verdict:
        return wrong(ask(port, get("/dies")).text)

    assert result_of(Probe("dies", "", "", ask_it_to_die)).text == DIES


def test_a_server_that_does_not_start_has_that_for_its_verdict() -> None:
    nobody = Server("nobody", "one that ends at once", lambda app, port: ["true"])
    assert result_of(probe_of(iter([])), nobody).text == DOES_NOT_START


def test_what_is_wrong_twice_is_said_once() -> None:
    result = result_of(probe_of(wrong("never") for _ in range(2)))
    assert (result.text, result.is_right) == ("never", False)


def test_what_is_wrong_in_two_ways_is_shown_so() -> None:
    result = result_of(probe_of(wrong(f"{number} times") for number in count(2)))
    assert result.text == "2 times; again: 3 times"


def test_what_is_right_is_not_asked_again() -> None:
    assert result_of(probe_of(iter([right("once")]))).is_right is True
