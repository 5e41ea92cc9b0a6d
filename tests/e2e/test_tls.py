"""TLS: what the peer sees of it, and that nothing else changes under it."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import APPS, Serve
from tests.support.certificates import CertificateFiles, make_certificate
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, Truncated

pytestmark = pytest.mark.slow

MEBIBYTE = 1024 * 1024
PIECE = bytes(range(256)) * 256
CLOSE_NOTIFY = b"\x15\x03\x03\x00\x02\x01\x00"
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return make_certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(serve: Serve, files: CertificateFiles) -> LiveServer:
    return serve("plain:app", *flags(files), "--head-timeout=500ms", "--max-body=64MiB")


@pytest.fixture
def client(server: LiveServer, files: CertificateFiles) -> Iterator[RawClient]:
    """A new connection to the module's server, over TLS, which believes its certificate only."""
    with over_tls(server, trusting(files)) as client:
        yield client


def flags(files: CertificateFiles) -> tuple[str, str]:
    return f"--cert={files.certificate}", f"--key={files.key}"


def trusting(files: CertificateFiles) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=files.certificate)


def over_tls(server: LiveServer, context: ssl.SSLContext, name: str = "localhost") -> RawClient:
    """A client whose end of file is one that was announced: others raise `ssl.SSLError`."""
    connection = server.connect()
    try:
        return RawClient(
            context.wrap_socket(connection, server_hostname=name, suppress_ragged_eofs=False)
        )
    except BaseException:
        connection.close()
        raise


def digest_of(size: int) -> str:
    sha = hashlib.sha256()
    for start in range(0, size, len(PIECE)):
        sha.update(PIECE[: size - start])
    return sha.hexdigest()


def upload(client: RawClient, size: int) -> bytes:
    head = f"POST /digest HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
    client.send(head.encode())
    for start in range(0, size, len(PIECE)):
        client.send(PIECE[: size - start])
    return client.read_response("POST").body


def test_a_target_of_https_is_served(client: RawClient) -> None:
    assert client.get("https://test/a").body == b"/a"


def test_one_connection_carries_many_requests(client: RawClient) -> None:
    for number in range(20):
        assert client.get(f"/{number}").body == f"/{number}".encode()


def test_requests_in_one_record_are_answered_in_order(client: RawClient) -> None:
    client.send(b"".join(GET % b"/%d" % number for number in range(50)))
    for number in range(50):
        assert client.read_response().body == b"/%d" % number


def test_a_request_behind_one_that_takes_its_time_is_not_forgotten(client: RawClient) -> None:
    """Its bytes are decrypted already, so that no news of the socket announces it."""
    client.send(GET % b"/sleep?seconds=0.1" + GET % b"/behind")
    assert client.read_response().body == b"slept"
    assert client.read_response().body == b"/behind"


def test_a_request_of_one_record_per_byte_is_understood(client: RawClient) -> None:
    for byte in GET % b"/slow":
        client.send(bytes([byte]))
    assert client.read_response().body == b"/slow"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_today_are_spoken(
    server: LiveServer, files: CertificateFiles, version: ssl.TLSVersion
) -> None:
    context = trusting(files)
    context.minimum_version = context.maximum_version = version
    with over_tls(server, context) as client:
        assert isinstance(client.connection, ssl.SSLSocket)
        assert client.connection.version() == version.name.replace("_", ".")
        assert client.get("/a").body == b"/a"
        assert upload(client, MEBIBYTE) == f"{MEBIBYTE} {digest_of(MEBIBYTE)}".encode()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_the_versions_of_yesterday_are_refused(server: LiveServer, files: CertificateFiles) -> None:
    context = trusting(files)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # else this side would not even ask
    with pytest.raises(ssl.SSLError, match="ALERT"):
        over_tls(server, context)


def test_http_1_1_is_chosen_among_what_the_peer_offers(
    server: LiveServer, files: CertificateFiles
) -> None:
    context = trusting(files)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with over_tls(server, context) as client:
        assert isinstance(client.connection, ssl.SSLSocket)
        assert client.connection.selected_alpn_protocol() == "http/1.1"


def test_a_large_upload_arrives_whole(client: RawClient) -> None:
    size = 20 * MEBIBYTE + 1
    assert upload(client, size) == f"{size} {digest_of(size)}".encode()
    assert client.get("/after").body == b"/after"


@pytest.mark.parametrize("target", ["/large?length=1&size={}", "/large?size={}", "/block?size={}"])
def test_a_slow_reader_gets_every_byte(
    server: LiveServer, files: CertificateFiles, target: str
) -> None:
    size = 20 * MEBIBYTE
    with socket.socket() as connection:
        # As small as the kernel allows, so that the server's writes keep being refused.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(server.addresses[0])
        wrapped = trusting(files).wrap_socket(connection, server_hostname="localhost")
        with RawClient(wrapped) as client:
            body = client.get(target.format(size)).body
            assert hashlib.sha256(body).hexdigest() == digest_of(size)
            assert client.get("/after").body == b"/after"


def test_a_reader_that_pauses_holds_nobody_up(
    server: LiveServer, files: CertificateFiles, client: RawClient
) -> None:
    size = 20 * MEBIBYTE
    with over_tls(server, trusting(files)) as slow:
        slow.send(GET % f"/large?length=1&size={size}".encode())
        for number in range(100):
            assert client.get(f"/{number}").status == 200
        assert hashlib.sha256(slow.read_response().body).hexdigest() == digest_of(size)


def test_uploads_and_downloads_at_once_do_not_mix(
    server: LiveServer, files: CertificateFiles
) -> None:
    size = 4 * MEBIBYTE
    failures: list[BaseException] = []

    def transfer(number: int) -> None:
        try:
            with over_tls(server, trusting(files)) as client:
                if number % 2:
                    assert upload(client, size) == f"{size} {digest_of(size)}".encode()
                else:
                    body = client.get(f"/large?size={size}").body
                    assert hashlib.sha256(body).hexdigest() == digest_of(size)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=transfer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_body_that_is_too_large_is_refused_while_it_is_being_sent(client: RawClient) -> None:
    client.send(b"POST /digest HTTP/1.1\r\nHost: t\r\nContent-Length: 100000000\r\n\r\n")
    client.send(PIECE)
    assert client.read_response("POST").status == 413


def test_the_end_of_a_connection_is_announced(client: RawClient) -> None:
    """Without a `close_notify`, it could be somebody who cuts answers short (RFC 8446 §6.1)."""
    assert client.request(b"GET /close HTTP/1.1\r\nHost: localhost\r\n\r\n").body == b"bye"
    assert client.read_to_end() == b""


def test_the_end_of_half_an_answer_is_not_announced(serve: Serve, files: CertificateFiles) -> None:
    failing = serve("failing:app", *flags(files))
    with (
        over_tls(failing, trusting(files)) as client,
        pytest.raises((Truncated, ssl.SSLEOFError)),
    ):
        client.request(b"GET /raises_later HTTP/1.0\r\n\r\n")


def test_an_upload_that_is_cut_short_never_reaches_the_app(
    server: LiveServer, files: CertificateFiles
) -> None:
    with over_tls(server, trusting(files)) as client:
        client.send(b"POST /cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf")
        # As a cable that is cut: `SSLSocket.shutdown` would give up on the answer as well.
        socket.socket.shutdown(client.connection, socket.SHUT_WR)
        assert client.read_response("POST").status == 400
    with over_tls(server, trusting(files)) as client:
        assert client.get("/calls?path=/cut").body == b"0"


GARBAGE = {
    "zeros": bytes(1000),
    "text": b"hello there\r\n\r\n" * 10,
    "a record of nothing": b"\x16\x03\x01\x00\x00",
    "a record that is too long": b"\x16\x03\x01\xff\xff" + bytes(70000),
    "a hello of noise": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + PIECE[:508],
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "data before a handshake": b"\x17\x03\x03\x00\x10" + bytes(16),
    "plain HTTP": GET % b"/plain",
    "the beginning of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_a_peer_that_speaks_no_tls_is_sent_away_and_disturbs_nobody(
    server: LiveServer, client: RawClient, garbage: bytes
) -> None:
    with server.client() as stranger:
        try:
            stranger.send(garbage)
            answer = stranger.read_to_end()
        except (BrokenPipeError, ConnectionResetError, Truncated):
            answer = b""
    assert not answer.startswith(b"HTTP/"), "what was not encrypted was understood"
    assert client.get("/still").body == b"/still"


def test_a_peer_that_stops_in_the_middle_of_the_handshake_is_not_waited_for(
    server: LiveServer, files: CertificateFiles
) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = trusting(files).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    with server.client() as stranger:
        stranger.send(outgoing.read()[:100])
        assert stranger.read_to_end() in (b"", CLOSE_NOTIFY)


def test_a_handshake_that_comes_byte_by_byte_is_understood(
    server: LiveServer, files: CertificateFiles
) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = trusting(files).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    connection.send(bytes([byte]))
                incoming.write(connection.recv(65536))
            else:
                break
        side.write(GET % b"/whole")
        connection.sendall(outgoing.read())
        while True:
            try:
                assert b"200 OK" in side.read(65536)
                break
            except ssl.SSLWantReadError:
                incoming.write(connection.recv(65536))


def test_a_name_that_the_certificate_does_not_have_is_the_peer_s_to_refuse(
    server: LiveServer, files: CertificateFiles, client: RawClient
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"example\.test"):
        over_tls(server, trusting(files), "example.test")
    assert client.get("/still").body == b"/still"


def test_a_stop_ends_idle_connections_with_an_announcement(files: CertificateFiles) -> None:
    with (
        LiveServer("plain:app", *flags(files), directory=APPS) as server,
        over_tls(server, trusting(files)) as client,
    ):
        client.get()
        server.stop()
        assert client.read_to_end() == b""


def test_the_app_is_told_of_https(files: CertificateFiles, tmp_path: Path) -> None:
    """A unix socket beside stays plain: its peer is a proxy on this machine."""
    path = tmp_path / "plain.sock"
    bind = f"unix:{path}"
    with LiveServer(
        "environs:app", *flags(files), directory=APPS, binds=[bind], is_tls=True
    ) as server:
        with over_tls(server, trusting(files)) as client:
            values = json.loads(client.get().body)["values"]
            assert values["wsgi.url_scheme"] == "https"
            assert values["SERVER_PORT"] == str(server.addresses[0][1])
        with RawClient(server.connect_unix()) as plain:
            assert json.loads(plain.get().body)["values"]["wsgi.url_scheme"] == "http"
        assert server.announced_urls == [server.url]
