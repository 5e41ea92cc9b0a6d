import pytest

from uncork.dev.watching.ignored_names import is_data, is_ignored_folder, is_temporary

NOTHING = frozenset[str]()


@pytest.mark.parametrize(
    "name", [".git", ".venv", "__pycache__", "node_modules", "site-packages", "x.egg-info", "build"]
)
def test_folders_that_are_nobodys_source_are_ignored(name):
    assert is_ignored_folder(name, NOTHING)


@pytest.mark.parametrize("name", ["app", "templates", "env", "tests", "venv"])
def test_other_folders_are_not(name):
    assert not is_ignored_folder(name, frozenset(("a.py",)))


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta"])
def test_an_environment_is_ignored_whatever_its_name(mark):
    assert is_ignored_folder("whatever", frozenset((mark,)))


def test_a_package_may_be_called_like_a_folder_of_builds():
    assert not is_ignored_folder("build", frozenset(("__init__.py",)))
    assert not is_ignored_folder("dist", NOTHING, may_be_built=True)


@pytest.mark.parametrize(
    "name",
    [
        "a.py~",
        ".#a.py",
        "#a.py#",
        ".a.py.swp",
        ".a.py.swx",
        "4913",
        "a.py___jb_tmp___",
        ".goutputstream-XYZ",
        "a.html.tmp",
        "sedAb12Cd",
        "a.py.tmp.1234.abcdef",
        "flycheck_a.py",
    ],
)
def test_what_editors_make_for_a_moment_is_temporary(name):
    assert is_temporary(name)


@pytest.mark.parametrize("name", ["a.py", "templates.py", "sediment.py", "4913.py", "page.html"])
def test_other_files_are_not(name):
    assert not is_temporary(name)


def test_data_is_what_programs_write():
    names = ["a.log", "a.log.1", "a.sqlite3", "a.db-wal", "a.pyc", "a.pid"]
    assert [name for name in names if not is_data(name)] == []
    assert not is_data("catalog.html")
