import pytest

from benchmarks.loads.wrk_load import check_size
from benchmarks.measure.wrk import WrkResult
from benchmarks.samples import Disqualified


def result(received_bytes: int) -> WrkResult:
    return WrkResult(requests=1000, seconds=1.0, received_bytes=received_bytes, latency_ms={})


@pytest.mark.parametrize("received", [100_000, 106_400])
def test_answers_of_the_right_size_pass_with_those_under_way(received: int) -> None:
    check_size(result(received), size=100, connections=64)


@pytest.mark.parametrize("received", [97_000, 110_000])
def test_answers_of_another_size_disqualify(received: int) -> None:
    with pytest.raises(Disqualified, match="100 expected"):
        check_size(result(received), size=100, connections=64)
