"""Progress: silent for quick work and where nobody watches; one display for work inside work."""

import pytest

from eyecraft.data import _progress
from eyecraft.data._progress import progress, say


def test_quick_work_is_silent(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is shown in the first two seconds."""
    monkeypatch.setenv("EYECRAFT_PROGRESS", "1")
    with progress("quick", 3) as advance:
        advance()
    assert capsys.readouterr() == ("", "")


def test_long_work_is_shown_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label, note and count appear; inner work joins the display and leaves it."""
    monkeypatch.setenv("EYECRAFT_PROGRESS", "1")
    monkeypatch.setattr(_progress, "_DELAY", 0.0)
    with progress("outer", 2) as outer:
        outer(note="first of outer")
        display = _progress._display
        assert display is not None
        with progress("inner", 5) as inner:
            inner(2)
            assert _progress._display is display
            assert [task.description for task in display.tasks] == ["first of outer", "inner"]
            assert [task.completed for task in display.tasks] == [1, 2]
        assert len(display.tasks) == 1
    assert _progress._display is None
    assert capsys.readouterr().out == ""


def test_zero_silences(monkeypatch: pytest.MonkeyPatch) -> None:
    """`EYECRAFT_PROGRESS=0` shows nothing however long it takes."""
    monkeypatch.setenv("EYECRAFT_PROGRESS", "0")
    monkeypatch.setattr(_progress, "_DELAY", 0.0)
    with progress("silent", 2) as advance:
        advance()
        assert _progress._display is None


def test_an_error_closes_the_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception inside leaves the terminal as it was."""
    monkeypatch.setenv("EYECRAFT_PROGRESS", "1")
    monkeypatch.setattr(_progress, "_DELAY", 0.0)
    with pytest.raises(KeyboardInterrupt), progress("broken", 2) as advance:
        advance()
        raise KeyboardInterrupt
    assert _progress._display is None


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`EYECRAFT_PROGRESS=lines` says what begins, and now and then how far long work is; no bar is drawn."""
    say("silent")
    monkeypatch.setenv("EYECRAFT_PROGRESS", "lines")
    monkeypatch.setattr(_progress, "_DELAY", 0.0)
    say("hog-svm [1 of 2]")
    with progress("images", 2000) as advance:
        advance(500)
        monkeypatch.setattr(_progress, "_PAUSE", 0.0)
        advance(500)
        assert _progress._display is None
    assert capsys.readouterr() == ("", "hog-svm [1 of 2]\nimages: 1,000 of 2,000\n")


def test_labels_are_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline called `[/b]` does not end the display."""
    monkeypatch.setenv("EYECRAFT_PROGRESS", "1")
    monkeypatch.setattr(_progress, "_DELAY", 0.0)
    with progress("[/b]", 2) as advance:
        advance()
