import pytest

from uncork.settings import BadValueError, Bind, declarations
from uncork.settings.kinds import (
    Binds,
    Choice,
    Count,
    Duration,
    FilePath,
    Mode,
    OneBind,
    Owner,
    RequestTarget,
    Size,
    Text,
)


def refusal(kind, raw, folder=None):
    with pytest.raises(BadValueError) as caught:
        kind.read(raw, folder)
    return caught.value


@pytest.mark.parametrize("raw", ["4", 4])
def test_a_count_is_read_from_text_and_from_a_number(raw):
    assert Count(1, 10).read(raw, None) == 4


@pytest.mark.parametrize("raw", ["four", "4.0", "+4", " 4", "", "4_0", 4.0, True, None, [4]])
def test_a_count_is_a_whole_number_and_nothing_else(raw):
    assert refusal(Count(1, 10), raw).cause == "it is not a whole number"


@pytest.mark.parametrize("raw", [0, 11, "0", "11", -1])
def test_a_count_out_of_range_is_refused_with_the_range(raw):
    error = refusal(Count(1, 10), raw)
    assert (error.cause, error.hint) == (
        "it is out of range",
        "write a whole number from 1 to 10",
    )


@pytest.mark.parametrize("raw", ["90", "1m30s", 90, 90.0])
def test_a_duration_is_read_from_text_and_from_numbers_of_seconds(raw):
    value = Duration(0, 100).read(raw, None)
    assert value == 90.0
    assert isinstance(value, float)


@pytest.mark.parametrize("raw", [101, "101s", float("nan"), float("inf"), -1])
def test_a_duration_out_of_range_is_refused(raw):
    assert refusal(Duration(0, 100), raw).cause == "it is out of range"


@pytest.mark.parametrize("raw", [True, [], None])
def test_a_duration_is_no_other_type(raw):
    assert "quotes" in refusal(Duration(0, 100), raw).hint


@pytest.mark.parametrize("raw", [2048, "2048", "2KiB"])
def test_a_size_is_read_from_text_and_from_a_number_of_bytes(raw):
    assert Size(0, 4096).read(raw, None) == 2048


def test_a_size_is_unlimited_only_where_that_may_be():
    kind = Size(0, 4096, can_be_unlimited=True)
    assert kind.read("unlimited", None) is None
    assert kind.show(None) == "unlimited"
    assert refusal(Size(0, 4096), "unlimited").cause == "it is not a size"


@pytest.mark.parametrize("raw", [True, 1.5, 4097, "5KiB", -1])
def test_a_size_that_is_none_or_out_of_range_is_refused(raw):
    refusal(Size(0, 4096), raw)


@pytest.mark.parametrize("raw", ["660", "0660", "0o660"])
def test_a_mode_is_octal_text(raw):
    assert Mode().read(raw, None) == 0o660


@pytest.mark.parametrize("raw", [660, 0o660, "66", "888", "1777", "rw-rw----", ""])
def test_a_mode_as_a_number_or_in_other_digits_is_refused(raw):
    assert '`"660"`' in refusal(Mode(), raw).hint


@pytest.mark.parametrize("text", ["www-data", "app:www-data", ":www-data", "1000:1000"])
def test_an_owner_is_written_as_for_chown(text):
    assert Owner("", "").read(text, None) == text


@pytest.mark.parametrize("text", [":", "a:", "a:b:c", "a b", ""])
def test_an_owner_of_another_form_is_refused(text):
    refusal(Owner("", ""), text)


def test_a_choice_names_its_words():
    kind = Choice("WORD", "", ("auto", "module"))
    assert kind.read("module", None) == "module"
    assert refusal(kind, "modul").hint == "write one of `auto`, `module`"


@pytest.mark.parametrize("raw", [1, True, None, [], "", "a\0b"])
def test_a_text_is_text_and_not_empty(raw):
    refusal(Text("", ""), raw)


def test_addresses_come_from_text_with_commas_and_from_arrays():
    expected = (Bind("tcp", host="a", port=1), Bind("unix", path="/b"))
    assert Binds().read("a:1, unix:/b", None) == expected
    assert Binds().read(["a:1", "unix:/b"], None) == expected
    assert Binds().read(("a:1", "unix:/b"), None) == expected


def test_of_several_addresses_the_bad_one_is_named():
    assert refusal(Binds(), ["a:1", "b"]).cause == "of `b`: there is no port in it"


def test_a_free_port_may_be_wanted_twice():
    assert len(Binds().read(["a:0", "a:0"], None)) == 2


def test_an_address_named_twice_is_refused():
    assert refusal(Binds(), ["a:1", "b:1", "a:1"]).cause == "`a:1` is named twice"


@pytest.mark.parametrize("raw", [[], 8000, {}, [8000], "a:1,", None])
def test_anything_else_is_no_address(raw):
    refusal(Binds(), raw)


def test_a_relative_socket_in_a_file_begins_at_the_folder_of_the_file(tmp_path):
    (bind,) = Binds().read("unix:run/app.sock", tmp_path)
    assert bind.path == str(tmp_path / "run/app.sock")
    (bind,) = Binds().read("unix:/run/app.sock", tmp_path)
    assert bind.path == "/run/app.sock"


def test_a_relative_socket_is_measured_with_its_folder(tmp_path):
    assert "bytes" in refusal(Binds(), "unix:" + "x" * 90, tmp_path / ("y" * 60)).cause


def test_a_file_is_there_and_is_absolute_when_it_comes_from_a_file(tmp_path):
    (tmp_path / "cert.pem").touch()
    assert FilePath().read(str(tmp_path / "cert.pem"), None) == str(tmp_path / "cert.pem")
    assert FilePath().read("cert.pem", tmp_path) == str(tmp_path / "cert.pem")


def test_a_file_that_is_missing_or_a_folder_is_refused(tmp_path):
    assert "there is no file" in refusal(FilePath(), "cert.pem", tmp_path).cause
    assert refusal(FilePath(), str(tmp_path)).cause == "it is a folder"


def test_the_word_of_a_file_setting_is_read_in_any_case():
    assert FilePath(word="adhoc").read("ADHOC", None) == "adhoc"


@pytest.mark.parametrize(
    "declaration",
    [each for each in declarations() if each.default is not None],
    ids=lambda each: each.name,
)
def test_every_default_is_read_back_from_what_is_shown(declaration):
    kind = declaration.kind
    assert kind.read(kind.show(declaration.default), None) == declaration.default


def test_one_address_is_read_as_any_other_and_may_be_none(tmp_path):
    assert OneBind().read("localhost:9100", None) == Bind("tcp", host="localhost", port=9100)
    assert OneBind().read("unix:admin.sock", tmp_path).path == f"{tmp_path}/admin.sock"
    assert OneBind().show(Bind("tcp", host="::1", port=9100)) == "[::1]:9100"
    assert OneBind().show(None) == "none"


def test_one_address_is_not_several():
    assert refusal(OneBind(), "a:1,b:2").hint == "name one"
    assert refusal(OneBind(), "9100").cause == "a port alone does not say who may connect"


def test_a_request_target_is_a_path_with_or_without_a_query_or_none():
    kind = RequestTarget()
    assert kind.read("/healthz?deep=1", None) == "/healthz?deep=1"
    assert kind.read("none", None) is None
    assert (kind.show(None), kind.show("/")) == ("none", "/")


@pytest.mark.parametrize("raw", ["healthz", "http://a/", "/a b", "/a#b", "/caf\xe9"])
def test_what_no_request_has_as_its_target_is_refused(raw):
    assert refusal(RequestTarget(), raw).cause == "it is not the path of a request"
