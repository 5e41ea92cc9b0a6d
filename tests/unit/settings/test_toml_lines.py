import pytest

from uncork.settings.toml_lines import line_of_key

PROJECT = """\
[project]
threads = 1
description = '''
[tool.uncork]
threads = 2
'''

[tool.other]
threads = 3

[tool.uncork]   # ours
note = \"\"\"
threads = 4
\"\"\"
  threads = 5
"quoted key" = 1
'single' = 2
bind = [
  "a:1",
]
[tool.uncork.tls]
cert = 1
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [("threads", 15), ("note", 12), ("quoted key", 16), ("single", 17), ("bind", 18), ("tls", 21)],
)
def test_a_key_is_found_in_its_own_table_and_not_inside_a_text(key, line):
    assert line_of_key(PROJECT, ("tool", "uncork"), key) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("tool.uncork.threads = 1", 1),
        ("[tool]\nuncork.threads = 1", 2),
        ("[ tool . uncork ]\nthreads = 1", 2),
        ('["tool"."uncork"]\nthreads = 1', 2),
        ("[tool.uncork.threads]", 1),
        ("[[tool.uncork.threads]]", 1),
        ("[tool.uncork]\nthreads.x = 1", 2),
        ("[tool.uncork]\r\n\r\nthreads = 1\r\n", 3),
    ],
)
def test_a_key_is_found_in_every_common_way_to_write_it(text, line):
    assert line_of_key(text, ("tool", "uncork"), "threads") == line


@pytest.mark.parametrize(
    "text", ["tool = {uncork = {threads = 1}}", "[tool]\nuncork = { threads = 1 }"]
)
def test_a_key_in_an_inline_table_has_no_line(text):
    assert line_of_key(text, ("tool", "uncork"), "threads") is None


def test_a_key_at_the_top_is_found_without_a_table():
    assert line_of_key("a = 1\nthreads = 2", (), "threads") == 2
