import json
import os

import pytest

from uncork.settings import Settings, declarations


def test_the_server_is_given_everything(run, supervisor):
    supervisor.code = 3
    ended = run("serve", "hello:app", "--threads", "4", "-b", "a:1", "--bind", "unix:/b")
    assert ended.code == 3
    ((resolved, spec, script_arguments, verbose),) = supervisor.served
    assert resolved.values.threads == 4
    assert [bind.text for bind in resolved.values.bind] == ["a:1", "unix:/b"]
    assert resolved.origins["bind"].text == "`--bind`"
    assert resolved.origins["cert"].is_default
    assert (spec.text, spec.source) == ("hello:app", "the argument")
    assert script_arguments == ()
    assert verbose is False


@pytest.mark.parametrize(
    ("arguments", "app", "script_arguments"),
    [
        (["hello.py", "--", "--name", "bob"], "hello.py", ("--name", "bob")),
        (["--", "--name", "bob"], None, ("--name", "bob")),
        (["hello.py", "--"], "hello.py", ()),
        (["hello.py", "--", "--", "-h"], "hello.py", ("--", "-h")),
        (["--threads", "1", "--", "--threads", "2"], None, ("--threads", "2")),
    ],
)
def test_what_stands_after_the_dashes_is_for_the_script(
    run, supervisor, arguments, app, script_arguments
):
    assert run("serve", *arguments).code == 0
    ((_, spec, given, _),) = supervisor.served
    assert (spec.text, given) == (app, script_arguments)


@pytest.mark.parametrize("arguments", [["-v", "serve"], ["serve", "-v"], ["serve", "--verbose"]])
def test_verbose_may_stand_on_both_sides(run, supervisor, arguments):
    run(*arguments)
    assert supervisor.served[0][3] is True


def test_the_application_gets_the_variables_of_the_files(run):
    assert "SECRET" not in os.environ
    run("serve", files={".env": "SECRET=1\nKEPT=file\n", ".flaskenv": "SECRET=2\n"}, KEPT="process")
    assert os.environ["SECRET"] == "1"
    assert os.environ["KEPT"] == "process"


def test_a_wrong_setting_puts_nothing_into_the_environment(run):
    run("serve", "--threads", "0", files={".env": "SECRET=1\n"})
    assert "SECRET" not in os.environ


def test_warnings_are_told_and_stop_nothing(run, supervisor):
    ended = run("serve", files={".env": "A='\n"})
    assert ended.code == 0
    assert ended.err.startswith("warning: .env:1: ")
    assert len(supervisor.served) == 1


def test_settings_are_shown_for_machines(run, supervisor, tmp_path):
    files = {"uncork.toml": "queue = 1\n"}
    ended = run(
        "serve", "hello:app", "--show-settings", "--json", "--keep-alive", "1m30s", files=files
    )
    shown = json.loads(ended.out)
    assert set(shown["settings"]) == {declaration.name for declaration in declarations()}
    assert shown["settings"]["keep_alive"] == {
        "value": 90.0,
        "source": "flag",
        "from": "--keep-alive",
    }
    assert shown["settings"]["queue"]["from"] == "uncork.toml:1"
    assert shown["settings"]["bind"]["value"] == ["127.0.0.1:8000"]
    assert shown["settings"]["unix_mode"]["value"] == "660"
    assert shown["settings"]["app"]["from"] == "the argument"
    assert shown["settings"]["max_body"]["value"] == Settings().max_body
    assert shown["files"] == [str(tmp_path / "uncork.toml")]
    assert supervisor.served == []


def test_a_working_directory_that_is_gone_is_told(run, tmp_path, monkeypatch, capsys):
    from uncork import cli

    run("--version")
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert cli.main(["serve"]) == 4
    assert capsys.readouterr().err.startswith("error: the working directory is gone\n")


@pytest.mark.parametrize(
    "source", [{"WEB_CONCURRENCY": "4"}, {"files": {".env": "WEB_CONCURRENCY=4"}}]
)
def test_the_number_of_workers_is_what_platforms_say(run, supervisor, source):
    run("serve", "hello:app", **source)
    assert supervisor.served[0][0].values.workers == 4


def test_a_number_of_workers_that_is_none_is_refused(run):
    ended = run("serve", "hello:app", WEB_CONCURRENCY="many")
    assert ended.code == 2
    assert "bad value `many` for `WEB_CONCURRENCY`" in ended.err


def test_a_reload_reads_files_anew_and_keeps_what_the_shell_had_set(run, supervisor, tmp_path):
    run("serve", "hello:app", files={".env": "ONE=old\nTWO=old"}, TWO="shell")
    (tmp_path / ".env").write_text("ONE=new\nTWO=new\nUNCORK_THREADS=3")
    resolved, spec, environ = supervisor.read_again()
    assert (resolved.values.threads, spec.text) == (3, "hello:app")
    assert (environ["ONE"], environ["TWO"]) == ("new", "shell")
