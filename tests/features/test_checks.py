"""Errors about parameters: what was expected, what came, why."""

from typing import Any

import numpy as np
import pytest

from eyecraft.features._checks import check_choice, check_number, check_pair, check_whole


@pytest.mark.parametrize("value", [2, np.int64(2), 9])
def test_whole_numbers_pass(value: Any) -> None:
    """Python's and NumPy's integers are whole numbers."""
    check_whole("n_words", value, at_least=2, at_most=9)


@pytest.mark.parametrize("value", [1, 10, 2.0, True, "2", None])
def test_others_do_not(value: Any) -> None:
    """Out of range, floats, booleans and strings are refused with the range and the value."""
    with pytest.raises(ValueError, match=r"`n_words` must be a whole number of words >= 2 and <= 9; got .*\. Why\."):
        check_whole("n_words", value, at_least=2, at_most=9, unit="words", why="Why.")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0, -1, "x", True])
def test_numbers(value: Any) -> None:
    """A number must be real and finite and in range."""
    check_number("C", 0.5, above=0)
    with pytest.raises(ValueError, match="`C` must be a number > 0; got"):
        check_number("C", value, above=0)


def test_pairs() -> None:
    """One number stands for both; three, floats and zeros are refused."""
    assert check_pair("grid", 3) == (3, 3)
    assert check_pair("grid", (2, np.int32(5))) == (2, 5)
    for wrong in [(1, 2, 3), (0, 1), 1.5, "ab", None]:
        with pytest.raises(ValueError, match=r"`grid` must be a whole number or a pair \(rows, columns\)"):
            check_pair("grid", wrong)


def test_choices_name_the_nearest() -> None:
    """A misspelt choice is answered with the likely one."""
    check_choice("window", "flat", ("flat", "gaussian"))
    check_choice("window", None, ("flat", None))
    with pytest.raises(ValueError, match=r"one of 'flat', 'gaussian'; got 'gausian'; did you mean 'gaussian'\?"):
        check_choice("window", "gausian", ("flat", "gaussian"))
    with pytest.raises(ValueError, match="got array"):
        check_choice("window", np.zeros(2), ("flat",))
