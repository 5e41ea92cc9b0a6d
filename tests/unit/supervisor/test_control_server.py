"""The control socket, with clients that behave in every way; no process is started."""

import json
import os
import select
import socket
import time
from pathlib import Path

import pytest

from uncork.errors import AppError, UsageError
from uncork.supervisor.control import server as server_module
from uncork.supervisor.control.lines import MAX_REQUEST_BYTES, PROTOCOL
from uncork.supervisor.control.peers import Peer
from uncork.supervisor.control.places import Place
from uncork.supervisor.control.server import ControlServer

PATIENCE_SECONDS = 60.0


class Later:
    """A result that comes when the test says so."""

    def __init__(self):
        self.done = None

    def result(self, now):
        if isinstance(self.done, Exception):
            raise self.done
        return self.done

    def next_look(self):
        return None


class Running:
    """A server whose loop the test turns."""

    def __init__(self, path: Path) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(256)
        listener.setblocking(False)
        self.clients: list[socket.socket] = []
        self.path, self.now, self.asked, self.later = path, 100.0, [], Later()
        self.server = ControlServer(listener, Place(str(path)), None, self.answer)

    def answer(self, request, now):
        self.asked.append((request.command, dict(request.arguments)))
        match request.command:
            case "echo":
                return dict(request.arguments)
            case "later":
                return self.later
            case "big":
                return {"text": "x" * 8_000_000}
            case "broken":
                raise ZeroDivisionError("ours")
        raise UsageError("no such command")

    def turn(self, seconds: float = 0.0) -> None:
        """Lets the loop run until nothing is to be done any more."""
        self.now += seconds
        (descriptor,) = self.server.descriptors()
        while select.select([descriptor], [], [], 0)[0]:
            self.server.on_readable(descriptor, self.now)
            self.server.on_time(self.now)
        self.server.on_time(self.now)

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(5)
        client.connect(str(self.path))
        self.clients.append(client)
        self.turn()
        return client

    def ask(self, client: socket.socket, facts: object) -> None:
        client.sendall(json.dumps(facts).encode() + b"\n")
        self.turn()


@pytest.fixture
def running(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    running = Running(Path("control.sock"))
    yield running
    running.server.close()
    for client in running.clients:
        client.close()


def request(command, **arguments):
    return {"uncork": PROTOCOL, "command": command, **arguments}


def answers(client: socket.socket) -> list[dict]:
    """What has come so far."""
    client.setblocking(False)
    data = b""
    try:
        while piece := client.recv(1_000_000):
            data += piece
    except BlockingIOError:
        pass
    return [json.loads(line) for line in data.splitlines()]


def is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_a_request_gets_its_answer(running):
    client = running.connect()
    running.ask(client, request("echo", word="hi"))
    assert answers(client) == [{"uncork": PROTOCOL, "result": {"word": "hi"}}]


def test_several_requests_on_one_connection_are_answered_in_their_order(running):
    client = running.connect()
    client.sendall(b"".join(json.dumps(request("echo", n=n)).encode() + b"\n" for n in range(5)))
    running.turn()
    assert [each["result"]["n"] for each in answers(client)] == [0, 1, 2, 3, 4]


def test_a_request_may_come_byte_by_byte(running):
    client = running.connect()
    for byte in json.dumps(request("echo", word="slow")).encode() + b"\n":
        assert answers(client) == []
        client.setblocking(True)
        client.send(bytes([byte]))
        running.turn()
    assert answers(client)[0]["result"] == {"word": "slow"}


def test_a_client_that_has_closed_its_side_still_gets_the_answer(running):
    client = running.connect()
    client.sendall(json.dumps(request("echo", word="hi")).encode() + b"\n")
    client.shutdown(socket.SHUT_WR)
    running.turn()
    assert answers(client)[0]["result"] == {"word": "hi"}
    assert is_closed(client)


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[]", b"{}", b'{"uncork": 1}', b"\xff\xfe", b"[" * 9999]
)
def test_what_is_no_request_is_told_so_and_the_next_one_is_heard(running, line):
    client = running.connect()
    client.sendall(line + b"\n")
    running.ask(client, request("echo"))
    first, second = answers(client)
    assert first["error"]["exit_code"] == 2
    assert second["result"] == {}


def test_a_request_of_another_version_is_told_so(running):
    client = running.connect()
    running.ask(client, {"uncork": PROTOCOL + 1, "command": "echo"})
    (answer,) = answers(client)
    assert answer["error"]["what"] == "the server is of older make than this command"
    assert "-m uncork" in answer["error"]["hints"][0]


def test_an_error_is_told_with_its_parts(running):
    client = running.connect()
    running.ask(client, request("nope"))
    assert answers(client)[0]["error"]["what"] == "no such command"


def test_a_mistake_of_ours_is_told_and_ends_nothing(running):
    client = running.connect()
    running.ask(client, request("broken"))
    running.ask(client, request("echo"))
    first, second = answers(client)
    assert first["error"]["exit_code"] == 1
    assert "ZeroDivisionError: ours" in first["error"]["what"]
    assert second["result"] == {}


def test_a_result_may_come_later_and_the_next_request_waits_for_it(running):
    client = running.connect()
    running.ask(client, request("later"))
    running.ask(client, request("echo", word="next"))
    running.turn(PATIENCE_SECONDS)
    assert answers(client) == []
    running.later.done = {"at": "last"}
    running.turn()
    assert [each["result"] for each in answers(client)] == [{"at": "last"}, {"word": "next"}]


def test_a_later_failure_is_told(running):
    client = running.connect()
    running.ask(client, request("later"))
    running.later.done = AppError("the reload failed", details="Traceback")
    running.turn()
    assert answers(client)[0]["error"]["details"] == "Traceback"


def test_a_client_that_goes_while_it_waits_costs_nothing(running):
    client = running.connect()
    running.ask(client, request("later"))
    client.close()
    running.turn()
    running.later.done = {}
    running.turn()
    other = running.connect()
    running.ask(other, request("echo"))
    assert answers(other)[0]["result"] == {}
    assert len(running.server._connections) == 1


def test_a_client_that_takes_its_answer_slowly_gets_all_of_it_and_holds_up_nobody(running):
    client = running.connect()
    running.ask(client, request("big"))
    other = running.connect()
    running.ask(other, request("echo"))
    assert answers(other)[0]["result"] == {}
    data = b""
    client.settimeout(5)
    while b"\n" not in data[-1:]:
        data += client.recv(100_000)
        running.turn()
    assert len(json.loads(data)["result"]["text"]) == 8_000_000


def test_a_client_that_takes_nothing_is_sent_away(running):
    client = running.connect()
    running.ask(client, request("big"))
    running.turn(PATIENCE_SECONDS)
    assert running.server._connections == {}
    client.close()


@pytest.mark.parametrize("sent", [b"", b'{"uncork"'])
def test_a_silent_client_is_sent_away(running, sent):
    client = running.connect()
    client.sendall(sent)
    running.turn()
    assert running.server.next_deadline() is not None
    running.turn(PATIENCE_SECONDS)
    assert is_closed(client)


def test_a_line_without_end_is_refused_before_it_is_kept(running):
    client = running.connect()
    client.setblocking(False)
    sent = 0
    while sent < MAX_REQUEST_BYTES * 20:
        try:
            sent += client.send(b"x" * 10_000)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            break
        running.turn()
    running.turn()
    assert sent < MAX_REQUEST_BYTES * 20
    assert running.server._connections == {}


def test_a_flood_of_requests_is_answered_and_keeps_nothing(running):
    client = running.connect()
    line = json.dumps(request("echo")).encode() + b"\n"
    client.setblocking(False)
    data, sent, wanted = b"", 0, 5000
    while data.count(b"\n") < wanted:
        if sent < wanted:
            try:
                client.send(line)
                sent += 1
            except BlockingIOError:
                pass
        running.turn()
        try:
            data += client.recv(1_000_000)
        except BlockingIOError:
            continue
    assert len(running.asked) == wanted


def test_a_hundred_clients_at_once_are_answered(running):
    clients = [running.connect() for _ in range(100)]
    for number, client in enumerate(clients):
        running.ask(client, request("echo", n=number))
    assert [answers(client)[0]["result"]["n"] for client in clients] == list(range(100))
    for client in clients:
        client.close()


def test_when_there_are_too_many_the_most_silent_one_goes(running):
    clients = []
    for _ in range(200):
        running.now += 0.01
        clients.append(running.connect())
    running.ask(clients[-1], request("echo"))
    assert answers(clients[-1])[0]["result"] == {}
    assert is_closed(clients[0])
    assert not is_closed(clients[-1])
    for client in clients:
        client.close()


def test_another_user_is_refused(running, monkeypatch):
    monkeypatch.setattr(server_module, "peer_of", lambda _: Peer(os.geteuid() + 1, 1))
    client = running.connect()
    assert json.loads(client.recv(10_000))["error"]["what"] == "not permitted"
    assert is_closed(client)
    assert running.server._connections == {}


def test_without_descriptors_it_goes_on_when_there_are_some_again(running, monkeypatch):
    accept = running.server._listener

    class Full:
        def accept(self):
            raise OSError(24, "too many open files")

        def fileno(self):
            return accept.fileno()

        def close(self):
            accept.close()

    client = socket.socket(socket.AF_UNIX)
    running.clients.append(client)
    client.connect(str(running.path))
    full = Full()
    running.server._selector.unregister(accept)
    running.server._selector.register(full, select.EPOLLIN)
    running.server._listener = full
    started = time.monotonic()
    running.turn()
    assert time.monotonic() - started < 1.0  # it does not turn without end
    monkeypatch.setattr(Full, "accept", lambda self: accept.accept())
    running.turn(2.0)
    running.turn()
    client.settimeout(5)
    running.ask(client, request("echo"))
    assert answers(client)[0]["result"] == {}


def test_close_leaves_no_descriptor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    running = Running(Path("other.sock"))
    client = running.connect()
    running.ask(client, request("later"))
    client.close()
    running.server.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
