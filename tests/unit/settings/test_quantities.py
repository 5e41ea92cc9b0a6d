from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uncork.settings import BadValueError
from uncork.settings.quantities import (
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("0", 0),
        ("2.5", 2.5),
        ("30s", 30),
        ("30 s", 30),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("0.1s", 0.1),
        ("1m30s", 90),
        ("1m 30s", 90),
        ("1d2h3m4s5ms", 93784.005),
        ("90m", 5400),
    ],
)
def test_a_duration_is_read_as_people_write_it(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "not a duration"),
        ("s", "not a duration"),
        ("-1", "not a duration"),
        ("1e3", "not a duration"),
        ("inf", "not a duration"),
        ("nan", "not a duration"),
        ("1,5s", "not a duration"),
        ("30S", "`S` is not a unit"),
        ("30sec", "`sec` is not a unit"),
        ("1M", "`M` is not a unit"),
        ("500µs", "`µs` is not a unit"),
        ("30s1m", "out of order"),
        ("1s1s", "repeated"),
        ("1.5m30s", "fraction"),
        ("1m30", "not a duration"),
        ("30s\n", "not a duration"),
        ("30\n", "not a duration"),
        ("٣٠s", "not a duration"),
        ("9" * 5000, "not a duration"),
    ],
)
def test_a_duration_that_is_not_clear_is_refused(text, cause):
    with pytest.raises(BadValueError) as caught:
        parse_duration(text)
    assert cause in caught.value.cause
    assert "`1m30s`" in caught.value.hint


@given(st.integers(min_value=0, max_value=10**9))
def test_a_formatted_duration_is_read_back(milliseconds):
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.001, "1ms"),
        (0.25, "250ms"),
        (30.0, "30s"),
        (75.0, "1m15s"),
        (86400.0, "1d"),
        (1.5, "1.5s"),
        (0.00025, "0.00025s"),
    ],
)
def test_a_duration_is_written_in_the_units_a_person_would_use(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("65536", 65536),
        ("512B", 512),
        ("16MiB", 16 * 1024**2),
        ("16 MiB", 16 * 1024**2),
        ("1.5KiB", 1536),
        ("1GiB", 1024**3),
        ("1TiB", 1024**4),
        ("64kB", 64_000),
        ("10MB", 10_000_000),
        ("2GB", 2 * 10**9),
    ],
)
def test_a_size_is_read_as_people_write_it(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["16M", "16m", "16Mb", "16mib", "16mb", "16MIB", "16Mi"])
def test_a_unit_with_two_readings_is_refused_with_both(text):
    with pytest.raises(BadValueError) as caught:
        parse_size(text)
    assert caught.value.hint == ("write `16MiB` (16,777,216 bytes) or `16MB` (16,000,000 bytes)")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "not a size"),
        ("MiB", "not a size"),
        ("-1", "not a size"),
        ("1.5", "not a size"),
        ("1,000", "not a size"),
        ("1MiB1KiB", "not a size"),
        ("0.5B", "whole number of bytes"),
        ("1.0001KiB", "whole number of bytes"),
        ("5 apples", "`apples` is not a unit"),
        ("5b", "`b` is not a unit"),
        ("9" * 5000, "not a size"),
    ],
)
def test_a_size_that_is_not_clear_is_refused(text, cause):
    with pytest.raises(BadValueError) as caught:
        parse_size(text)
    assert cause in caught.value.cause


@given(st.integers(min_value=0, max_value=2**59))
def test_a_formatted_size_is_read_back(size):
    assert parse_size(format_size(size)) == size


@given(st.text(max_size=20))
def test_any_other_text_is_refused_and_nothing_else_happens(text):
    for parse in (parse_duration, parse_size):
        with suppress(BadValueError):
            assert parse(text) >= 0
