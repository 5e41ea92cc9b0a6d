from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.nobody import as_nobody
from uncork.errors import UsageError
from uncork.settings.dotenv_files import read_dotenv_files


def test_the_stronger_file_comes_first(tmp_path):
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / ".flaskenv").write_text("B=2\n")
    files = read_dotenv_files({}, tmp_path)
    assert [file.path.name for file in files] == [".env", ".flaskenv"]
    assert [dict(file.variables.values) for file in files] == [{"A": "1"}, {"B": "2"}]
    assert files[0].variables.strength > files[1].variables.strength


def test_each_file_is_looked_for_upwards_on_its_own(tmp_path):
    (tmp_path / ".flaskenv").write_text("A=1\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / ".env").write_text("B=2\n")
    paths = [file.path for file in read_dotenv_files({}, inner)]
    assert paths == [tmp_path / "a" / ".env", tmp_path / ".flaskenv"]


def test_a_folder_called_env_is_passed_over(tmp_path):
    inner = tmp_path / "inner"
    (inner / ".env").mkdir(parents=True)
    (tmp_path / ".env").write_text("A=1\n")
    assert [file.path for file in read_dotenv_files({}, inner)] == [tmp_path / ".env"]


@pytest.mark.parametrize(
    ("skip", "count"), [("1", 0), ("yes", 0), ("0", 1), ("False", 1), ("no", 1), ("", 1)]
)
def test_flask_skip_dotenv_switches_them_off_as_it_does_for_flask(tmp_path, skip, count):
    (tmp_path / ".env").write_text("A=1\n")
    assert len(read_dotenv_files({"FLASK_SKIP_DOTENV": skip}, tmp_path)) == count


def test_every_variable_has_its_line(tmp_path):
    (tmp_path / ".env").write_text('# note\n\nA=1\nexport B="x\ny"\n\n  C = 3 # c\n')
    (file,) = read_dotenv_files({}, tmp_path)
    assert file.variables.values == {"A": "1", "B": "x\ny", "C": "3"}
    assert file.variables.places == {"A": ".env:3", "B": ".env:4", "C": ".env:7"}


def test_a_name_without_a_value_sets_nothing(tmp_path):
    (tmp_path / ".env").write_text("A\nB=\n")
    (file,) = read_dotenv_files({}, tmp_path)
    assert file.variables.values == {"B": ""}


def test_variables_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("BASE", "/srv")
    (tmp_path / ".env").write_text("A=${BASE}/app\nB=${A}/b\n")
    (file,) = read_dotenv_files({}, tmp_path)
    assert file.variables.values == {"A": "/srv/app", "B": "/srv/app/b"}


def test_a_broken_line_is_told_and_the_others_are_read(tmp_path, caplog):
    (tmp_path / ".env").write_text("A=1\nB='x\nC=3\n")
    (file,) = read_dotenv_files({}, tmp_path)
    assert file.variables.values == {"A": "1", "C": "3"}
    assert file.warnings == (".env:2: this line is not `NAME=value` and is ignored",)
    assert not caplog.records


def test_a_file_that_is_not_utf8_is_refused_with_the_line(tmp_path):
    (tmp_path / ".env").write_bytes(b"A=1\nB=\xff\n")
    with pytest.raises(UsageError, match=r"could not read \.env:2"):
        read_dotenv_files({}, tmp_path)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfA=1\n")
    (file,) = read_dotenv_files({}, tmp_path)
    assert file.variables.values == {"A": "1"}


def test_a_file_that_may_not_be_read_is_an_error():
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / ".env").write_text("A=1\n")
        assert len(read_dotenv_files({}, folder)) == 1
        (folder / ".env").chmod(0)
        with as_nobody(), pytest.raises(UsageError, match="could not read") as caught:
            read_dotenv_files({}, folder)
    assert caught.value.cause == "Permission denied"
