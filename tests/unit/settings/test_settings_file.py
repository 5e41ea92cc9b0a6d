import pytest

from uncork.errors import UsageError
from uncork.settings.settings_file import find_settings_file, read_settings_file


def raws(file):
    return {name: given.raw for name, given in file.source.items()}


def refusal(directory):
    with pytest.raises(UsageError) as caught:
        find_settings_file(directory)
    return caught.value


def test_no_file_is_no_error(tmp_path):
    assert find_settings_file(tmp_path) is None


def test_a_file_of_its_own_is_settings_from_top_to_bottom(tmp_path):
    (tmp_path / "uncork.toml").write_text('threads = 4\nkeep_alive = "5s"\n')
    file = find_settings_file(tmp_path)
    assert raws(file) == {"threads": 4, "keep_alive": "5s"}
    assert file.source["keep_alive"].origin.text == "uncork.toml:2"
    assert file.source["keep_alive"].folder == tmp_path


def test_of_a_project_the_table_is_read(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.uncork]\nas = 'script'")
    file = find_settings_file(tmp_path)
    assert raws(file) == {"load_as": "script"}
    assert file.source["load_as"].origin.text == "pyproject.toml:4"


def test_the_nearest_file_with_settings_counts(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "uncork.toml").write_text("threads = 1")
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.uncork]\nthreads = 2")
    (inner / "pyproject.toml").write_text("[project]\nname = 'uncork-demo'\n")
    file = find_settings_file(inner)
    assert raws(file) == {"threads": 2}
    assert file.source["threads"].origin.text == f"{tmp_path}/a/pyproject.toml:2"


def test_in_one_folder_its_own_file_wins_and_says_so(tmp_path):
    (tmp_path / "uncork.toml").write_text("threads = 1")
    (tmp_path / "pyproject.toml").write_text("[tool.uncork]\nthreads = 2")
    file = find_settings_file(tmp_path)
    assert raws(file) == {"threads": 1}
    assert file.warnings == ("uncork.toml is read, and `[tool.uncork]` in pyproject.toml is not",)


def test_a_project_without_our_table_is_nothing_to_warn_of(tmp_path):
    (tmp_path / "uncork.toml").write_text("threads = 1")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'uncork-demo'")
    assert find_settings_file(tmp_path).warnings == ()


def test_a_broken_project_of_somebody_else_is_not_ours_to_judge(tmp_path):
    (tmp_path / "pyproject.toml").write_text("this is [ not TOML")
    assert find_settings_file(tmp_path) is None


def test_a_folder_of_that_name_is_passed_over(tmp_path):
    (tmp_path / "uncork.toml").mkdir()
    assert find_settings_file(tmp_path) is None


def test_a_file_that_is_not_toml_is_refused_with_the_place(tmp_path):
    (tmp_path / "uncork.toml").write_text("threads = 4\nkeep_alive = 30s\n")
    error = refusal(tmp_path)
    assert error.what == "could not read uncork.toml:2: it is not TOML"
    assert "line 2" in error.cause


def test_a_file_that_is_not_utf8_is_refused_with_the_line(tmp_path):
    (tmp_path / "uncork.toml").write_bytes(b"threads = 4\n# \xff\n")
    assert refusal(tmp_path).what == "could not read uncork.toml:2"


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("thread", "did you mean `threads`?"),
        ("max-body", "did you mean `max_body`?"),
        ("keepalive", "did you mean `keep_alive`?"),
        ("load_as", "`uncork serve --show-settings` lists them all"),
        ("zzz", "`uncork serve --show-settings` lists them all"),
    ],
)
def test_an_unknown_key_is_refused_with_its_line_and_a_suggestion(tmp_path, key, hint):
    (tmp_path / "uncork.toml").write_text(f"\n{key} = 1\n")
    error = refusal(tmp_path)
    assert error.what == f"unknown setting `{key}` in uncork.toml:2"
    assert error.hints == (hint,)


def test_an_unknown_table_is_an_unknown_key(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.uncork]\n[tool.uncork.tls]\ncert = 'x'\n")
    assert refusal(tmp_path).what == "unknown setting `tls` in pyproject.toml:2"


def test_a_file_cannot_name_another_file(tmp_path):
    (tmp_path / "uncork.toml").write_text("config = 'other.toml'")
    assert refusal(tmp_path).what == "`config` cannot be set in uncork.toml:1"


def test_a_table_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool]\nuncork = 'yes'")
    assert refusal(tmp_path).what == "`tool.uncork` in pyproject.toml is not a table"


def test_a_named_file_may_have_any_name(tmp_path):
    (tmp_path / "production.toml").write_text("threads = 9")
    assert raws(read_settings_file(tmp_path / "production.toml", tmp_path)) == {"threads": 9}


def test_a_named_project_must_have_the_table(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'")
    with pytest.raises(UsageError, match=r"pyproject\.toml has no settings"):
        read_settings_file(tmp_path / "pyproject.toml", tmp_path)
