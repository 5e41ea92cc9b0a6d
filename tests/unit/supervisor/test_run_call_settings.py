from __future__ import annotations

from pathlib import Path

import pytest

from uncork.app_locator import RunOptions
from uncork.errors import AppError
from uncork.settings import ResolvedSettings, resolve
from uncork.supervisor.run_call_settings import with_run_options


@pytest.fixture
def defaults(tmp_path: Path) -> ResolvedSettings:
    return resolve(flags={}, environ={}, directory=tmp_path)


def options(**given: object) -> RunOptions:
    return RunOptions(runner="app.run()", where="hello.py:12", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1:8000"),
        ({"port": 5000}, "127.0.0.1:5000"),
        ({"host": "0.0.0.0"}, "0.0.0.0:8000"),
        ({"host": "", "port": 80}, "0.0.0.0:80"),
        ({"host": "*", "port": 80}, "0.0.0.0:80"),
        ({"host": "::1", "port": 80}, "[::1]:80"),
        ({"host": "[::1]", "port": 80}, "[::1]:80"),
        ({"host": "localhost", "port": 0}, "localhost:0"),
        ({"unix_socket": "/run/x.sock"}, "unix:/run/x.sock"),
    ],
)
def test_the_script_s_address_takes_the_place_of_the_default(
    defaults: ResolvedSettings, given: dict[str, object], expected: str
) -> None:
    settings = with_run_options(defaults, options(**given))
    assert [bind.text for bind in settings.bind] == [expected]


def test_an_app_that_was_imported_changes_nothing(defaults: ResolvedSettings) -> None:
    assert with_run_options(defaults, None) is defaults.values


def test_what_is_set_comes_before_what_the_script_says(tmp_path: Path) -> None:
    environ = {"PORT": "7000", "UNCORK_THREADS": "3", "UNCORK_CERT": "adhoc"}
    resolved = resolve(flags={}, environ=environ, directory=tmp_path)
    given = options(port=5000, threads=9, certificate=Path("c"), key=Path("k"))
    assert with_run_options(resolved, given) == resolved.values


def test_threads_and_certificate_are_taken_too(defaults: ResolvedSettings) -> None:
    settings = with_run_options(
        defaults, options(threads=4, certificate=Path("c.pem"), key=Path("k.pem"))
    )
    assert (settings.threads, settings.cert, settings.key) == (4, "c.pem", "k.pem")
    assert with_run_options(defaults, options(is_adhoc_tls=True)).cert == "adhoc"


@pytest.mark.parametrize("given", [{"port": 70000}, {"host": "not a host"}, {"host": "1.2.3"}])
def test_an_address_that_is_none_names_the_line_of_the_script(
    defaults: ResolvedSettings, given: dict[str, object]
) -> None:
    with pytest.raises(AppError, match=r"`app\.run\(\)` at `hello\.py:12`"):
        with_run_options(defaults, options(**given))
