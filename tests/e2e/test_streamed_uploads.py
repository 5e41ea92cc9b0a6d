"""`--body-mode=streamed`: the app is called with the head, and reads the body while it comes."""

from __future__ import annotations

import hashlib
import io
import json
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests

from tests.conftest import Serve
from tests.support.certificates import CertificateFiles, make_certificate
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, RawResponse, Truncated

MEBIBYTE = 1024 * 1024
LIMIT = 16 * MEBIBYTE
SHORT = 0.3  # seconds: the body timeout of the hasty server
PAUSE = 0.05  # seconds between two pieces of a client that dribbles
PATIENCE = 3.0
GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
FRAMINGS = ("sized", "chunked")
BODY = hashlib.shake_256(b"seed").digest(5 * MEBIBYTE)


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("uploading:app", "--body-mode=streamed", f"--max-body={LIMIT}")


@pytest.fixture(scope="module")
def hasty_server(serve: Serve) -> LiveServer:
    arguments = ("--body-mode=streamed", f"--body-timeout={SHORT}", "--min-rate=1000")
    return serve("uploading:app", *arguments)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return make_certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls_server(serve: Serve, files: CertificateFiles) -> LiveServer:
    tls = (f"--cert={files.certificate}", f"--key={files.key}")
    return serve("uploading:app", "--body-mode=streamed", *tls)


@pytest.fixture
def tls_client(tls_server: LiveServer, files: CertificateFiles) -> Iterator[RawClient]:
    context = ssl.create_default_context(cafile=files.certificate)
    with RawClient(
        context.wrap_socket(tls_server.connect(), server_hostname="localhost")
    ) as client:
        yield client


def head(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: test", *headers, "", ""]).encode()


def chunked(path: str, *headers: str) -> bytes:
    return head(path, "Transfer-Encoding: chunked", *headers)


def sized(path: str, length: int, *headers: str) -> bytes:
    return head(path, f"Content-Length: {length}", *headers)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def upload(path: str, body: bytes, framing: str, *, step: int = 99_991) -> bytes:
    if framing == "sized":
        return sized(path, len(body)) + body
    pieces = (body[start : start + step] for start in range(0, len(body), step))
    return chunked(path) + b"".join(map(chunk, pieces)) + b"0\r\n\r\n"


def digest(body: bytes) -> bytes:
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()


def receive_until(client: RawClient, end: bytes) -> bytes:
    """What comes next, up to `end`."""
    received = b""
    while not received.endswith(end):
        data = client.connection.recv(1)
        assert data, f"the connection ended behind {received!r}"
        received += data
    return received


def is_readable(client: RawClient, seconds: float) -> bool:
    return bool(select.select([client.connection], [], [], seconds)[0])


def assert_refused(client: RawClient, response: RawResponse, status: int) -> None:
    assert response.status == status, response
    assert response.header("Connection") == "close"
    client.assert_closed()


# Reading


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_large_upload_arrives_whole_in_pieces(client: RawClient, framing: str) -> None:
    for _ in range(2):
        assert client.request(upload("/digest", BODY, framing)).body == digest(BODY)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_app_answers_a_piece_before_the_next_one_is_sent(
    client: RawClient, framing: str
) -> None:
    pieces = [b"one", b"two", b"three"]
    client.send(sized("/echo", 11) if framing == "sized" else chunked("/echo"))
    for number, piece in enumerate(pieces):
        client.send(piece if framing == "sized" else chunk(piece))
        received = receive_until(client, chunk(piece))
        assert received.startswith(b"HTTP/1.1 200 OK\r\n") == (number == 0)
    client.send(b"" if framing == "sized" else b"0\r\n\r\n")
    receive_until(client, b"0\r\n\r\n")
    assert client.request(GET).body == b"hello"


@pytest.mark.parametrize("framing", FRAMINGS)
def test_bytes_that_come_one_by_one_arrive_whole(client: RawClient, framing: str) -> None:
    for byte in upload("/digest", b"some body", framing, step=4):
        client.send(bytes([byte]))
    assert client.read_response().body == digest(b"some body")


@pytest.mark.parametrize("framing", FRAMINGS)
def test_requests_behind_a_body_are_not_lost(client: RawClient, framing: str) -> None:
    for body in (b"", b"small", BODY[:100_000]):
        client.send(upload("/digest", body, framing) + GET + upload("/digest", b"x", framing) + GET)
        answers = [client.read_response().body for _ in range(4)]
        assert answers == [digest(body), b"hello", digest(b"x"), b"hello"]


@pytest.mark.slow
def test_a_browser_s_form_is_read(server: LiveServer) -> None:
    file = io.BytesIO(BODY)
    answer = requests.post(
        f"{server.url}/form", data={"field": "f"}, files={"file": ("name", file)}, timeout=5
    )
    assert answer.text == f"f name {len(BODY)}"


@pytest.mark.parametrize(("framing", "length"), [("sized", "5"), ("chunked", None)])
def test_the_input_is_a_file_that_can_t_be_sought(
    client: RawClient, framing: str, length: str | None
) -> None:
    response = client.request(upload("/file", b"12345", framing))
    expected = [False, "12", 2, "UnsupportedOperation", length, "345"]
    assert json.loads(response.body) == expected


def test_one_thread_may_read_while_another_answers(client: RawClient) -> None:
    body = BODY[: 2 * MEBIBYTE]
    sender = threading.Thread(
        target=client.send, args=(upload("/echo-with-threads", body, "sized"),)
    )
    sender.start()
    assert client.read_response().body == body
    sender.join()


def test_the_input_is_of_no_use_when_its_request_has_ended(client: RawClient) -> None:
    assert client.request(upload("/keep", b"body", "sized")).body == b"kept"
    assert client.get("/read-kept").body == b"the request that this belongs to has ended"


def test_an_upload_that_waits_holds_up_nobody_else(server: LiveServer) -> None:
    with server.client() as slow, server.client() as other:
        slow.send(sized("/digest", 8) + b"half")
        for _ in range(3):
            assert other.request(GET).body == b"hello"
        slow.send(b"rest")
        assert slow.read_response().body == digest(b"halfrest")


def test_a_stop_lets_an_upload_end(serve: Serve) -> None:
    server = serve("uploading:app", "--body-mode=streamed")
    with server.client() as client:
        client.send(sized("/echo", 8) + b"half")
        receive_until(client, chunk(b"half"))
        server.send_signal(15)
        server.wait_for_log("stopping")
        client.send(b"rest")
        assert receive_until(client, b"0\r\n\r\n") == chunk(b"rest") + b"0\r\n\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("framing", FRAMINGS)
def test_over_tls_a_large_upload_arrives_whole(tls_client: RawClient, framing: str) -> None:
    tls_client.send(upload("/digest", BODY, framing) + GET)
    assert tls_client.read_response().body == digest(BODY)
    assert tls_client.read_response().body == b"hello"


@pytest.mark.slow
def test_over_tls_an_app_answers_a_piece_before_the_next_one_is_sent(
    tls_client: RawClient,
) -> None:
    tls_client.send(chunked("/echo"))
    for piece in (b"one", b"two"):
        tls_client.send(chunk(piece))
        receive_until(tls_client, chunk(piece))
    tls_client.send(b"0\r\n\r\n" + GET)
    receive_until(tls_client, b"0\r\n\r\n")
    assert tls_client.read_response().body == b"hello"


# What goes wrong


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("way", ["half-closed", "closed", "reset"])
def test_an_upload_that_breaks_off_never_ends_cleanly(
    server: LiveServer, framing: str, way: str
) -> None:
    name = f"{framing}-{way}"
    with server.client() as client:
        path = f"/two-reads/{name}"
        client.send(
            sized(path, 8) + b"half" if framing == "sized" else chunked(path) + b"4\r\nhalf"
        )
        if way == "reset":
            linger = struct.pack("ii", 1, 0)
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif way == "half-closed":
            client.connection.shutdown(socket.SHUT_WR)
            with suppress(Truncated):
                assert client.read_to_end().startswith(b"HTTP/1.1 400 ")
    with server.client() as other:
        seen = other.get(f"/noted/{name}").body
    assert seen == b"ConnectionResetError ConnectionResetError"


def test_a_client_that_goes_is_no_failure_of_the_app(server: LiveServer) -> None:
    with server.client() as client:
        client.send(sized("/raise/gone", 8) + b"half")
    with server.client() as other:
        assert other.get("/noted/gone").body == b"over"
        assert other.request(GET).body == b"hello"
    assert "the application raised" not in server.log()


@pytest.mark.slow
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_client_that_stops_sending_is_answered_408(
    hasty_server: LiveServer, framing: str
) -> None:
    start = sized("/two-reads/slow", 8) if framing == "sized" else chunked("/two-reads/slow")
    with hasty_server.client(timeout_seconds=PATIENCE) as client, hasty_server.client() as other:
        client.send(start + (b"half" if framing == "sized" else b"8\r\nhalf"))
        assert not is_readable(client, SHORT / 2)
        assert_refused(client, client.read_response(), 408)
        assert other.get("/noted/slow").body == b"TimeoutError TimeoutError"


@pytest.mark.slow
def test_a_client_below_the_rate_is_answered_408(hasty_server: LiveServer) -> None:
    with hasty_server.client(timeout_seconds=PATIENCE) as client:
        client.send(sized("/digest", 1000))
        deadline = time.monotonic() + PATIENCE
        while not is_readable(client, PAUSE):
            client.send(b"x")
            assert time.monotonic() < deadline
        assert_refused(client, client.read_response(), 408)


@pytest.mark.slow
def test_a_slow_client_above_the_rate_is_read_to_its_end(hasty_server: LiveServer) -> None:
    """It takes three times as long as a client may pause, and passes all the same."""
    steps = round(3 * SHORT / PAUSE)
    with hasty_server.client(timeout_seconds=PATIENCE) as client:
        client.send(sized("/digest", 200 * steps))
        for _ in range(steps):
            client.send(b"x" * 200)
            is_readable(client, PAUSE)
        assert client.read_response().body == digest(b"x" * 200 * steps)


@pytest.mark.slow
def test_an_app_that_takes_its_time_is_not_held_against_the_client(
    hasty_server: LiveServer,
) -> None:
    with hasty_server.client(timeout_seconds=PATIENCE) as client, hasty_server.client() as other:
        client.send(sized("/gated", 4) + b"ha")
        assert not is_readable(client, 2 * SHORT)
        assert other.get("/open").body == b"opened"
        client.send(b"lf")
        assert client.read_response().body == b"half"


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        (chunk(b"half") + b"zz\r\n", 400),
        (chunk(b"half") + b"0\r\nContent-Length: 1\r\n\r\n", 400),
        (chunk(b"half") + b"0\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    ],
    ids=["size", "trailer", "long-trailer"],
)
def test_chunks_that_are_not_valid_are_an_error_and_refused(
    client: RawClient, server: LiveServer, chunks: bytes, status: int
) -> None:
    client.send(chunked(f"/two-reads/invalid-{len(chunks)}"))
    client.send(chunks)
    assert_refused(client, client.read_response(), status)
    with server.client() as other:
        assert other.get(f"/noted/invalid-{len(chunks)}").body == b"OSError OSError"


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/two-reads/over", "/raise/over-too", "/digest"])
def test_chunks_over_the_limit_are_an_error_and_a_413(client: RawClient, path: str) -> None:
    client.send(chunked(path) + chunk(b"x" * LIMIT))
    client.send(chunk(b"x") + b"0\r\n\r\n")
    assert_refused(client, client.read_response(), 413)


@pytest.mark.slow
def test_a_client_that_sends_on_over_the_limit_still_reads_why(server: LiveServer) -> None:
    pieces = (b"x" * 65536 for _ in range(1024))
    answer = requests.post(f"{server.url}/digest", data=pieces, timeout=5)
    assert answer.status_code == 413


def test_a_length_over_the_limit_never_reaches_the_app(
    server: LiveServer, client: RawClient
) -> None:
    request = sized("/two-reads/announced", LIMIT + 1, "Expect: 100-continue")
    assert_refused(client, client.request(request), 413)
    with server.client() as other:
        assert other.get("/has-noted/announced").body == b"False"


def test_an_answer_that_has_begun_breaks_off_with_its_upload(client: RawClient) -> None:
    client.send(chunked("/echo") + chunk(b"half"))
    receive_until(client, chunk(b"half"))
    client.send(b"zz\r\n")
    with pytest.raises(AssertionError, match="ended"):
        receive_until(client, b"0\r\n\r\n")


# What the app does not read


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("is_late", [False, True], ids=["along", "late"])
def test_a_small_body_that_nobody_reads_is_passed_over(
    client: RawClient, framing: str, is_late: bool
) -> None:
    request = upload("/ignore", b"x" * 100_000, framing, step=1000)
    sent = request.find(b"\r\n\r\n") + 4 if is_late else len(request)
    client.send(request[:sent])
    assert client.read_response().body == b"ignored"
    client.send(request[sent:] + GET)
    assert client.read_response().body == b"hello"


@pytest.mark.slow
@pytest.mark.parametrize("framing", FRAMINGS)
def test_behind_a_large_body_that_nobody_reads_the_connection_ends(
    client: RawClient, framing: str
) -> None:
    """The client has sent everything before it reads; its answer is there all the same."""
    client.send(upload("/ignore", BODY, framing) + GET)
    response = client.read_response()
    assert response.body == b"ignored"
    if framing == "sized":
        assert response.header("Connection") == "close"
    client.assert_closed()


@pytest.mark.slow
def test_a_body_that_nobody_reads_and_that_stops_ends_the_connection(
    hasty_server: LiveServer,
) -> None:
    with hasty_server.client(timeout_seconds=PATIENCE) as client:
        assert client.request(sized("/ignore", 8) + b"half").body == b"ignored"
        client.assert_closed()


# `Expect: 100-continue` (RFC 9110 §10.1.1)


EXPECT = "Expect: 100-continue"


@pytest.mark.parametrize(
    ("start", "body"),
    [
        (sized("/gated", 4, EXPECT), b"body"),
        (chunked("/gated", EXPECT), chunk(b"body") + b"0\r\n\r\n"),
    ],
    ids=FRAMINGS,
)
def test_a_client_that_waits_is_told_once_and_when_the_app_reads(
    serve: Serve, start: bytes, body: bytes
) -> None:
    server = serve("uploading:app", "--body-mode=streamed")
    with server.client() as client, server.client() as other:
        client.send(start)
        assert not is_readable(client, 0.1)
        assert other.get("/open").body == b"opened"
        assert client.read_response().status == 100
        for byte in body:
            client.send(bytes([byte]))
        assert client.read_response().body == b"body"
        assert client.leftover == b""


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_client_that_does_not_wait_is_not_told(client: RawClient, framing: str) -> None:
    request = upload("/digest", b"body", framing).replace(
        b"\r\n", b"\r\nExpect: 100-continue\r\n", 1
    )
    assert client.request(request).body == digest(b"body")


def test_a_client_whose_body_is_not_wanted_is_answered_without(client: RawClient) -> None:
    """Nobody can tell whether it sends the body now, so the connection ends."""
    response = client.request(sized("/ignore", 4, EXPECT))
    assert (response.status, response.body) == (200, b"ignored")
    assert response.header("Connection") == "close"
    client.assert_closed()


def test_within_an_answer_a_client_is_not_told(client: RawClient) -> None:
    client.send(sized("/answer-first", 4, EXPECT))
    received = receive_until(client, chunk(b"first "))
    client.send(b"body")
    received += receive_until(client, b"0\r\n\r\n")
    assert b"100 Continue" not in received
    assert received.endswith(chunk(b"body") + b"0\r\n\r\n")
