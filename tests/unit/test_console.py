import io
import sys

from uncork import console


def test_a_character_that_the_stream_cannot_encode_is_escaped_and_not_lost(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console.out("f\xfcnf \udcff")
    assert raw.getvalue() == b"f\\xfcnf \\udcff\n"
