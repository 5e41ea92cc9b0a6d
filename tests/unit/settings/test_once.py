import pytest

from uncork.settings import BadValueError, OnceProcess
from uncork.settings.once import Once


def read(raw):
    return Once().read(raw, None)


def test_a_table_names_functions_and_commands():
    table = {
        "a": "jobs:run",
        "b": "celery -A 'my jobs' beat",
        "c": ["python", "report.py"],
        "d": {"run": "jobs.late:main", "restart": "always"},
    }
    assert read(table) == (
        OnceProcess("a", "jobs:run"),
        OnceProcess("b", ("celery", "-A", "my jobs", "beat")),
        OnceProcess("c", ("python", "report.py")),
        OnceProcess("d", "jobs.late:main", "always"),
    )


def test_text_names_them_with_semicolons_in_between():
    expected = (OnceProcess("a", "jobs:run"), OnceProcess("b", ("sleep", "1")))
    assert read("a=jobs:run; b=sleep 1") == expected
    assert read(("a=jobs:run", "b=sleep 1")) == expected
    assert Once().show(expected) == "a=jobs:run; b=sleep 1"


@pytest.mark.parametrize("text", ["none", ""])
def test_there_may_be_none(text):
    assert read(text) == ()
    assert Once().show(()) == "none"


@pytest.mark.parametrize(
    "raw",
    [3, "jobs:run", "a b=c", "a=b:c;a=d:e", {"a": {}}, {"a": []}, {"a": ["b", 1]}, {"a": "b 'c"}],
)
def test_what_can_t_be_read_is_refused(raw):
    with pytest.raises(BadValueError):
        read(raw)
