from pathlib import Path

from benchmarks.samples import Run, Sample


def test_a_run_reads_back_as_it_was_saved(tmp_path: Path) -> None:
    run = Run(
        conditions={"seconds": 4.0},
        versions={"uncork": "0.1.0"},
        missing={"bjoern": "did not build"},
        samples=[
            Sample("hello", "uncork", 0, {"cpu_us": 7.5}),
            Sample("hello", "granian", 0, failure="answered 500"),
        ],
    )

    run.save(tmp_path / "results" / "run.json")

    assert Run.read(tmp_path / "results" / "run.json") == run
