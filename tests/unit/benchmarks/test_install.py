from benchmarks.install import reason_of

BUILD_FAILED = """\
error: subprocess-exited-with-error
  × Building wheel for bjoern did not run successfully.
      bjoern/server.c:1:10: fatal error: ev.h: No such file or directory
"""


def test_the_reason_is_the_compilers_own_line_if_there_is_one() -> None:
    assert reason_of(BUILD_FAILED).endswith("fatal error: ev.h: No such file or directory")


def test_otherwise_the_reason_is_the_first_error() -> None:
    assert reason_of("WARNING: slow\nERROR: No matching distribution\n") == (
        "ERROR: No matching distribution"
    )


def test_there_is_always_some_reason() -> None:
    assert reason_of("") == "pip failed"
