"""No room for a body: the request is refused, the operator told, and the server goes on."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import APPS
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, RawResponse
from tests.support.tiny_disk import tiny_disk

MEBIBYTE = 1024 * 1024
ROOM = 2 * MEBIBYTE
WARNING = (
    "warning: a request was refused: its body did not fit into `body_buffer`, "
    "and can't be kept in `{}`: "
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with tiny_disk(tmp_path, ROOM) as disk:
        yield disk


@pytest.fixture
def server(disk: Path) -> Iterator[LiveServer]:
    env = {"TMPDIR": str(disk)}
    with LiveServer("plain:app", "--body-buffer=64KiB", directory=APPS, env=env) as server:
        yield server


def upload(client: RawClient, size: int, path: str = "/digest") -> RawResponse:
    client.send(f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n\r\n".encode())
    client.send(b"x" * size)
    return client.read_response()


def test_a_body_without_room_is_answered_507(client: RawClient) -> None:
    response = upload(client, 2 * ROOM)
    assert response.status == 507
    assert response.header("Connection") == "close"
    client.assert_closed()


def test_the_app_is_not_called_for_it(server: LiveServer, client: RawClient) -> None:
    assert upload(client, 2 * ROOM, "/full").status == 507
    with server.client() as other:
        assert other.get("/calls?path=/full").body == b"0"


def test_the_operator_is_told_once_however_many_uploads_fail(
    server: LiveServer, disk: Path
) -> None:
    for _ in range(5):
        with server.client() as client:
            assert upload(client, 2 * ROOM).status == 507
    server.wait_for_log("No space left")
    warning = WARNING.format(disk) + "No space left on device (os error 28)\n"
    log = server.log()
    assert warning in log
    assert log.count("a request was refused") == 1


def test_nothing_is_left_over_and_what_fits_is_served_again(server: LiveServer, disk: Path) -> None:
    free = os.statvfs(disk).f_bavail
    with server.client() as client:
        assert upload(client, 2 * ROOM).status == 507
        client.assert_closed()
    assert list(disk.iterdir()) == []
    assert os.statvfs(disk).f_bavail == free
    with server.client() as other:
        assert upload(other, ROOM // 2).status == 200


def test_a_body_that_needs_no_file_is_served_meanwhile(
    server: LiveServer, disk: Path, client: RawClient
) -> None:
    (disk / "filling").write_bytes(b"x" * ROOM)
    assert upload(client, 64 * 1024).status == 200


@pytest.mark.slow
def test_a_streamed_body_needs_no_disk(disk: Path) -> None:
    env = {"TMPDIR": str(disk)}
    arguments = ("plain:app", "--body-mode=streamed")
    with LiveServer(*arguments, directory=APPS, env=env) as server, server.client() as client:
        assert upload(client, 4 * ROOM).status == 200


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_no_end_of_the_server() -> None:
    """The kernel sends a signal that ends whoever does not expect it (setrlimit(2), XFSZ)."""
    with LiveServer("plain:app", "--body-buffer=64KiB", directory=APPS) as server:
        resource.prlimit(server.worker_pid, resource.RLIMIT_FSIZE, (ROOM, ROOM))
        with server.client() as client:
            assert upload(client, 2 * ROOM).status == 507
        server.wait_for_log("File too large (os error 27)")
        with server.client() as other:
            assert upload(other, ROOM // 2).status == 200


@pytest.mark.slow
def test_a_folder_that_is_missing_is_told_of_as_well(tmp_path: Path) -> None:
    env = {"TMPDIR": str(tmp_path / "missing")}
    with LiveServer("plain:app", directory=APPS, env=env) as server, server.client() as client:
        assert upload(client, 2 * MEBIBYTE).status == 507
        server.wait_for_log("No such file or directory")
