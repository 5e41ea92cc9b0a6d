import pytest

from uncork.settings import BadValueError
from uncork.settings.dev_processes import DevProcess, DevProcesses


def read(raw):
    return DevProcesses().read(raw, None)


def test_a_table_names_commands_as_text_or_as_words():
    table = {
        "css": "npm run 'watch it'",
        "jobs": ["python", "-m", "jobs", ""],
        "mail": {"run": "mailpit --quiet", "restart": "always"},
    }
    assert read(table) == (
        DevProcess("css", ("npm", "run", "watch it")),
        DevProcess("jobs", ("python", "-m", "jobs", "")),
        DevProcess("mail", ("mailpit", "--quiet"), "always"),
    )


def test_text_names_them_with_semicolons_in_between():
    expected = (DevProcess("css", ("npm", "start")), DevProcess("b", ("sleep", "1")))
    assert read("css=npm start; b=sleep 1") == expected
    assert DevProcesses().show(expected) == "css=npm start; b=sleep 1"


@pytest.mark.parametrize("raw", ["none", "", {}])
def test_there_may_be_none(raw):
    assert read(raw) == ()
    assert DevProcesses().show(()) == "none"


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (3, "it is not a table"),
        ("npm start", "it has no name"),
        ({"a b": "c"}, "`a b` is no name"),
        ("a=b;a=c", "`a` is named twice"),
        ({"a": ""}, "`a` runs nothing"),
        ({"a": {}}, "`a` runs nothing"),
        ({"a": {"run": "b", "cwd": "c"}}, "`a` has no `cwd`"),
        ({"a": {"run": "b", "restart": "yes"}}, "`restart` of `a` is none of its words"),
        ({"a": ["b", 1]}, "the command of `a` is not made of texts"),
        ({"a": ["", "b"]}, "the command of `a` is not made of texts"),
        ({"a": "b 'c"}, "of `a`: no closing quotation"),
        ({"a": "b && c"}, "`&&` in the command of `a` is for a shell, and none runs it"),
    ],
)
def test_what_can_t_be_read_is_refused(raw, cause):
    with pytest.raises(BadValueError) as caught:
        read(raw)
    assert str(caught.value) == cause
