"""WebSockets of Flask-Sock and Flask-SocketIO, both unchanged, with real clients."""

from __future__ import annotations

import queue
import signal
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import simple_websocket
import socketio
from wsproto.events import CloseConnection, Ping

from tests.conftest import APPS, Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient
from tests.support.websocket_peer import WebSocketPeer, masked_text

MEBIBYTE = 1024 * 1024
UPGRADE = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
]


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("sockets_sock:app", "--threads=4")


@pytest.fixture(scope="module")
def tls_server(serve: Serve) -> LiveServer:
    return serve("sockets_sock:app", "--cert=adhoc")


@pytest.fixture(scope="module")
def pinging_server(serve: Serve) -> LiveServer:
    return serve("sockets_sock:create_app(0.1)")


@pytest.fixture(scope="module")
def socketio_server(serve: Serve) -> LiveServer:
    return serve("sockets_socketio:app", "--threads=4")


@contextmanager
def connected(server: LiveServer, target: str = "/echo") -> Iterator[simple_websocket.Client]:
    client = simple_websocket.Client.connect(server.url.replace("http", "ws") + target)
    try:
        yield client
    finally:
        if client.connected:
            client.close()
        client.thread.join()


@contextmanager
def peer(server: LiveServer, target: str = "/echo", *early: str) -> Iterator[WebSocketPeer]:
    with WebSocketPeer(server.connect(), target, *early) as made:
        yield made


@contextmanager
def tls_peer(server: LiveServer, target: str, *early: str) -> Iterator[WebSocketPeer]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = context.wrap_socket(server.connect())
    with WebSocketPeer(connection, target, *early) as made:
        yield made


def read(client: RawClient, count: int) -> bytes:
    """The next bytes behind the answers that were read."""
    data = client.leftover
    while len(data) < count and (more := client.connection.recv(1 << 16)):
        data += more
    return data[:count]


def wait_until_ended(server: LiveServer, name: str) -> None:
    """Returns once the view of the sockets of that name has seen its end."""
    with server.client() as client:
        server.wait_for(
            lambda: client.get(f"/ended/{name}").body != b"0", f"the socket {name!r} had ended"
        )


def test_messages_are_echoed(server: LiveServer) -> None:
    with connected(server) as client:
        for message in ["text", "\u20ac \U0001f377", "", b"\x00\xff" * 100]:
            client.send(message)
            assert client.receive(5) == message


@pytest.mark.slow
def test_of_two_hundred_sockets_none_loses_a_frame_and_requests_go_on(server: LiveServer) -> None:
    rounds = range(10)
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(200)]
        other = stack.enter_context(server.client())
        for round_ in rounds:
            for number, client in enumerate(clients):
                client.send(f"{round_} of {number}")
            assert other.get("/plain").body == b"plain"
        for number, client in enumerate(clients):
            assert [client.receive(5) for _ in rounds] == [f"{r} of {number}" for r in rounds]


@pytest.mark.slow
@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536, 8 * MEBIBYTE])
def test_a_frame_of_any_size_comes_back_whole(server: LiveServer, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    with connected(server) as client:
        client.send(data[:size])
        assert client.receive(8) == data[:size]


def test_messages_that_come_with_the_handshake_are_not_lost(server: LiveServer) -> None:
    with peer(server, "/echo", "one", "two", "three") as client:
        assert [client.receive() for _ in range(3)] == ["one", "two", "three"]
        client.send("four")
        assert client.receive() == "four"


def test_a_frame_of_which_half_comes_with_the_handshake_is_whole(server: LiveServer) -> None:
    frame = masked_text("a frame in two segments")
    head = "\r\n".join(["GET /once HTTP/1.1", "Host: test", *UPGRADE, "", ""]).encode()
    with server.client() as client:
        client.send(head + frame[:9])
        assert client.read_response().status == 101
        client.send(frame[9:])
        assert read(client, 25) == b"\x81\x17a frame in two segments"


def test_a_socket_follows_other_requests_of_its_connection(server: LiveServer) -> None:
    with server.client() as client:
        assert client.get("/plain").body == b"plain"
        assert client.get("/plain").body == b"plain"
        with WebSocketPeer(client.connection) as socket_:
            socket_.send("after two requests")
            assert socket_.receive() == "after two requests"


def test_a_socket_follows_a_request_that_it_was_pipelined_behind(server: LiveServer) -> None:
    head = "\r\n".join(["GET /once HTTP/1.1", "Host: test", *UPGRADE, "", ""]).encode()
    with server.client() as client:
        client.send(b"GET /plain HTTP/1.1\r\nHost: test\r\n\r\n" + head + masked_text("hi"))
        assert client.read_response().body == b"plain"
        assert client.read_response().status == 101
        assert read(client, 4) == b"\x81\x02hi"


@pytest.mark.parametrize("early", [(), ("early", "bird")], ids=["alone", "with-messages"])
def test_a_socket_speaks_tls(tls_server: LiveServer, early: tuple[str, ...]) -> None:
    with tls_peer(tls_server, "/echo", *early) as client:
        assert [client.receive() for _ in early] == list(early)
        for message in ["text", b"\x00" * 30_000, "text again"]:
            client.send(message)
            assert client.receive() == message


def test_a_server_that_closes_over_tls_is_understood(tls_server: LiveServer) -> None:
    with tls_peer(tls_server, "/closes") as client:
        assert client.receive() == "last words"
        closing = client.expect(CloseConnection)
        assert (closing.code, closing.reason) == (1001, "the server says so")


def test_a_client_that_vanishes_over_tls_is_noticed(tls_server: LiveServer) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with tls_peer(tls_server, "/notes/tls") as client:
        client.send("here")
        assert client.receive() == "here"
    with context.wrap_socket(tls_server.connect()) as connection:
        other = RawClient(connection)
        tls_server.wait_for(lambda: other.get("/ended/tls").body == b"1", "the socket had ended")


@pytest.mark.slow
def test_a_unix_socket_takes_websockets(tmp_path: Path) -> None:
    bind = f"unix:{tmp_path}/sock"
    with (
        LiveServer("sockets_sock:app", directory=APPS, sockets=0, binds=[bind]) as server,
        WebSocketPeer(server.connect_unix(), "/echo", "early") as client,
    ):
        assert client.receive() == "early"
        client.send("later")
        assert client.receive() == "later"
        client.close()
        client.expect(CloseConnection)


def test_a_server_that_closes_says_why(server: LiveServer) -> None:
    with peer(server, "/closes") as client:
        assert client.receive() == "last words"
        closing = client.expect(CloseConnection)
        assert (closing.code, closing.reason) == (1001, "the server says so")


def test_a_view_that_returns_closes_the_socket_and_writes_nothing_behind(
    server: LiveServer,
) -> None:
    with peer(server, "/once", "only") as client:
        assert client.receive() == "only"
        closing = client.expect(CloseConnection)
        assert closing.code == 1000
        client.answer(closing)
        with pytest.raises(EOFError):
            client.next_event()


def test_a_view_that_fails_ends_the_socket_and_is_logged(server: LiveServer) -> None:
    with peer(server, "/raises", "go") as client:
        assert client.receive() == "go"
        server.wait_for_log("ValueError: a socket's view has failed")
    with server.client() as other:
        assert other.get("/plain").body == b"plain"


def test_a_client_that_closes_is_answered_and_let_go(server: LiveServer) -> None:
    with peer(server, "/notes/closes") as client:
        client.close(1001)
        closing = client.expect(CloseConnection)
        assert closing.code == 1001
        with pytest.raises(EOFError):
            client.next_event()
    wait_until_ended(server, "closes")


@pytest.mark.parametrize("way", ["fin", "reset"])
def test_a_client_that_vanishes_is_noticed(server: LiveServer, way: str) -> None:
    with peer(server, f"/notes/{way}") as client:
        client.send("here")
        assert client.receive() == "here"
        if way == "reset":
            linger = struct.pack("ii", 1, 0)
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    wait_until_ended(server, way)


def test_sockets_that_came_and_went_leave_room_for_others(server: LiveServer) -> None:
    """More of them than there are threads, one after the other."""
    for number in range(20):
        with peer(server, "/once", str(number)) as client:
            assert client.receive() == str(number)
    with server.client() as other:
        assert other.get("/plain").body == b"plain"


@pytest.mark.slow
def test_a_socket_that_answers_pings_stays_open(pinging_server: LiveServer) -> None:
    with peer(pinging_server) as client:
        for _ in range(4):
            ping = client.expect(Ping)
            client.answer(ping)
        client.send("still here")
        assert client.receive() == "still here"


def test_a_socket_that_does_not_answer_a_ping_is_closed(pinging_server: LiveServer) -> None:
    with peer(pinging_server) as client:
        client.expect(Ping)
        closing = client.expect(CloseConnection)
        assert closing.code == 1008


def test_an_upgrade_that_the_app_does_not_take_is_a_plain_request(serve: Serve) -> None:
    with serve("plain:app").client() as client:
        response = client.get("/a", *UPGRADE)
        assert (response.status, response.body) == (200, b"/a")
        assert response.header("Upgrade") is None
        assert client.get("/b").body == b"/b"


def test_an_upgrade_that_the_app_refuses_leaves_the_connection_in_step(server: LiveServer) -> None:
    with server.client() as client:
        assert client.get("/plain", *UPGRADE).status == 400  # as Werkzeug does for its routes
        assert client.get("/nowhere", *UPGRADE).status == 404
        assert client.get("/plain").body == b"plain"


def test_a_socket_s_address_asked_for_plainly_is_refused_by_the_app(client: RawClient) -> None:
    assert client.get("/echo").status == 400
    assert client.get("/plain").body == b"plain"


@pytest.mark.slow
def test_a_stop_with_open_sockets_ends_within_the_graceful_timeout() -> None:
    arguments = ["sockets_sock:app", "--graceful-timeout=0.5"]
    with LiveServer(*arguments, directory=APPS) as server, ExitStack() as stack:
        clients = [stack.enter_context(peer(server)) for _ in range(5)]
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 3
        for client in clients:
            assert client.connection.recv(1) in {b"", b"\x88"}


@pytest.mark.slow
def test_a_stop_waits_for_a_socket_that_ends_in_time() -> None:
    with LiveServer("sockets_sock:app", directory=APPS) as server, peer(server) as client:
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("stopping")
        client.send("not cut off")
        assert client.receive() == "not cut off"
        client.close()
        client.expect(CloseConnection)
        assert server.wait() == 0


@pytest.fixture(params=["websocket", "polling"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def socketio_client(
    server: LiveServer, name: str, transports: list[str]
) -> Iterator[tuple[socketio.Client, queue.Queue[object]]]:
    """A Socket.IO client and what it has received."""
    client = socketio.Client(reconnection=False)
    received: queue.Queue[object] = queue.Queue()
    for event in ("message", "bytes", "to all"):
        client.on(event, received.put)
    client.connect(f"{server.url}?name={name}", transports=transports, wait_timeout=5)
    try:
        yield client, received
    finally:
        client.disconnect()


def test_socketio_echoes_and_acknowledges(socketio_server: LiveServer, transport: str) -> None:
    with socketio_client(socketio_server, "one", [transport]) as (client, received):
        assert client.transport() == transport
        client.send("hello")
        assert received.get(timeout=5) == "hello"
        assert client.call("add", (20, 22), timeout=5) == 42
        client.emit("bytes", b"\x00\xff" * 50_000)
        assert received.get(timeout=5) == b"\x00\xff" * 50_000


def test_socketio_goes_over_from_polling_to_a_socket(socketio_server: LiveServer) -> None:
    with socketio_client(socketio_server, "one", ["polling", "websocket"]) as (client, received):
        assert client.transport() == "websocket"
        client.send("hello")
        assert received.get(timeout=5) == "hello"


@pytest.mark.slow
def test_socketio_tells_everybody(socketio_server: LiveServer) -> None:
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socketio_client(socketio_server, str(number), ["websocket"]))
            for number in range(20)
        ]
        clients[7][0].emit("to all", "greetings")
        for _, received in clients:
            assert received.get(timeout=5) == "greetings from 7"
        with socketio_server.client() as other:
            assert other.get("/plain").body == b"plain"
