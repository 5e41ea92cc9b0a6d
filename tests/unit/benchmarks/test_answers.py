import pytest

from benchmarks.measure.answers import check, parse_answer
from benchmarks.samples import Disqualified

FIXED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
)
UNTIL_CLOSE = b"HTTP/1.0 200 OK\r\n\r\nhello"


@pytest.mark.parametrize("data", [FIXED, CHUNKED])
def test_an_answer_is_whole_only_with_its_last_byte(data: bytes) -> None:
    beginnings = [parse_answer(data[:length], is_at_end=False) for length in range(len(data))]
    answer = parse_answer(data, is_at_end=False)

    assert beginnings == [None] * len(data)
    assert answer is not None
    assert (answer.status, answer.body, answer.wire_bytes) == (200, b"hello", len(data))


def test_an_answer_without_framing_ends_with_the_connection() -> None:
    assert parse_answer(UNTIL_CLOSE, is_at_end=False) is None
    answer = parse_answer(UNTIL_CLOSE, is_at_end=True)

    assert answer is not None
    assert answer.body == b"hello"


@pytest.mark.parametrize("data", [FIXED[:-1], CHUNKED[:-1], FIXED[:10], b""])
def test_an_answer_that_ends_early_disqualifies(data: bytes) -> None:
    with pytest.raises(Disqualified, match="ended"):
        parse_answer(data, is_at_end=True)


def test_bytes_after_the_answer_disqualify() -> None:
    with pytest.raises(Disqualified, match="1 bytes follow"):
        parse_answer(FIXED + b"!", is_at_end=False)


@pytest.mark.parametrize(
    ("head", "is_kept"),
    [
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close", False),
        (b"HTTP/1.0 200 OK", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive", True),
    ],
)
def test_keep_alive_follows_the_version_and_the_header(head: bytes, is_kept: bool) -> None:
    answer = parse_answer(head + b"\r\nContent-Length: 0\r\n\r\n", is_at_end=False)

    assert answer is not None
    assert answer.is_kept is is_kept


def test_another_status_disqualifies() -> None:
    answer = parse_answer(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", is_at_end=False)
    assert answer is not None

    with pytest.raises(Disqualified, match="answered 503"):
        check(answer, b"")


def test_another_body_disqualifies() -> None:
    answer = parse_answer(FIXED, is_at_end=False)
    assert answer is not None

    with pytest.raises(Disqualified, match="a wrong body of 5 bytes"):
        check(answer, b"Hello")
