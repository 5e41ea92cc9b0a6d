"""What scripts give to their run calls, in uncork's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from uncork.app_locator import DebugOptions
from uncork.app_locator.run_options import CertificateFiles, UnknownCertificate, collect
from uncork.errors import AppError


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {}),
        ({"host": None, "port": None, "debug": None}, {}),
        ({"host": "::1", "port": 80}, {"host": "::1", "port": 80}),
        ({"hostname": "localhost", "port": "8080"}, {"host": "localhost", "port": 8080}),
        ({"port": 0}, {"port": 0}),
        ({"hostname": "unix:///run/a.sock", "port": 0}, {"unix_socket": "/run/a.sock"}),
        ({"unix_socket": "/run/a.sock"}, {"unix_socket": "/run/a.sock"}),
        ({"listen": "*:8080"}, {"host": "0.0.0.0", "port": 8080}),
        ({"listen": "[::1]:8080"}, {"host": "::1", "port": 8080}),
        ({"listen": ["a:1"]}, {"host": "a", "port": 1}),
        (
            {"listen": "a:1 b:2 c:3"},
            {"host": "a", "port": 1, "ignored": ("listen=b:2 c:3",)},
        ),
        ({"threads": 8}, {"threads": 8}),
        ({"numthreads": "8"}, {"threads": 8}),
        ({"threaded": False}, {"threads": 1}),
        ({"threaded": True, "processes": 1}, {}),
        ({"processes": 4}, {"ignored": ("processes",)}),
        ({"debug": True, "use_reloader": True}, {"ignored": ("debug", "use_reloader")}),
        ({"debug": False, "use_reloader": False, "extra_files": []}, {}),
        ({"load_dotenv": True, "quiet": True, "log_output": True}, {}),
        ({"url_prefix": "/x"}, {"ignored": ("url_prefix",)}),
        ({"ssl_context": "adhoc"}, {"is_adhoc_tls": True}),
        ({"ssl_context": ("c", "k")}, {"certificate": Path("c"), "key": Path("k")}),
        ({"ssl_context": ("c",)}, {"certificate": Path("c"), "key": Path("c")}),
        ({"certfile": "c", "keyfile": "k"}, {"certificate": Path("c"), "key": Path("k")}),
        (
            {"ssl_context": CertificateFiles(Path("c"), Path("k"), False)},
            {"certificate": Path("c"), "key": Path("k")},
        ),
    ],
)
def test_each_option_has_its_place(given: dict[str, object], wanted: dict[str, object]) -> None:
    options = collect("app.run()", "hello.py:3", given)
    fields = {
        name: value
        for name, value in vars(options).items()
        if name not in ("runner", "where", "debugging")
        and not (value is None or value is False or value == ())
    }
    assert fields == wanted


def test_what_is_about_development_is_kept_for_it() -> None:
    given = {
        "debug": 1,
        "use_debugger": False,
        "use_evalex": None,
        "extra_files": "a.txt",
        "exclude_patterns": ["*/x", "*/y"],
    }
    options = collect("app.run()", "hello.py:9", given)
    assert options.debugging == DebugOptions(
        debug=True,
        use_debugger=False,
        use_evalex=None,
        extra_files=("a.txt",),
        exclude_patterns=("*/x", "*/y"),
    )
    assert options.ignored == ("debug", "extra_files", "exclude_patterns")


@pytest.mark.parametrize(
    "context",
    [UnknownCertificate(), CertificateFiles(Path("c"), Path("k"), True), object(), ("a", "b", "c")],
)
def test_a_certificate_without_known_files_is_refused(context: object) -> None:
    with pytest.raises(AppError) as caught:
        collect("app.run()", "hello.py:3", {"ssl_context": context})
    assert caught.value.what == (
        "the certificate of `app.run()` at `hello.py:3` could not be taken over"
    )
    assert caught.value.hints == ("name the files with `--cert` and `--key`",)


def test_a_port_that_is_no_number_is_refused_with_its_line() -> None:
    with pytest.raises(AppError, match=r"the port of `app.run\(\)` at `hello.py:3`"):
        collect("app.run()", "hello.py:3", {"port": "http"})
