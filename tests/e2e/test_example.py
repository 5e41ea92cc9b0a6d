"""`cd examples/guestbook && uncork serve`: the example does all it says, and so does its README."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import EXAMPLES, Serve
from tests.support.live_server import LiveServer, server_environment
from tests.support.scripts import Script

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def copy_of_guestbook(directory: Path) -> Path:
    """The example as it is committed: tests leave nothing in the working tree."""
    ignore = shutil.ignore_patterns("instance", "__pycache__")
    return Path(shutil.copytree(EXAMPLES / "guestbook", directory / "guestbook", ignore=ignore))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_guestbook(tmp_path_factory.mktemp("example"))


@pytest.fixture(scope="module")
def server(serve: Serve, directory: Path) -> LiveServer:
    return serve(directory=directory)


@pytest.fixture
def visitor() -> Iterator[requests.Session]:
    """A browser of its own."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def sign(
    visitor: requests.Session, url: str, message: str = "hello", **options: object
) -> requests.Response:
    return visitor.post(
        f"{url}/",
        data={"name": "Ada", "message": message},
        timeout=5,
        **options,  # type: ignore[arg-type]
    )


def number_of_entry(page: str, message: str) -> str:
    found = re.search(rf'id="entry-(\d+)">(?:(?!</article>).)*?{re.escape(message)}', page, re.S)
    assert found is not None, page
    return found[1]


def test_it_is_found_without_naming_it(server: LiveServer, visitor: requests.Session) -> None:
    response = visitor.get(f"{server.url}/", timeout=5)
    assert response.status_code == 200
    assert "<h1>Nice to see you." in response.text
    assert "app:app" in server.log()


def test_a_visitor_signs_and_is_thanked_once(server: LiveServer, visitor: requests.Session) -> None:
    page = sign(visitor, server.url, "<script>\nsecond line")
    assert [answer.status_code for answer in page.history] == [303]
    assert "Thank you, Ada!" in page.text
    assert "&lt;script&gt;\nsecond line" in page.text
    again = visitor.get(f"{server.url}/", timeout=5)
    assert "Thank you" not in again.text
    assert 'value="Ada"' in again.text


@pytest.mark.parametrize(
    ("name", "message", "problem"),
    [
        ("", "hello", "Please tell us your name."),
        (" \t ", "hello", "Please tell us your name."),
        ("x" * 61, "hello", "At most 60 letters, please."),
        ("Ada", "\r\n", "Please write something."),
        ("Ada", "x" * 1001, "At most 1000 letters, please."),
    ],
)
def test_what_is_filled_in_wrongly_is_asked_for_again(
    server: LiveServer, visitor: requests.Session, name: str, message: str, problem: str
) -> None:
    page = visitor.post(f"{server.url}/", data={"name": name, "message": message}, timeout=5)
    assert page.status_code == 422
    assert problem in page.text
    assert message.strip() in page.text


def test_a_picture_is_shown_and_comes_back_whole(
    server: LiveServer, visitor: requests.Session
) -> None:
    page = sign(visitor, server.url, "a picture", files={"file": ("me.png", PNG)})
    number = number_of_entry(page.text, "a picture")
    assert f'<img class="picture" src="/{number}/file"' in page.text
    picture = visitor.get(f"{server.url}/{number}/file", timeout=5)
    assert picture.content == PNG
    assert picture.headers["Content-Type"] == "image/png"
    part = visitor.get(f"{server.url}/{number}/file", headers={"Range": "bytes=1-3"}, timeout=5)
    assert (part.status_code, part.content) == (206, b"PNG")


def test_another_file_is_only_downloaded(server: LiveServer, visitor: requests.Session) -> None:
    evil = b"<script>alert(1)</script>"
    file = ("../../evil.html", evil, "text/html")
    page = sign(visitor, server.url, "a script", files={"file": file})
    number = number_of_entry(page.text, "a script")
    answer = visitor.get(f"{server.url}/{number}/file", timeout=5)
    assert answer.content == evil
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename=evil.html"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_name_from_outside_reaches_the_disk(directory: Path, server: LiveServer) -> None:
    with requests.Session() as visitor:
        sign(visitor, server.url, "a path", files={"file": ("/etc/../evil", b"x")})
    stored = list((directory / "instance" / "uploads").iterdir())
    assert stored
    assert all(re.fullmatch("[0-9a-f]{32}", path.name) for path in stored)


def test_a_file_over_the_limit_is_refused_with_a_page(
    server: LiveServer, visitor: requests.Session
) -> None:
    page = sign(visitor, server.url, "too much", files={"file": ("a", b"x" * 9_000_000)})
    assert page.status_code == 413
    assert "a file may have up to 8 MB" in page.text
    assert "too much</p>" not in visitor.get(f"{server.url}/", timeout=5).text


def test_only_who_wrote_it_takes_it_back(server: LiveServer, visitor: requests.Session) -> None:
    page = sign(visitor, server.url, "for a while", files={"file": ("me.png", PNG)})
    number = number_of_entry(page.text, "for a while")
    with requests.Session() as other:
        refused = other.post(f"{server.url}/{number}/remove", timeout=5)
        assert refused.status_code == 403
    gone = visitor.post(f"{server.url}/{number}/remove", timeout=5)
    assert "Your entry was removed." in gone.text
    assert "for a while" not in gone.text
    assert visitor.get(f"{server.url}/{number}/file", timeout=5).status_code == 404


def test_the_book_is_exported_as_a_stream(server: LiveServer, visitor: requests.Session) -> None:
    sign(visitor, server.url, "=1+1")
    answer = visitor.get(f"{server.url}/guestbook.csv", timeout=5)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.text.startswith("when,name,message\r\n")
    assert ",Ada,'=1+1\r\n" in answer.text


def test_static_files_are_not_sent_twice(server: LiveServer, visitor: requests.Session) -> None:
    url = f"{server.url}/static/style.css"
    first = visitor.get(url, timeout=5)
    assert first.headers["Content-Type"].startswith("text/css")
    assert first.content == (EXAMPLES / "guestbook/guestbook/static/style.css").read_bytes()
    again = visitor.get(url, headers={"If-None-Match": first.headers["ETag"]}, timeout=5)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/nowhere", "/999999/file", f"/{2**63}/file", "/static/nothing"])
def test_what_is_not_there_has_a_page(
    server: LiveServer, visitor: requests.Session, path: str
) -> None:
    page = visitor.get(server.url + path, timeout=5)
    assert page.status_code == 404
    assert "There is nothing at this address." in page.text


@pytest.mark.parametrize("before", ["x", "-1", str(2**64), "-" + "9" * 30, ""])
def test_a_made_up_page_number_is_no_failure(
    server: LiveServer, visitor: requests.Session, before: str
) -> None:
    page = visitor.get(f"{server.url}/", params={"before": before}, timeout=5)
    assert page.status_code == 200


@pytest.mark.slow
def test_older_entries_are_a_page_away_and_a_restart_forgets_nothing(
    tmp_path: Path, visitor: requests.Session
) -> None:
    directory = copy_of_guestbook(tmp_path)
    with LiveServer(directory=directory) as server:
        for number in range(12):
            sign(visitor, server.url, f"message {number}.")
    with LiveServer(directory=directory) as server:
        first = visitor.get(f"{server.url}/", timeout=5).text
        assert "12 entries" in first
        assert "Take it back" in first  # the key that signs the session was kept
        older = re.search(r'href="(/\?before=\d+)"', first)
        assert older is not None
        second = visitor.get(server.url + older[1], timeout=5).text
    assert ("message 2." in first, "message 1." in first) == (True, False)
    assert ("message 2." in second, "message 1." in second) == (False, True)
    key = directory / "instance" / "secret_key"
    assert key.stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_failure_has_a_page_and_the_log_says_why(
    tmp_path: Path, visitor: requests.Session
) -> None:
    directory = copy_of_guestbook(tmp_path)
    with LiveServer(directory=directory) as server:
        with sqlite3.connect(directory / "instance" / "guestbook.sqlite3") as database:
            database.execute("DROP TABLE entry")
        database.close()
        page = visitor.get(f"{server.url}/", timeout=5)
        assert page.status_code == 500
        assert "Something went wrong on our side." in page.text
        server.wait_for_log("sqlite3.OperationalError: no such table: entry")


@pytest.mark.slow
def test_the_key_and_the_folder_may_come_from_the_environment(
    tmp_path: Path, visitor: requests.Session
) -> None:
    directory, data = copy_of_guestbook(tmp_path), tmp_path / "data"
    env = {"SECRET_KEY": "from the environment", "GUESTBOOK_INSTANCE": str(data)}
    with LiveServer(directory=directory, env=env) as server:
        assert "Thank you" in sign(visitor, server.url).text
    assert sorted(path.name for path in data.iterdir()) == ["guestbook.sqlite3"]
    assert not (directory / "instance").exists()


@pytest.mark.slow
def test_it_runs_as_a_script_and_by_flask_serve_too(tmp_path: Path) -> None:
    directory = copy_of_guestbook(tmp_path)
    serve = ("-m", "flask", "serve", "--bind=127.0.0.1:0", "--workers=1")
    for arguments, env in ((("app.py",), {"UNCORK_BIND": "127.0.0.1:0"}), (serve, {})):
        with Script(*arguments, directory=directory, env=env) as script:
            status, page = script.get()
            assert status == 200
            assert "<h1" in page
            assert script.stop() == 0


@pytest.mark.slow
def test_it_runs_under_flask_too(tmp_path: Path, visitor: requests.Session) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "run", "--port=0"],
        cwd=copy_of_guestbook(tmp_path),
        env=server_environment({"PYTHONUNBUFFERED": "1"}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as log:
        try:
            url = next(found[0] for line in log if (found := re.search(r"http://[\d.:]+", line)))
            assert "Thank you" in sign(visitor, url).text
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait()
