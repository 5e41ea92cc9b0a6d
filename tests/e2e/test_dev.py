"""`uncork dev`: what people know from other reloaders, and what those get wrong."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from tests.support.dev_server import DevServer
from tests.support.live_server import run_uncork

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

APP = """\
import os, time
import part

print(f"loaded in {os.getpid()}", flush=True)

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        print("got /slow", flush=True)
        while not os.path.exists("go"):
            time.sleep(0.01)
    if environ["PATH_INFO"] == "/exit":
        os._exit(3)
    if environ["PATH_INFO"] == "/write":
        with open("data.log", "a") as file:
            file.write("more\\n")
        with open("data.sqlite", "ab") as file:
            file.write(b"more")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{part.WORD} {os.environ.get('WORD')} {os.getpid()}".encode()]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    (tmp_path / "part.py").write_text('WORD = "first"\n')
    return tmp_path


def count_loads(server: DevServer) -> int:
    return server.log().count("loaded in")


def test_it_is_loaded_once_and_says_where_it_is(folder: Path) -> None:
    with DevServer("hello:app", directory=folder) as server:
        assert server.text().startswith("first")
        assert count_loads(server) == 1
        server.wait_for_log("GET / ")
        assert "Traceback" not in server.log()


def test_a_change_a_new_file_a_deleted_one_and_an_older_one_are_noticed(folder: Path) -> None:
    with DevServer("hello:app", directory=folder) as server:
        (folder / "part.py").write_text('WORD = "second"\n')
        server.wait_for_text("second")
        loads = count_loads(server)
        (folder / "new.py").write_text("")
        server.wait_for(lambda: count_loads(server) > loads, "a new file was noticed")
        older = folder / "older.txt"
        older.write_text('WORD = "older"\n')
        os.utime(older, (1_000_000, 1_000_000))
        older.rename(folder / "part.py")
        server.wait_for_text("older")
        (folder / "part.py").unlink()
        server.wait_for_text("No module named 'part'")
        (folder / "part.py").write_text('WORD = "again"\n')
        server.wait_for_text("again")


def test_the_environment_is_read_anew(folder: Path) -> None:
    (folder / ".env").write_text("WORD=one\n")
    with DevServer("hello:app", directory=folder) as server:
        assert " one " in server.text()
        (folder / ".env").write_text("WORD=two\n")
        server.wait_for_text(" two ")
        (folder / ".env").write_text("OTHER=three\n")
        server.wait_for_text(" None ")


def test_what_changes_nothing_and_what_the_app_writes_itself_reloads_nothing(folder: Path) -> None:
    with DevServer("hello:app", directory=folder) as server:
        (folder / "part.py").write_text((folder / "part.py").read_text())
        (folder / "hello.py").touch()
        for _ in range(3):
            server.text("/write")
        # What is noticed after them is noticed alone.
        (folder / "part.py").write_text('WORD = "second"\n')
        server.wait_for_text("second")
        assert count_loads(server) == 2


def test_of_many_quick_saves_the_last_one_counts(folder: Path) -> None:
    with DevServer("hello:app", directory=folder) as server:
        for number in range(12):
            loads = count_loads(server)
            (folder / "part.py").write_text(f'WORD = "save-{number}"\n')
            # Beyond the eighth, if all that was quick, they wait until the file rests.
            if number < 7:
                server.wait_for(lambda loads=loads: count_loads(server) > loads, "it was loaded")
        server.wait_for_text("save-11")


@pytest.mark.parametrize(
    "broken", ["def (", "import nosuchmodule", "1 / 0", "import os; os._exit(4)"]
)
def test_code_that_does_not_load_is_shown_and_mended(folder: Path, broken: str) -> None:
    (folder / "part.py").write_text(f"{broken}\n")
    with DevServer("hello:app", directory=folder) as server:
        with server.client(timeout_seconds=25) as client:
            answer = client.get("/")
        assert answer.status == 500
        (folder / "part.py").write_text('WORD = "third"\n')
        server.wait_for_text("third")
        (folder / "part.py").write_text(f"{broken}\n")
        server.wait_for(lambda: "third" not in server.text(), "it was broken again")
        (folder / "part.py").write_text('WORD = "fourth"\n')
        server.wait_for_text("fourth")


def test_a_crash_in_a_view_is_survived(folder: Path) -> None:
    with DevServer("hello:app", directory=folder) as server:
        with server.client(timeout_seconds=25) as client:
            client.send(b"GET /exit HTTP/1.1\r\nHost: test\r\n\r\n")
            client.assert_closed()
        assert server.text().startswith("first")


def test_a_request_in_flight_is_finished_and_nobody_is_refused(folder: Path) -> None:
    with DevServer("hello:app", directory=folder) as server:
        results: list[str] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                results.append(server.text().split()[0])

        with server.client(timeout_seconds=25) as slow:
            slow.send(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
            server.wait_for_log("got /slow")
            asking = threading.Thread(target=ask)
            asking.start()
            (folder / "part.py").write_text('WORD = "second"\n')
            server.wait_for(lambda: "second" in results, "the new code answered")
            stop.set()
            asking.join()
            (folder / "go").touch()
            assert slow.read_response().body.startswith(b"first")
        assert set(results) == {"first", "second"}


def test_a_script_is_served_at_its_run_call_and_loaded_anew(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import sys\n"
        "from wsgiref.simple_server import make_server\n"
        "import part\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [f'{part.WORD} {sys.argv[1:]}'.encode()]\n"
        "if __name__ == '__main__':\n"
        "    name = sys.argv[1]\n"
        "    make_server('127.0.0.1', 1, app).serve_forever()\n"
    )
    with DevServer("script.py", "--", "bob", directory=folder) as server:
        assert server.text() == "first ['bob']"
        (folder / "part.py").write_text('WORD = "second"\n')
        server.wait_for_text("second")


def test_a_script_that_is_mended_is_served_where_it_says_too(folder: Path) -> None:
    script = """
from wsgiref.simple_server import make_server
import part
def app(environ, start_response):
    start_response("200 OK", [])
    return [part.WORD.encode()]
make_server("127.0.0.1", PORT, app).serve_forever()
"""
    ports = [_free_port(), _free_port()]
    (folder / "script.py").write_text(f"def (\n{script}")
    with DevServer("script.py", directory=folder, address=()) as server:
        first = list(server.addresses)
        for port in ports:
            (folder / "script.py").write_text(script.replace("PORT", str(port)))
            server.wait_for_log(f"http://127.0.0.1:{port}\n")
            for server.addresses in ([("127.0.0.1", port)], first):
                assert server.text() == "first"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_port_that_is_taken_is_told_unless_it_was_given(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_uncork(
            "dev", "hello:app", f"--port={port}", "--host=127.0.0.1", directory=folder
        )
    assert done.exit_code == 4
    assert f"could not listen on `127.0.0.1:{port}`: the address is in use" in done.stderr
    assert "choose a port with `--port " in done.stderr


def test_without_reload_nothing_is_watched(folder: Path) -> None:
    with DevServer("hello:app", "--no-reload", directory=folder) as server:
        assert "reload: off" in server.log()
        (folder / "part.py").write_text('WORD = "second"\n')
        assert server.text().startswith("first")


def test_settings_of_the_file_hold_and_a_wrong_one_is_told(folder: Path) -> None:
    (folder / "uncork.toml").write_text("[dev]\nreload = false\n")
    with DevServer("hello:app", directory=folder) as server:
        assert "reload: off" in server.log()
    (folder / "uncork.toml").write_text("[dev]\nrelaod = false\n")
    done = run_uncork("dev", "hello:app", directory=folder)
    assert done.exit_code == 2
    assert "unknown setting `relaod` in uncork.toml:2" in done.stderr
    assert "did you mean `reload`?" in done.stderr
