"""The table at the end of a command."""

import io

from rich.console import Console

from eyecraft.reports import score_table


def shown(table, width=150):
    """Return the table as a terminal prints it."""
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


def test_rows_best_first(comparison):
    """Scores, costs, and the error after the table; square brackets and markup stay as they are."""
    comparison.errors["error"] = comparison.pipelines["error"] = comparison.pipelines["error"].map(
        lambda error: error and f"{error} [bold]"
    )
    text = shown(score_table(comparison))
    assert text.index('hog <b>&"é" | x') < text.index("net") < text.index("broken")
    assert "80.0 % ± 0.0" in text
    assert "4.0 ms" in text
    assert "undecided −30.0" in text
    words = " ".join(text.split())
    assert "80.0 % accuracy, 30.0 points above the best learned pipeline, net." in words
    assert "How sure: 83 % likely to beat net" in words
    assert "broken failed: ValueError: the weights <file> | are damaged [bold]" in text


def test_one_split(one_split):
    """No ± without a second split."""
    text = shown(score_table(one_split))
    assert "one split, no sd" in text
    assert "±" not in text


def test_all_failed(all_failed):
    """Still a table."""
    assert "hog failed: ImageReadError: <a>.jpg" in shown(score_table(all_failed))
