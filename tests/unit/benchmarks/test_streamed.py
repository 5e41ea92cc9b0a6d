from benchmarks.loads.streamed import body_bytes

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_neither_head_nor_framing_count_for_a_streamed_body() -> None:
    assert body_bytes(HEAD + b"3\r\nyyy\r\n") == 3


def test_a_head_alone_has_no_body() -> None:
    assert body_bytes(HEAD[:-2]) == body_bytes(HEAD) == 0
