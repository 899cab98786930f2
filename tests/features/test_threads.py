"""Work shared among threads: order kept, exceptions handed on."""

import pytest

from eyecraft.features._threads import in_threads


@pytest.mark.parametrize("n_threads", [1, 3])
def test_results_come_in_order(n_threads):
    """Whatever the number of threads."""
    assert in_threads(divmod, [(i, 7) for i in range(50)], n_threads) == [divmod(i, 7) for i in range(50)]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_first_exception_is_raised(n_threads):
    """As a plain loop would."""
    with pytest.raises(ValueError, match="'b'"):
        in_threads(int, [("1",), ("b",), ("c",)], n_threads)
