"""The sample of a dry run: small, spread over the batch, and its pace carried over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.batches.forecast import forecast
from shared.batches.sample import MOST_CORE_SECONDS, SHARE, choose_sample, find_pace
from shared.outcomes import Reason
from shared.sandbox import Refusal, Report
from shared.workflows import Product
from tests.shared.batches.place import Place


@given(st.lists(st.floats(0.01, 1000), min_size=1, max_size=200))
def test_a_sample_is_small_and_never_empty(seconds: list[float]) -> None:
    """No document twice, and within its room but for the first."""
    sample = choose_sample(list(enumerate(seconds)))
    assert 1 <= len({number for number, _ in sample}) == len(sample)
    room = min(SHARE * sum(seconds), MOST_CORE_SECONDS)
    assert sum(cost for _, cost in sample[1:]) <= max(0.0, room - sample[0][1]) + 1e-6


def test_a_sample_is_spread_over_the_costs() -> None:
    """The median first, then cheap and dear ones."""
    sample = [seconds for _, seconds in choose_sample([(n, 1 + n / 100) for n in range(16)])]
    assert sample[0] == pytest.approx(1.08)
    assert min(sample) < 1.05
    assert max(sample) > 1.11


def test_nothing_to_work_on_has_no_sample() -> None:
    """And the expectation stands as it is."""
    assert choose_sample([]) == []
    assert find_pace([]) == 1.0


def test_the_pace_is_measured_over_expected() -> None:
    """Twice as slow here doubles the forecast; what crashed or was refused says nothing."""
    product = Product({}, {})
    worked = [
        (Report(product, 4.0, 1.0, 0), 2.0),
        (Report(product, 2.0, 1.0, 0), 1.0),
        (Report(Refusal(Reason.DAMAGED, ""), 9.0, 1.0, 0), 1.0),
        (None, 1.0),
    ]
    assert find_pace(worked) == pytest.approx(2.0)


def test_a_dry_run_publishes_nothing(place: Place) -> None:
    """Not even what its sample was worked on for."""
    place.fill({"a.pdf": "one", "b.pdf": "two", "bad.pdf": "bad", "copy.pdf": "one"})
    told = forecast(place.request(), place.settings)
    assert (told.inputs, told.duplicate, told.documents, told.sampled) == (4, 1, 2, 1)
    assert told.refused == {"damaged": 1}
    assert not place.destination.exists()
