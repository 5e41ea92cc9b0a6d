"""Files that are sent while the application does something else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apps.downloads import LARGE
from tests.conftest import Serve
from tests.support.live_server import LiveServer

GET_LARGE = b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("downloads:app", "--threads", "1")


@pytest.fixture
def slow_readers(server: LiveServer) -> Iterator[list]:
    """Clients that have asked for the large file and take none of it."""
    clients = [server.client() for _ in range(8)]
    for client in clients:
        client.send(GET_LARGE)
    yield clients
    for client in clients:
        client.close()


@pytest.mark.slow
def test_a_slow_download_costs_no_thread(server: LiveServer, slow_readers: list) -> None:
    with server.client() as other:
        for _ in range(10):
            assert other.get("/small").body == b"small"


@pytest.mark.slow
def test_a_file_arrives_whole_beside_others(server: LiveServer, slow_readers: list) -> None:
    with server.client() as client:
        client.send(GET_LARGE + b"GET /small HTTP/1.1\r\nHost: test\r\n\r\n")
        large = client.read_response()
        assert (len(large.body), large.body.count(0)) == (LARGE, LARGE)
        assert client.read_response().body == b"small"
