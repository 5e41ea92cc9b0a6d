"""The process that `uncork dev` forks the next worker from: nothing old of the project is in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.dev_server import DevServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

APP = """\
import os
import flask
import part

app = flask.Flask(__name__)

@app.get("/")
def index():
    return f"{part.WORD} {os.environ.get('WORD')} {os.getpid()}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    (tmp_path / "part.py").write_text('WORD = "first"\n')
    return tmp_path


def prepared(server: DevServer) -> list[int]:
    """The prepared processes, once they have imported everything: then they sleep in a read."""
    found = []
    for pid in children_of(server.pid):
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
        if name == "uncork-prepared":
            found.append(pid)
    return found


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_flask(pid: int) -> bool:
    # What is imported is told by nothing else from outside: a C extension that Flask brings along.
    try:
        return "_speedups" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


def wait_until_prepared(server: DevServer) -> int:
    server.wait_for(
        lambda: any(has_flask(pid) for pid in prepared(server)), "a process was prepared"
    )
    (pid,) = prepared(server)
    return pid


def parts(server: DevServer) -> list[str]:
    return server.text().split()


def change(server: DevServer, file: Path, text: str, when: Callable[[], bool]) -> None:
    file.write_text(text)
    server.wait_for(when, f"{file.name} was loaded anew")


def test_workers_that_are_forked_from_it_have_the_newest_code(folder: Path) -> None:
    with DevServer("hello:app", directory=folder) as server:
        first = parts(server)[2]
        pid = wait_until_prepared(server)
        for word in ("second", "third"):
            change(
                server,
                folder / "part.py",
                f'WORD = "{word}"\n',
                lambda word=word: parts(server)[0] == word,
            )
        assert prepared(server) == [pid]
        assert parts(server)[2] != first
        server.wait_for(
            lambda: server.log().count("part.py changed: reloaded") == 2, "both were told"
        )


def test_another_environment_makes_another_one(folder: Path) -> None:
    (folder / ".env").write_text("WORD=early\n")
    with DevServer("hello:app", directory=folder) as server:
        before = wait_until_prepared(server)
        change(server, folder / ".env", "WORD=late\n", lambda: parts(server)[1] == "late")
        server.wait_for(lambda: before not in prepared(server), "the old one was ended")
        assert wait_until_prepared(server) != before


def test_a_module_of_the_project_comes_before_an_installed_one_of_its_name(folder: Path) -> None:
    with DevServer("hello:app", directory=folder) as server:
        wait_until_prepared(server)
        (folder / "flask.py").write_text(
            "class Flask:\n"
            "    def __init__(self, name): pass\n"
            "    def get(self, rule): return lambda view: view\n"
            "    def __call__(self, environ, start_response):\n"
            "        start_response('200 OK', [])\n"
            "        return [b'shadow']\n"
        )
        server.wait_for_text("shadow")


def test_its_death_harms_nobody(folder: Path) -> None:
    with DevServer("hello:app", directory=folder) as server:
        os.kill(wait_until_prepared(server), 9)
        change(
            server,
            folder / "part.py",
            'WORD = "second"\n',
            lambda: parts(server)[0] == "second",
        )


SETTER = """\
import os
os.environ["WORD"] = "of the app"
import needy

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{needy.WORD}, {os.environ.get('OF_NEEDY')}, {__import__('part').WORD}".encode()]
"""


def installed(folder: Path, text: str) -> dict[str, str]:
    """What has a module `needy` found, as if it were installed."""
    packages = folder / "lib/site-packages"
    packages.mkdir(parents=True)
    (packages / "needy.py").write_text(f"import os\n{text}\nopen('imports', 'a').write('needy ')\n")
    return {"PYTHONPATH": str(packages)}


def imports(folder: Path) -> int:
    file = folder / "imports"
    return file.read_text().count("needy") if file.exists() else 0


def test_a_package_finds_what_the_app_has_set_before_it_was_imported(folder: Path) -> None:
    (folder / "hello.py").write_text(SETTER)
    env = installed(folder, "WORD = os.environ.get('WORD')")
    with DevServer("hello:app", directory=folder, env=env) as server:
        server.wait_for(lambda: imports(folder) == 2, "a process was prepared")
        server.wait_for(lambda: not prepared(server), "it was given up")
        (folder / "part.py").write_text('WORD = "second"\n')
        server.wait_for_text("of the app, None, second")


def wait_until_forked_from(server: DevServer, folder: Path) -> None:
    """Returns once a worker was loaded that had no need to import what is installed."""
    numbers = iter(range(1000))

    def is_loaded_without_an_import() -> bool:
        number, before = next(numbers), imports(folder)
        (folder / "part.py").write_text(f"WORD = 'number {number}.'\n")
        server.wait_for_text(f"number {number}.")
        return imports(folder) == before

    server.wait_for(is_loaded_without_an_import, "a worker came from a prepared process")


def test_what_a_package_has_set_is_there_in_each_worker(folder: Path) -> None:
    (folder / "hello.py").write_text(SETTER.replace('os.environ["WORD"]', "word"))
    env = installed(folder, "WORD = 'its own'; os.environ['OF_NEEDY'] = 'set'")
    with DevServer("hello:app", directory=folder, env=env) as server:
        assert server.text() == "its own, set, first"
        wait_until_forked_from(server, folder)
        assert server.text().startswith("its own, set, number")


def test_other_machines_get_no_debugger_from_a_worker_that_is_forked(folder: Path) -> None:
    (folder / "hello.py").write_text(f"import needy\n{APP}\napp.run('0.0.0.0', 0)\n")
    with DevServer("hello.py", directory=folder, env=installed(folder, ""), address=()) as server:
        wait_until_forked_from(server, folder)
        (folder / "part.py").write_text("1 / 0\n")
        server.wait_for_text("ZeroDivisionError")
        with server.client(timeout_seconds=25) as client:
            answer = client.request(
                b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\n\r\n"
            )
        assert answer.status == 500
        assert b"__debugger__" not in answer.body


def test_without_it_workers_are_started_from_scratch(folder: Path) -> None:
    with DevServer("hello:app", "--no-prepare", directory=folder) as server:
        change(
            server,
            folder / "part.py",
            'WORD = "second"\n',
            lambda: parts(server)[0] == "second",
        )
        assert not prepared(server)
