"""What is said to people who type what they know from another server."""

import pytest

from uncork.cli import foreign_flags
from uncork.cli.serve import command
from uncork.settings import declarations


def hints(run, *arguments):
    ended = run("serve", *arguments)
    assert (ended.code, ended.out) == (2, "")
    return [line.removeprefix("hint: ") for line in ended.err.splitlines()[1:]]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (["--processes=4"], "write `--workers NUMBER`"),
        (["--host", "0.0.0.0"], "write `--bind 0.0.0.0:8000`"),
        (["--port", "80"], "write `--bind 127.0.0.1:80`"),
        (["--host", "::1", "--port=80"], "write `--bind [::1]:80`"),
        (["-p", "5000"], "write `--bind 127.0.0.1:5000`"),
        (["-p5000"], "write `--bind 127.0.0.1:5000`"),
        (["-p", "/run/app.pid"], "there is none: it is for the service manager"),
        (["--listen", "*:80"], "write `--bind HOST:PORT`"),
        (["--reload"], "changed code is for development"),
        (["--certfile", "c.pem"], "write `--cert FILE`"),
        (["--keyfile", "k.pem"], "write `--key FILE`"),
        (["--access-logfile", "-"], "write `--access-log FILE`"),
        (["--timeout", "30"], "there is no limit inside the app yet"),
    ],
)
def test_a_flag_of_another_server_is_answered_with_what_to_type_here(run, typed, hint):
    found = hints(run, "hello:app", *typed)
    assert len(found) == 1
    assert found[0].startswith(hint)


def test_a_flag_that_may_be_the_script_s_is_answered_both_ways(run):
    assert hints(run, "hello.py", "--port", "5001") == [
        "write `--bind 127.0.0.1:5001`",
        "if it is for your script, write `uncork serve hello.py -- --port 5001`",
    ]


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["hello.py", "--name", "Ada"], "hello.py -- --name Ada"),
        (["hello.py", "--name=Ada B"], "hello.py -- '--name=Ada B'"),
        (["--name", "Ada", "hello.py"], "hello.py -- --name Ada"),
        (["hello.py", "--name", "Ada", "-b", "a:1", "-v"], "hello.py -b a:1 -v -- --name Ada"),
        (["hello:app", "--name", "Ada"], "hello:app -- --name Ada"),
        (["--name", "Ada"], "FILE -- --name Ada"),
        (["--bind", "a:1", "--name", "Ada"], "--bind a:1 FILE -- --name Ada"),
    ],
)
def test_the_line_for_a_script_is_the_one_to_type(run, typed, line):
    assert f"if it is for your script, write `uncork serve {line}`" in hints(run, *typed)


def test_no_flag_of_ours_is_taken_for_another_server_s():
    ours = {name for each in command.params for name in each.opts}
    assert not ours & set(foreign_flags._ANSWERS)


def test_what_the_answers_name_is_there():
    named = {
        word
        for answer in foreign_flags._ANSWERS.values()
        if "flask run" not in answer
        for word in answer.replace("`", " ").split()
        if word.startswith("--")
    }
    assert named <= {each.flag for each in declarations()} | {"--verbose", "--show-settings"}


def test_the_other_commands_do_not_answer_with_flags_of_serve(run):
    assert "--bind" not in run("routes", "hello:app", "--port", "5000").err


def test_before_the_command_it_is_said_where_flags_stand(run):
    assert "it stands behind the command" in run("--workers", "4", "serve").err
