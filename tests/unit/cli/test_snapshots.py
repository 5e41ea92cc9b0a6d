import pytest

from tests.snapshots.compare import assert_same_as_snapshot

HELP = {
    "uncork": ["--help"],
    "serve": ["serve", "--help"],
    "health": ["health", "--help"],
    "trust": ["trust", "--help"],
    "routes": ["routes", "--help"],
    "shell": ["shell", "-h"],
    "status": ["status", "--help"],
    "reload": ["reload", "--help"],
    "stop": ["stop", "--help"],
    "top": ["top", "--help"],
    "requests": ["requests", "--help"],
    "stacks": ["stacks", "--help"],
    "scale": ["scale", "--help"],
    "reopen": ["reopen", "--help"],
}

ERRORS = {
    "no-command": ([], {}),
    "unknown-command": (["sevre"], {}),
    "app-for-a-command": (["hello.py"], {}),
    "unknown-flag": (["serve", "--bnd", "a:1"], {}),
    "flag-of-the-script": (["serve", "hello.py", "--name", "bob"], {}),
    "flag-before-the-command": (["--bind", "a:1", "serve"], {}),
    "unknown-flag-before-the-command": (["--zzz", "serve"], {}),
    "flag-without-a-value": (["serve", "--bind"], {}),
    "flag-with-a-value-too-many": (["serve", "--show-settings=yes"], {}),
    "two-arguments": (["serve", "hello.py", "bob", "alice"], {}),
    "two-apps": (["serve", "hello:app", "--app", "other:app"], {}),
    "app-and-call": (["serve", "hello:app", "--call", "hello:make"], {}),
    "two-apps-in-the-environment": (["serve"], {"UNCORK_APP": "a", "UNCORK_CALL": "a:b"}),
    "bad-bind": (["serve", "--bind", "8000"], {}),
    "bad-size": (["serve", "--max-body", "16M"], {}),
    "bad-duration": (["serve", "--keep-alive", "30sec"], {}),
    "bad-count": (["serve", "--threads", "0"], {}),
    "bad-word": (["serve", "--as", "skript"], {}),
    "bad-mode": (["serve", "--unix-mode", "999"], {}),
    "bad-owner": (["serve", "--unix-owner", "a:b:c"], {}),
    "missing-file": (["serve", "--cert", "cert.pem"], {}),
    "key-alone": (["serve", "--key", "key.pem"], {"files": {"key.pem": ""}}),
    "adhoc-with-key": (
        ["serve", "--cert", "adhoc", "--key", "key.pem"],
        {"files": {"key.pem": ""}},
    ),
    "bad-variable": (["serve"], {"PORT": "http"}),
    "unknown-variable": (["serve"], {"UNCORK_THREAD": "4"}),
    "unknown-variable-in-dotenv": (["serve"], {"files": {".env": "A=1\nUNCORK_KEEPALIVE=5\n"}}),
    "unknown-key": (["serve"], {"files": {"uncork.toml": "\nmax-body = '1MiB'\n"}}),
    "bad-key": (
        ["serve"],
        {"files": {"pyproject.toml": "[tool.uncork]\nunix_mode = 660\n"}},
    ),
    "not-toml": (["serve"], {"files": {"uncork.toml": "keep_alive = 30s\n"}}),
    "config-without-settings": (
        ["serve", "--config", "pyproject.toml"],
        {"files": {"pyproject.toml": ""}},
    ),
    "json-alone": (["serve", "--json"], {}),
    "bad-sort": (["routes", "--sort", "name"], {}),
    "no-app": (["routes"], {}),
    "bad-control": (["serve", "--control", "@name"], {}),
    "bad-scale": (["scale", "many"], {}),
    "server-named-twice": (["status", "hello:app", "--control", "a.sock"], {}),
    "unknown-flag-of-a-control-command": (["stop", "--nwo"], {}),
    "arguments-too-many-for-a-control-command": (["stop", "hello", "world"], {}),
}


@pytest.mark.parametrize("name", HELP)
def test_the_help_is_as_it_was(run, name):
    ended = run(*HELP[name])
    assert (ended.code, ended.err) == (0, "")
    assert_same_as_snapshot(f"help/{name}", ended.out)


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_as_it_was(run, name):
    arguments, surroundings = ERRORS[name]
    ended = run(*arguments, **surroundings)
    assert ended.code != 0
    assert ended.out == ""
    assert_same_as_snapshot(f"errors/{name}", str(ended))


def test_the_settings_are_shown_as_they_were(run):
    files = {
        ".env": "UNCORK_QUEUE=10\nFLASK_APP=hello.py\n",
        "uncork.toml": '\nkeep_alive = "5s"\nbind = ["0.0.0.0:80", "unix:/run/app.sock"]\n',
    }
    ended = run("serve", "--show-settings", "--threads", "8", files=files, UNCORK_MAX_BODY="10MB")
    assert (ended.code, ended.err) == (0, "")
    assert_same_as_snapshot("show-settings", ended.out)
