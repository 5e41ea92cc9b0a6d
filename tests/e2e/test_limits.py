"""Every limit of size, time and number, each with a client that goes up to it and beyond."""

from __future__ import annotations

import select
import socket
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import APPS, Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, RawResponse, Truncated

MEBIBYTE = 1024 * 1024
BEYOND_ALL_BUFFERS = 40 * MEBIBYTE
SHORT = 0.3  # seconds: what the timeouts of these servers are set to
PAUSE = 0.05  # seconds between two bytes of a client that dribbles
PATIENCE = 3.0  # seconds after which a timeout has failed to come
POST = b"POST /echo HTTP/1.1\r\nHost: test\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def small_server(serve: Serve) -> LiveServer:
    """All limits of size."""
    sizes = ["--max-head=2KiB", "--max-headers=10", "--max-target=200", "--max-trailers=100"]
    return serve("plain:app", *sizes, "--max-body=0")


@pytest.fixture(scope="module")
def hasty_server(serve: Serve) -> LiveServer:
    """All limits of time that concern a request's arrival."""
    times = [f"--{name}={SHORT}" for name in ("head-timeout", "body-timeout", "keep-alive")]
    return serve("plain:app", *times, "--min-rate=1000")


@pytest.fixture(scope="module")
def writing_server(serve: Serve) -> LiveServer:
    return serve("plain:app", "--threads=1", f"--write-timeout={SHORT}", "--min-rate=1000")


def request(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def assert_refused(client: RawClient, response: RawResponse, status: int) -> None:
    assert response.status == status, response
    client.assert_closed()


def is_established(client: RawClient) -> bool:
    """Whether the server has not closed its end (proc_net(5), `tcp`)."""
    ends = [
        f":{port:04X}"
        for _, port in (client.connection.getpeername(), client.connection.getsockname())
    ]
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any([field[-5:] for field in line[1:3]] == ends and line[3] == "01" for line in lines)


def is_readable(client: RawClient, seconds: float) -> bool:
    """Whether something comes within that time."""
    return bool(select.select([client.connection], [], [], seconds)[0])


def lazy_client(stack: ExitStack, server: LiveServer, target: str) -> RawClient:
    """A client whose answer has begun, and which takes no more of it than it must."""
    client = stack.enter_context(server.client())
    client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    client.send(request(target))
    assert is_readable(client, PATIENCE)
    return client


class Held:
    """A client whose request keeps a thread until `let_go`."""

    def __init__(self, stack: ExitStack, server: LiveServer, folder: Path) -> None:
        self._gate = folder / f"{uuid.uuid4()}.gate"
        self.client = stack.enter_context(server.client())
        self.client.send(request(f"/hold?{self._gate}"))
        begun = self._gate.with_suffix(".begun")
        server.wait_for(begun.exists, "the app has begun to wait")

    def let_go(self) -> None:
        self._gate.touch()
        assert self.client.read_response().body == b"held"


def dribble(client: RawClient, data: bytes, *, step: int = 1) -> float:
    """Sends `data` in small steps until an answer begins or the end; the seconds it took."""
    started = time.monotonic()
    for start in range(0, len(data), step):
        client.send(data[start : start + step])
        if is_readable(client, PAUSE):
            break
    return time.monotonic() - started


# Sizes


def test_a_target_up_to_the_limit_passes(small_server: LiveServer) -> None:
    target = "/" + "a" * 199
    with small_server.client() as client:
        assert client.get(target).body == target.encode()
        assert_refused(client, client.get(target + "a"), 414)


def test_a_head_up_to_the_limit_passes(small_server: LiveServer) -> None:
    head = b"GET /a HTTP/1.1\r\nHost: test\r\nX: %s\r\n\r\n"
    room = 2048 - len(head % b"")
    with small_server.client() as client:
        assert client.request(head % (b"x" * room)).body == b"/a"
        assert_refused(client, client.request(head % (b"x" * (room + 1))), 431)


def test_a_head_without_an_end_is_refused_at_the_limit(small_server: LiveServer) -> None:
    with small_server.client() as client:
        client.send(b"GET /a HTTP/1.1\r\nHost: test\r\nX: ")
        client.send(b"x" * 2048)
        assert_refused(client, client.read_response(), 431)


def test_headers_up_to_the_limit_pass(small_server: LiveServer) -> None:
    with small_server.client() as client:
        assert client.get("/a", *["X: y"] * 9).body == b"/a"  # and `Host`
        assert_refused(client, client.get("/a", *["X: y"] * 10), 431)


@pytest.mark.slow
def test_trailers_up_to_the_limit_pass(serve: Serve) -> None:
    server = serve("plain:app", "--max-trailers=100")
    end = CHUNKED + b"1\r\na\r\n0\r\nX: %s\r\n\r\n"
    with server.client() as client:
        assert client.request(end % (b"x" * 80)).body == b"a"
        assert_refused(client, client.request(end % (b"x" * 100)), 431)


def test_where_no_body_is_taken_requests_without_one_pass(small_server: LiveServer) -> None:
    with small_server.client() as client:
        assert client.get("/a").body == b"/a"
        assert client.request(POST + b"Content-Length: 0\r\n\r\n").body == b""
        assert_refused(client, client.request(POST + b"Content-Length: 1\r\n\r\n"), 413)


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"], ids=["", "expecting"])
def test_a_body_over_the_limit_is_refused_by_its_head(
    small_server: LiveServer, expect: bytes
) -> None:
    with small_server.client() as client:
        response = client.request(POST + expect + b"Content-Length: 1\r\n\r\n")
        assert_refused(client, response, 413)


# Times


@pytest.mark.slow
def test_a_connection_without_a_request_is_closed(hasty_server: LiveServer) -> None:
    with hasty_server.client(timeout_seconds=PATIENCE) as client:
        assert not is_readable(client, SHORT / 2)
        client.assert_closed()


@pytest.mark.slow
def test_an_idle_connection_is_closed_after_its_time(hasty_server: LiveServer) -> None:
    with hasty_server.client(timeout_seconds=PATIENCE) as client:
        for _ in range(3):
            assert client.get("/a").body == b"/a"
            assert not is_readable(client, SHORT / 2)
        client.assert_closed()


@pytest.mark.slow
def test_half_a_head_is_answered_408(hasty_server: LiveServer) -> None:
    with hasty_server.client(timeout_seconds=PATIENCE) as client:
        client.send(b"GET / HTTP/1.1\r\nHost:")
        assert not is_readable(client, SHORT / 2)
        assert_refused(client, client.read_response(), 408)


@pytest.mark.slow
def test_a_head_that_dribbles_is_given_no_more_time(hasty_server: LiveServer) -> None:
    with hasty_server.client(timeout_seconds=PATIENCE) as client:
        assert dribble(client, b"GET /" + b"a" * 100) < SHORT + 10 * PAUSE
        assert_refused(client, client.read_response(), 408)


@pytest.mark.slow
def test_a_body_that_stops_is_answered_408(hasty_server: LiveServer) -> None:
    with hasty_server.client(timeout_seconds=PATIENCE) as client:
        client.send(POST + b"Content-Length: 100\r\n\r\nhalf")
        assert not is_readable(client, SHORT / 2)
        assert_refused(client, client.read_response(), 408)


@pytest.mark.slow
@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_a_body_below_the_rate_is_answered_408(hasty_server: LiveServer, framing: str) -> None:
    with hasty_server.client(timeout_seconds=PATIENCE) as client:
        if framing == "sized":
            client.send(POST + b"Content-Length: 100\r\n\r\n")
            took = dribble(client, b"x" * 100)
        else:
            client.send(CHUNKED)
            took = dribble(client, b"1\r\nx\r\n" * 30, step=6)
        assert took < SHORT + 10 * PAUSE
        assert_refused(client, client.read_response(), 408)


@pytest.mark.slow
@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_a_slow_body_above_the_rate_arrives(hasty_server: LiveServer, framing: str) -> None:
    """It takes three times as long as a client may pause, and passes all the same."""
    piece = b"x" * 200
    steps = round(3 * SHORT / PAUSE)
    with hasty_server.client(timeout_seconds=PATIENCE) as client:
        if framing == "sized":
            client.send(POST + b"Content-Length: %d\r\n\r\n" % (len(piece) * steps))
            dribble(client, piece * steps, step=len(piece))
        else:
            client.send(CHUNKED)
            chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
            dribble(client, chunk * steps, step=len(chunk))
            client.send(b"0\r\n\r\n")
        assert client.read_response().body == piece * steps


@pytest.mark.slow
@pytest.mark.parametrize(
    "target",
    [
        f"/large?size={BEYOND_ALL_BUFFERS}",
        f"/large?length=1&size={BEYOND_ALL_BUFFERS}",
        f"/block?size={BEYOND_ALL_BUFFERS}",
        f"/bare/block?size={BEYOND_ALL_BUFFERS}",
    ],
    ids=["chunked", "sized", "one-piece", "one-piece-bare"],
)
def test_a_reader_that_takes_nothing_is_let_go(writing_server: LiveServer, target: str) -> None:
    with ExitStack() as stack:
        lazy = lazy_client(stack, writing_server, target)
        writing_server.wait_for(lambda: not is_established(lazy), "the server has given up")
        with pytest.raises(Truncated):
            lazy.read_response()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("app", "target"),
    [("plain:app", f"/block?size={BEYOND_ALL_BUFFERS}"), ("downloads:app", "/large")],
    ids=["buffered", "file"],
)
def test_a_reader_of_what_is_left_behind_the_call_is_let_go(app: str, target: str) -> None:
    """The app has long returned; a stop shows when the connection is gone too."""
    arguments = [app, f"--write-timeout={SHORT}", "--output-buffer=64MiB"]
    with LiveServer(*arguments, directory=APPS) as server, ExitStack() as stack:
        lazy = lazy_client(stack, server, target)
        started = time.monotonic()
        assert server.stop() == 0
        assert SHORT / 2 < time.monotonic() - started < PATIENCE
        with pytest.raises(Truncated):
            lazy.read_response()


@pytest.mark.slow
def test_a_reader_below_the_rate_is_let_go(writing_server: LiveServer) -> None:
    with ExitStack() as stack:
        lazy = lazy_client(stack, writing_server, f"/large?size={BEYOND_ALL_BUFFERS}")
        other = stack.enter_context(writing_server.client(timeout_seconds=PATIENCE))
        other.send(request("/a"))
        deadline = time.monotonic() + PATIENCE
        while not is_readable(other, PAUSE):
            assert lazy.connection.recv(1)
            assert time.monotonic() < deadline
        assert other.read_response().body == b"/a"


@pytest.mark.slow
def test_a_download_that_goes_on_may_take_longer_than_the_timeout(
    writing_server: LiveServer,
) -> None:
    with writing_server.client() as slow:
        slow.send(request(f"/large?length=1&size={BEYOND_ALL_BUFFERS}"))
        assert is_readable(slow, PATIENCE)
        received = b""
        deadline = time.monotonic() + 4 * SHORT
        while time.monotonic() < deadline:
            time.sleep(PAUSE)  # what makes it slow
            received += slow.connection.recv(MEBIBYTE)
        slow.connection.shutdown(socket.SHUT_WR)
        received += slow.read_to_end()
        assert len(received.partition(b"\r\n\r\n")[2]) == BEYOND_ALL_BUFFERS


# Numbers


@pytest.mark.slow
def test_the_last_request_of_a_connection_is_told_so(serve: Serve) -> None:
    server = serve("plain:app", "--keep-alive-requests=3")
    with server.client() as client, server.client() as other:
        client.send(b"".join(request(f"/{number}") for number in range(5)))
        answers = [client.read_response() for _ in range(3)]
        assert [answer.header("Connection") for answer in answers] == [None, None, "close"]
        client.assert_closed()
        assert other.get("/calls?path=/3").body == b"0"


@pytest.mark.slow
def test_requests_over_the_queue_are_refused_at_once(serve: Serve, tmp_path: Path) -> None:
    server = serve("gated:app", "--threads=1", "--queue=2")
    with ExitStack() as stack:
        held = Held(stack, server, tmp_path)
        clients = [stack.enter_context(server.client()) for _ in range(6)]
        for client in clients:
            client.send(request("/queued"))
        refused = wait_for_answers(clients, 4)
        for client in refused:
            response = client.read_response()
            assert response.header("Retry-After") == "1"
            assert_refused(client, response, 503)
        held.let_go()
        for client in clients:
            if client not in refused:
                assert client.read_response().body == b"/queued"
        assert held.client.get("/calls?path=/queued").body == b"2"


@pytest.mark.slow
def test_a_queue_of_none_refuses_as_soon_as_all_threads_are_busy(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve("gated:app", "--threads=1", "--queue=0")
    with ExitStack() as stack:
        held = Held(stack, server, tmp_path)
        other = stack.enter_context(server.client())
        assert other.get("/a").status == 503
        held.let_go()
        assert held.client.get("/a").body == b"/a"


@pytest.mark.slow
def test_a_request_that_waited_too_long_never_reaches_the_app(serve: Serve, tmp_path: Path) -> None:
    server = serve("gated:app", "--threads=1", f"--queue-timeout={SHORT}")
    with ExitStack() as stack:
        held = Held(stack, server, tmp_path)
        other = stack.enter_context(server.client(timeout_seconds=PATIENCE))
        other.send(request("/waited"))
        assert not is_readable(other, SHORT / 2)
        response = other.read_response()
        assert response.header("Retry-After") == "1"
        assert_refused(other, response, 503)
        held.let_go()
        assert held.client.get("/calls?path=/waited").body == b"0"


@pytest.mark.slow
def test_answers_within_the_output_buffer_cost_no_thread(serve: Serve) -> None:
    server = serve("plain:app", "--threads=1", "--output-buffer=64MiB")
    with ExitStack() as stack:
        for way in ("block?", "large?", "large?length=1&"):
            lazy_client(stack, server, f"/{way}size={BEYOND_ALL_BUFFERS}")
        other = stack.enter_context(server.client())
        assert other.get("/a").body == b"/a"


@pytest.mark.slow
def test_no_more_requests_run_at_once_than_there_are_threads(serve: Serve, tmp_path: Path) -> None:
    server = serve("gated:app", "--threads=2")
    with ExitStack() as stack:
        first = Held(stack, server, tmp_path)
        other = stack.enter_context(server.client())
        assert other.get("/a").body == b"/a"
        second = Held(stack, server, tmp_path)
        other.send(request("/a"))
        assert not is_readable(other, 0.1)
        first.let_go()
        assert other.read_response().body == b"/a"
        second.let_go()


@pytest.mark.slow
def test_threads_that_wait_for_readers_are_replaced_up_to_a_limit(serve: Serve) -> None:
    server = serve("plain:app", "--threads=1")
    target = f"/large?length=1&size={BEYOND_ALL_BUFFERS}"
    with ExitStack() as stack:
        other = stack.enter_context(server.client())
        lazy = [lazy_client(stack, server, target) for _ in range(4)]
        assert other.get("/a").body == b"/a"
        lazy.append(lazy_client(stack, server, target))
        other.send(request("/a"))
        assert not is_readable(other, 0.1)
        assert len(lazy[0].read_response().body) == BEYOND_ALL_BUFFERS
        assert other.read_response().body == b"/a"


@pytest.mark.slow
def test_two_hundred_clients_that_dribble_cost_the_one_thread_nothing(serve: Serve) -> None:
    server = serve("plain:app", "--threads=1")
    body = POST + b"Content-Length: 9\r\n\r\ndribbling"
    head = request("/dribble-" + "d" * (len(body) - len(request("/dribble-"))))
    with ExitStack() as stack:
        slow = [stack.enter_context(server.client()) for _ in range(200)]
        other = stack.enter_context(server.client())
        for position in range(len(body)):
            for number, client in enumerate(slow):
                data = head if number % 2 else body
                client.send(data[position : position + 1])
            assert other.get("/a").body == b"/a"
        for number, client in enumerate(slow):
            expected = b"/dribble-" if number % 2 else b"dribbling"
            assert client.read_response().body.startswith(expected)


def wait_for_answers(clients: Sequence[RawClient], count: int) -> list[RawClient]:
    """The clients to whom something has come, once they are that many."""
    deadline = time.monotonic() + PATIENCE
    by_socket = {client.connection: client for client in clients}
    while True:
        ready = select.select(by_socket, [], [], PAUSE)[0]
        if len(ready) >= count:
            return [by_socket[connection] for connection in ready]
        assert time.monotonic() < deadline, f"{len(ready)} of {count} were answered"


def test_idle_connections_make_room_for_new_ones(serve: Serve) -> None:
    server = serve("plain:app", "--max-connections=5")
    with ExitStack() as stack:
        for number in range(30):
            client = stack.enter_context(server.client())
            assert client.get(f"/{number}").body == f"/{number}".encode()


def test_connections_that_never_spoke_make_room_for_new_ones(serve: Serve) -> None:
    server = serve("plain:app", "--max-connections=5")
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(server.client())
        client = stack.enter_context(server.client())
        assert client.get("/a").body == b"/a"


def test_connections_at_work_are_not_closed_for_new_ones(serve: Serve) -> None:
    server = serve("plain:app", "--max-connections=3")
    with ExitStack() as stack:
        busy = [
            lazy_client(stack, server, f"/large?length=1&size={BEYOND_ALL_BUFFERS}")
            for _ in range(3)
        ]
        one_more = stack.enter_context(server.client())
        assert one_more.get("/a").body == b"/a"
        one_more.send(request(f"/large?length=1&size={BEYOND_ALL_BUFFERS}"))
        other = stack.enter_context(server.client())
        other.send(request("/a"))
        assert not is_readable(other, 0.1)
        assert len(busy[0].read_response().body) == BEYOND_ALL_BUFFERS
        assert other.read_response().body == b"/a"
        for client in [*busy[1:], one_more]:
            assert len(client.read_response().body) == BEYOND_ALL_BUFFERS
