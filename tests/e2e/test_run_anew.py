"""`uncork.run` with the reloader: `python hello.py` becomes `uncork dev`."""

from __future__ import annotations

import ssl
import urllib.request
from pathlib import Path

import pytest

from tests.support.certificates import make_certificate
from tests.support.scripts import Script

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

HELLO = """
import atexit, os, sys
from flask import Flask
import uncork
import part

app = Flask(__name__)
app.config["DEBUG"] = False

@app.get("/")
def index():
    facts = [part.WORD, sys.argv[1:], app.debug, sys.flags.dev_mode, os.environ.get("CHANGED")]
    return " ".join(map(str, facts))

@app.get("/boom")
def boom():
    raise ValueError("boom")

if __name__ == "__main__":
    print("run in", os.getpid(), "from", __spec__ and __spec__.name, flush=True)
    atexit.register(print, "the end of", os.getpid(), flush=True)
    os.environ["CHANGED"] = os.environ.get("CHANGED", "") + "x"
    uncork.run(app, port=0, **OPTIONS)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def write(folder: Path, options: str = "dict(debug=True)") -> None:
    (folder / "hello.py").write_text(HELLO.replace("OPTIONS", options))
    (folder / "part.py").write_text("WORD = 'first'\n")


def wait_for_text(script: Script, text: str, path: str = "/") -> None:
    script.wait_for(lambda: text in script.get(path)[1], f"the answer had {text!r}")


def test_the_process_becomes_the_supervisor_and_runs_the_script_anew(folder: Path) -> None:
    with Script("-X", "dev", "hello.py", "--name", "bob", directory=folder) as script:
        assert script.get() == (200, "first ['--name', 'bob'] True True x")
        assert script.is_running
        first, second = (line for line in script.log().splitlines() if line.startswith("run in"))
        assert first == f"run in {script.pid} from None"
        assert second != first
        # For the script, the one before it has ended.
        assert f"the end of {script.pid}" in script.log()
        assert script.stop() == 0
    assert "no effect" not in script.log()


def test_errors_at_import_are_survived_and_mended(folder: Path) -> None:
    with Script("hello.py", directory=folder) as script:
        assert script.get()[0] == 200
        for broken in ("def (", "1 / 0", "import os; os._exit(4)"):
            (folder / "part.py").write_text(f"{broken}\n")
            script.wait_for(lambda: script.get()[0] == 500, "it was broken")
            (folder / "part.py").write_text(f"WORD = 'mended {len(broken)}'\n")
            wait_for_text(script, f"mended {len(broken)}")
        assert script.stop() == 0


def test_the_reloader_can_be_had_without_debug(folder: Path) -> None:
    write(folder, "dict(use_reloader=True)")
    with Script("hello.py", directory=folder) as script:
        assert script.get()[1].split()[2] == "False"
        (folder / "part.py").write_text("WORD = 'second'\n")
        wait_for_text(script, "second")


def test_dotenv_files_are_left_alone_and_static_files_served_if_the_call_says_so(
    folder: Path,
) -> None:
    (folder / ".env").write_text("CHANGED=env\n")
    write(folder, "dict(debug=True, load_dotenv=False, static_files={'/files': '.'})")
    with Script("hello.py", directory=folder) as script:
        assert script.get()[1].split()[-1] == "x"
        assert script.get("/files/.env") == (200, "CHANGED=env\n")


def test_the_files_of_a_context_are_seen_when_the_script_is_run_anew(folder: Path) -> None:
    files = make_certificate(folder)
    pair = f"{str(files.certificate)!r}, {str(files.key)!r}"
    context = "ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)"
    write(folder, "dict(debug=True, ssl_context=context)")
    text = f"import ssl\ncontext = {context}\ncontext.load_cert_chain({pair})\n"
    (folder / "hello.py").write_text(text + (folder / "hello.py").read_text())
    trusted = ssl.create_default_context(cafile=str(files.certificate))
    with Script("hello.py", directory=folder) as script:
        assert script.url.startswith("https://127.0.0.1:")
        with urllib.request.urlopen(script.url, context=trusted, timeout=25) as answer:
            assert answer.read().startswith(b"first")


def test_a_module_is_run_as_a_module(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop/__init__.py").touch()
    (folder / "hello.py").rename(folder / "shop/main.py")
    with Script("-m", "shop.main", "x", directory=folder) as script:
        assert script.get() == (200, "first ['x'] True False x")
        assert script.log().count("from shop.main") == 2


def test_the_environment_and_the_folder_are_those_of_the_start(folder: Path) -> None:
    (folder / "below").mkdir()
    text = (folder / "hello.py").read_text()
    (folder / "hello.py").write_text(
        text.replace('    print("run in"', '    os.chdir("below")\n    print("run in"')
    )
    with Script("hello.py", directory=folder) as script:
        assert script.get()[1].endswith(" x")


@pytest.mark.parametrize(
    ("options", "has_debugger", "has_console"),
    [
        ("dict(debug=True)", True, True),
        ("dict(debug=True, use_evalex=False)", True, False),
        ("dict(debug=True, use_debugger=False)", False, False),
        ("dict(use_reloader=True, use_debugger=True)", False, False),
    ],
)
def test_the_debugger_is_as_it_was_asked_for(
    folder: Path, options: str, has_debugger: bool, has_console: bool
) -> None:
    write(folder, options)
    with Script("hello.py", directory=folder) as script:
        page = script.get("/boom", accept="text/html")[1]
        assert ("__debugger__" in page) == has_debugger
        assert ("EVALEX = true" in page) == has_console


def test_extra_files_reload_and_excluded_ones_do_not(folder: Path) -> None:
    write(folder, "dict(debug=True, extra_files=['data.txt'], exclude_patterns=['*/part.py'])")
    (folder / "data.txt").write_text("1")
    with Script("hello.py", directory=folder) as script:
        assert script.get()[1].startswith("first")
        (folder / "part.py").write_text("WORD = 'second'\n")
        (folder / "data.txt").write_text("2")
        wait_for_text(script, "second")
        script.wait_for_log("data.txt")


def test_what_has_no_effect_is_told_once(folder: Path) -> None:
    write(folder, "dict(debug=True, request_handler=dict, processes=2)")
    with Script("hello.py", directory=folder) as script:
        assert script.get()[0] == 200
    note = "note: no effect under `uncork dev`: `request_handler`, `processes` of uncork.run()"
    assert script.log().count(note) == 1


def test_without_a_file_it_serves_without_the_reloader(folder: Path) -> None:
    code = "import hello; hello.uncork.run(hello.app, port=0, debug=True)"
    with Script("-c", code, directory=folder) as script:
        assert script.get()[0] == 200
    assert "serves without the reloader: that runs the program again, and it is not in a file" in (
        script.log()
    )


def test_flask_dev_is_uncork_dev(folder: Path) -> None:
    (folder / "own.env").write_text("CHANGED=own\n")
    arguments = ("-m", "flask", "--app", "hello", "--env-file", "own.env", "dev", "--port=0")
    with Script(*arguments, directory=folder) as script:
        assert script.get()[1].split()[-1] == "own"
        (folder / "own.env").write_text("CHANGED=new\n")
        script.wait_for(lambda: script.get()[1].split()[-1] == "new", "the file was read again")
        (folder / "part.py").write_text("WORD = 'second'\n")
        wait_for_text(script, "second")
        assert script.stop() == 0
    assert "run in" not in script.log()
