"""What every test may ask for: a live server for one of the fixture apps, and a raw client.

A module of tests has one server, named `server`, which it makes with `serve`; `client` is then
a connection to it, new for each test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient

APPS = Path(__file__).parent / "apps"
EXAMPLES = Path(__file__).parent.parent / "examples"


class Serve(Protocol):
    """Starts a server for an app and settings, as typed; it ends with the module's tests."""

    def __call__(self, *arguments: str, directory: Path = APPS) -> LiveServer: ...


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """A way to start servers that end, and are checked, when the module's tests are over."""
    started: list[LiveServer] = []
    with ExitStack() as stack:

        def start(*arguments: str, directory: Path = APPS) -> LiveServer:
            server = stack.enter_context(LiveServer(*arguments, directory=directory))
            started.append(server)
            return server

        yield start
    for server in started:
        assert_validator_is_content(server)


@pytest.fixture
def client(server: LiveServer) -> Iterator[RawClient]:
    """A new connection to the module's server."""
    with server.client() as client:
        yield client


def assert_validator_is_content(server: LiveServer) -> None:
    """Fails if `wsgiref.validate` complained where no answer could show it.

    A 500 shows most complaints; those about what happens after the answer stand in the log
    only.
    """
    log = server.log()
    for complaint in ("garbage collected without being closed", "in assert_\n"):
        assert complaint not in log, f"`wsgiref.validate` complained:\n{log}"
