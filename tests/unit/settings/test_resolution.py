from pathlib import Path

import pytest

from uncork.errors import UsageError
from uncork.settings import Bind, Origin, Settings, resolve


@pytest.fixture
def resolved(tmp_path):
    """Resolves with files: `resolved({"threads": "1"}, PORT="80", files={".env": "…"})`."""

    def run(flags=None, files=None, **environ):
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text)
        return resolve(flags=flags or {}, environ=environ, directory=tmp_path)

    return run


@pytest.fixture
def refusal(resolved):
    def run(*args, **kwargs):
        with pytest.raises(UsageError) as caught:
            resolved(*args, **kwargs)
        return caught.value

    return run


def one_bind(found):
    (bind,) = found.values.bind
    return bind.text, found.origins["bind"].text


ALL_FILES = {
    ".env": "UNCORK_THREADS=3",
    ".flaskenv": "UNCORK_THREADS=4",
    "uncork.toml": "threads = 5",
}


def test_without_sources_every_value_is_the_default(resolved):
    found = resolved()
    assert found.values == Settings()
    assert set(found.origins.values()) == {Origin("default", "default")}
    assert all(origin.is_default for origin in found.origins.values())


@pytest.mark.parametrize(
    ("missing", "threads", "origin"),
    [
        ((), 1, Origin("flag", "`--threads`")),
        (("flag",), 2, Origin("environment", "`UNCORK_THREADS`")),
        (("flag", "environ"), 3, Origin("dotenv", "`UNCORK_THREADS` in .env:1")),
        (("flag", "environ", ".env"), 4, Origin("dotenv", "`UNCORK_THREADS` in .flaskenv:1")),
        (("flag", "environ", ".env", ".flaskenv"), 5, Origin("file", "uncork.toml:1")),
    ],
)
def test_the_strongest_source_wins(resolved, missing, threads, origin):
    flags = {} if "flag" in missing else {"threads": "1"}
    environ = {} if "environ" in missing else {"UNCORK_THREADS": "2"}
    files = {name: text for name, text in ALL_FILES.items() if name not in missing}
    found = resolved(flags, files, **environ)
    assert found.values.threads == threads
    assert found.origins["threads"] == origin
    assert not found.origins["threads"].is_default


def test_a_flag_that_was_not_given_sets_nothing(resolved):
    found = resolved({"threads": None, "bind": ()})
    assert found.values == Settings()


def test_a_flag_may_have_a_value_of_its_own_type(resolved):
    found = resolved({"threads": 3, "keep_alive": 1.5, "bind": ("a:1", "b:2")})
    assert found.values.threads == 3
    assert found.values.keep_alive == 1.5
    assert [bind.text for bind in found.values.bind] == ["a:1", "b:2"]


def test_a_value_is_typed_whatever_source_it_comes_from(resolved):
    found = resolved(
        {"max_body": "unlimited", "unix_mode": "600"},
        {"uncork.toml": 'keep_alive = 5\nhead_timeout = "1m"\nbind = "a:1"\n'},
        UNCORK_MAX_HEAD="32KiB",
    )
    assert found.values.max_body is None
    assert found.values.unix_mode == 0o600
    assert found.values.keep_alive == 5.0
    assert isinstance(found.values.keep_alive, float)
    assert found.values.head_timeout == 60.0
    assert found.values.bind == (Bind("tcp", host="a", port=1),)
    assert found.values.max_head == 32768


def test_an_empty_variable_is_not_set(resolved):
    found = resolved(UNCORK_THREADS="", PORT="", FLASK_APP="", FLASK_RUN_PORT="")
    assert found.values == Settings()


def test_an_empty_variable_does_not_hide_a_weaker_source(resolved):
    assert resolved(files={".env": "UNCORK_THREADS=3"}, UNCORK_THREADS="").values.threads == 3


# Names that other tools have.


@pytest.mark.parametrize(
    ("environ", "bind", "origin"),
    [
        ({"PORT": "5000"}, "0.0.0.0:5000", "`PORT`"),
        ({"FLASK_RUN_PORT": "5001"}, "127.0.0.1:5001", "`FLASK_RUN_PORT`"),
        ({"FLASK_RUN_HOST": "0.0.0.0"}, "0.0.0.0:8000", "`FLASK_RUN_HOST`"),
        (
            {"FLASK_RUN_HOST": "::1", "FLASK_RUN_PORT": "5001"},
            "[::1]:5001",
            "`FLASK_RUN_HOST` and `FLASK_RUN_PORT`",
        ),
        ({"FLASK_RUN_HOST": "unix:///run/a.sock"}, "unix:/run/a.sock", "`FLASK_RUN_HOST`"),
        ({"FLASK_RUN_HOST": "unix://a.sock"}, "unix:a.sock", "`FLASK_RUN_HOST`"),
        ({"PORT": "5000", "FLASK_RUN_PORT": "5001"}, "0.0.0.0:5000", "`PORT`"),
        ({"PORT": "5000", "UNCORK_BIND": "a:1"}, "a:1", "`UNCORK_BIND`"),
        ({"HOST": "0.0.0.0"}, "127.0.0.1:8000", "default"),
    ],
)
def test_the_variables_of_platforms_and_of_flask_make_an_address(resolved, environ, bind, origin):
    assert one_bind(resolved(**environ)) == (bind, origin)


def test_the_port_of_the_platform_beats_an_address_in_a_file(resolved):
    files = {".env": "UNCORK_BIND=a:1", "uncork.toml": 'bind = "b:2"'}
    assert one_bind(resolved(files=files, PORT="5000")) == ("0.0.0.0:5000", "`PORT`")


def test_host_and_port_of_flask_may_stand_in_different_places(resolved):
    files = {".flaskenv": "FLASK_RUN_PORT=5001"}
    assert one_bind(resolved(files=files, FLASK_RUN_HOST="0.0.0.0")) == (
        "0.0.0.0:5001",
        "`FLASK_RUN_HOST` and `FLASK_RUN_PORT` in .flaskenv:1",
    )


def test_the_app_of_flask_is_weaker_than_our_own_variable(resolved):
    assert resolved(FLASK_APP="a").values.app == "a"
    assert resolved(FLASK_APP="a", UNCORK_APP="b").values.app == "b"


def test_the_certificate_of_flask_is_taken(resolved, tmp_path):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch()
    found = resolved(FLASK_RUN_CERT=f"{tmp_path}/cert.pem", FLASK_RUN_KEY=f"{tmp_path}/key.pem")
    assert Path(found.values.cert).name == "cert.pem"
    assert Path(found.values.key).name == "key.pem"
    assert resolved(FLASK_RUN_CERT="adhoc").values.cert == "adhoc"


@pytest.mark.parametrize(
    "environ",
    [
        {"PORT": "abc"},
        {"PORT": "70000"},
        {"PORT": "80,81"},
        {"FLASK_RUN_PORT": "abc"},
        {"FLASK_RUN_HOST": "not a host"},
        {"FLASK_RUN_HOST": "unix://"},
    ],
)
def test_a_bad_address_is_refused_with_the_variable_and_what_stands_in_it(refusal, environ):
    ((name, value),) = environ.items()
    assert refusal(**environ).what == f"bad value `{value}` for `{name}`"


# What is refused.


@pytest.mark.parametrize(
    ("sources", "what"),
    [
        ({"flags": {"threads": "0"}}, "bad value `0` for `--threads`"),
        ({"flags": {"bind": ("a:1", "8000")}}, "bad value `a:1, 8000` for `--bind`"),
        ({"UNCORK_THREADS": "many"}, "bad value `many` for `UNCORK_THREADS`"),
        (
            {"files": {".env": "\nUNCORK_THREADS=many"}},
            "bad value `many` for `UNCORK_THREADS` in .env:2",
        ),
        (
            {"files": {"uncork.toml": "\nthreads = 'many'"}},
            "bad value `many` for `threads` in uncork.toml:2",
        ),
        (
            {"files": {"uncork.toml": "threads = true"}},
            "bad value `true` for `threads` in uncork.toml:1",
        ),
        ({"flags": {"app": ""}}, "bad value `` for `--app`"),
        ({"UNCORK_AS": "module\n"}, "bad value `'module\\n'` for `UNCORK_AS`"),
        ({"UNCORK_AS": "x" * 999}, f"bad value `{'x' * 80}…` for `UNCORK_AS`"),
    ],
)
def test_a_bad_value_is_refused_with_the_place_it_came_from(refusal, sources, what):
    error = refusal(**sources)
    assert error.what == what
    assert error.cause
    assert error.hints


def test_a_value_that_is_overridden_is_not_read(resolved):
    found = resolved({"cert": "adhoc"}, {"uncork.toml": "cert = 'only-on-the-server.pem'"})
    assert found.values.cert == "adhoc"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("UNCORK_THREAD", "did you mean `UNCORK_THREADS`?"),
        ("UNCORK_LOAD_AS", None),
        ("UNCORK_KEEPALIVE", "did you mean `UNCORK_KEEP_ALIVE`?"),
        ("UNCORK_", None),
    ],
)
def test_an_unknown_variable_of_ours_is_refused(refusal, name, hint):
    error = refusal(**{name: "1"})
    assert error.what == f"unknown variable `{name}`"
    assert hint is None or error.hints[0] == hint


def test_an_unknown_variable_in_a_file_is_refused_with_its_line(refusal):
    error = refusal(files={".env": "A=1\nUNCORK_THREAD=1"})
    assert error.what == "unknown variable `UNCORK_THREAD` in .env:2"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UNCORK_SERVICE_HOST", "10.0.0.1"),
        ("UNCORK_SERVICE_PORT", "80"),
        ("UNCORK_SERVICE_PORT_HTTP", "80"),
        ("UNCORK_PORT", "tcp://10.0.0.1:80"),
        ("UNCORK_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("UNCORK_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("UNCORK_WEB_SERVICE_HOST", "10.0.0.1"),
        ("UNCORK_WEB_PORT", "udp://10.0.0.1:80"),
    ],
)
def test_what_kubernetes_sets_for_a_service_of_our_name_is_passed_over(resolved, name, value):
    assert resolved(**{name: value}).values == Settings()


def test_our_name_for_a_port_is_refused_when_a_person_wrote_it(refusal):
    assert refusal(UNCORK_PORT="80").what == "unknown variable `UNCORK_PORT`"


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        ({"key": "KEY"}, "there is a key from `--key`, and no certificate"),
        ({"cert": "CERT"}, "there is a certificate from `--cert`, and no key"),
        (
            {"cert": "adhoc", "key": "KEY"},
            "there is a key from `--key`, and `adhoc` from `--cert` makes its own",
        ),
    ],
)
def test_a_certificate_and_a_key_belong_together(refusal, tmp_path, flags, what):
    for name in ("CERT", "KEY"):
        (tmp_path / name).touch()
    paths = {
        name: value if value == "adhoc" else str(tmp_path / value) for name, value in flags.items()
    }
    assert refusal(paths).what == what


# Files.


def test_the_named_file_is_read_and_no_other(resolved, tmp_path):
    files = {"uncork.toml": "threads = 1\n", "other.toml": "queue = 2\n"}
    found = resolved({"config": str(tmp_path / "other.toml")}, files)
    assert (found.values.threads, found.values.queue) == (64, 2)
    assert found.files == (tmp_path / "other.toml",)


def test_a_file_can_be_named_in_the_environment(resolved, tmp_path):
    found = resolved(files={"other.toml": "queue = 2"}, UNCORK_CONFIG=str(tmp_path / "other.toml"))
    assert found.values.queue == 2


def test_a_named_file_that_is_missing_is_refused(refusal):
    assert refusal({"config": "nowhere.toml"}).what == "bad value `nowhere.toml` for `--config`"


def test_paths_in_a_file_begin_at_its_folder(tmp_path):
    (tmp_path / "uncork.toml").write_text(
        "cert = 'tls/cert.pem'\nkey = 'tls/key.pem'\nbind = 'unix:run/app.sock'"
    )
    inner = tmp_path / "inner"
    for folder in (inner, tmp_path / "tls"):
        folder.mkdir()
    for name in ("cert.pem", "key.pem"):
        (tmp_path / "tls" / name).touch()
    found = resolve(flags={}, environ={}, directory=inner).values
    assert found.cert == str(tmp_path / "tls/cert.pem")
    assert found.bind[0].path == str(tmp_path / "run/app.sock")


def test_the_variables_of_files_are_handed_on_for_the_application(resolved):
    files = {".env": "A=env\nB=env\nEMPTY=", ".flaskenv": "A=flaskenv\nC=flaskenv"}
    found = resolved(files=files, B="process")
    assert found.dotenv == {"A": "env", "C": "flaskenv", "EMPTY": ""}


def test_files_and_warnings_are_handed_on(resolved, tmp_path):
    files = {".env": "A='", "uncork.toml": "", "pyproject.toml": "[tool.uncork]"}
    found = resolved(files=files)
    assert found.files == (tmp_path / ".env", tmp_path / "uncork.toml")
    assert len(found.warnings) == 2
