"""Several data sets on one page, as Markdown and in a terminal: the same numbers, honest words, everything escaped."""

import io
import re
from importlib import import_module

import numpy as np
import pytest

from eyecraft._diff_command import common
from eyecraft.pipelines.comparison_matrix import ComparisonMatrix, datasets_table
from eyecraft.reports._run_record import read_record

page = import_module("eyecraft.reports.matrix_page")
KINDS = {"hog": "hand-crafted", "net <b>": "learned", "pixels": "hand-crafted"}
SECONDS = {"hog": 0.004, "net <b>": 0.1, "pixels": 0.001}
VARYING = {"hog": (0, 1, 0, 1), "net <b>": (0, 1, 1, 0), "pixels": (1, 1, 0, 0)}  # answers more on each split


@pytest.fixture
def make_matrix(make_comparison):
    """Return a function that builds a matrix: for every data set, how many of 40 answers each pipeline has right."""

    def make(failed=(), steady=False, **right):
        comparisons = {}
        for name, counts in right.items():
            labels = [["cat"] * 20 + ["dog"] * 20 for _ in range(4)]
            answers = {
                pipeline: [
                    _answers(true, count + (0 if steady else VARYING[pipeline][split]), split)
                    for split, true in enumerate(labels)
                ]
                for pipeline, count in counts.items()
                if count is not None
            }
            broken = {pipeline: "ValueError: <no> colours" for pipeline, count in counts.items() if count is None}
            each = make_comparison(answers, labels, kinds=KINDS, seconds=SECONDS, failed=broken, name=name)
            each.dataset["fingerprint"] = name
            each.protocol["train_sizes"] = [4000] * 4
            comparisons[name] = each
        names = [*comparisons, *failed]
        errors = [None if name in comparisons else "FileNotFoundError: no <folder>" for name in names]
        rows = [{"name": n, "source": n, "folder": n, "error": error} for n, error in zip(names, errors, strict=True)]
        return ComparisonMatrix(datasets_table(rows), comparisons, "eyecraft compare a 'b <b>'")

    return make


def _answers(true, n_right, seed):
    """Answer so many rightly."""
    wrong = {"cat": "dog", "dog": "cat"}
    order = np.random.default_rng(seed).permutation(len(true))
    return [true[k] if order[k] < n_right else wrong[true[k]] for k in range(len(true))]


@pytest.fixture
def three(make_matrix):
    """Two pipelines that take turns and one far behind; it fails on the last; a fourth data set is lost."""
    return make_matrix(
        **{
            "pets": {"hog": 38, "net <b>": 30, "pixels": 21},
            "cars & <i>": {"hog": 25, "net <b>": 37, "pixels": 20},
            "a|b": {"hog": 39, "net <b>": 33, "pixels": None},
        },
        failed=["lost"],
    )


def test_answer_and_ranks(three):
    """Who wins where, by how much, what was left out, and that this proves little."""
    found = page.collect_matrix(three)
    answer = found["answer"]
    assert answer["headline"] == "Highest accuracy: hog on 2 of 3 data sets (pets, a|b); net <b> on cars & <i>."
    told = " ".join(answer["sentences"])
    assert "The winner is ahead of every other pipeline by more than chance on" in told
    assert "scores higher than the best hand-crafted one on 1 of 3 data sets" in told
    assert "hog has the best average rank, 1.33 among 2 pipelines, which proves nothing yet" in told
    assert "There are no results on lost." in told
    assert "hog takes 4.0 ms per image; pixels, 27.5 points lower on average, is 4 times as fast." in told
    assert "The ranks leave out pixels" in told
    assert answer["hedge"].startswith("It takes at least 6 data sets")
    assert [row["name"] for row in found["rows"]] == ["hog", "net <b>", "pixels"]
    assert found["rows"][2]["rank"] is None
    assert [(fault["what"], fault["where"]) for fault in found["faults"]] == [("lost", None), ("pixels", "a|b")]
    cells = found["rows"][0]["cells"]
    assert [cell["state"] for cell in cells] == ["whole", "whole", "whole", "none"]
    assert [cell["best"] for cell in cells] == [True, False, True, False]
    assert cells[1]["behind"] == pytest.approx(12 / 40)
    assert (cells[0]["shade"], cells[1]["shade"]) == (1.0, 0.0)
    assert cells[1]["verdict"] == "worse"


def test_page(three, tmp_path):
    """One file, everything from outside escaped, nothing to load, failures and links in their places."""
    paths = page.write_matrix_report(three, tmp_path)
    text = paths["html"].read_text("utf-8")
    assert not re.search(r"<b>\"|net <b>|<i>|<no>|<folder>", text)
    assert 'href="cars%20%26%20%3Ci%3E/report.html"' in text
    assert (tmp_path / "cars & <i>" / "report.html").exists(), "every link leads somewhere"
    assert text.count("★</span> highest") == 3
    assert text.count('<a href="#failures">failed</a>') == 1
    assert text.count(">no data</td>") == 3
    assert "<code>ValueError: &lt;no&gt; colours</code>" in text
    assert not re.search(r"(src|href)=.?(https?:)?//", text)
    assert text.count('class="lead"') == 2 * 2, "two ranked pipelines in the wide and in the narrow diagram"


def test_markdown(three):
    """The same table; pipes and tags escaped."""
    links = {"cars & <i>": "cars%20%26%20%3Ci%3E/report.html"}
    text = page.render_matrix_markdown(page.collect_matrix(three), links)
    assert r"| pixels | – | 53.8 % ± 1.4 (▽ −42.5) | 51.2 % ± 1.4 (▽ −42.5) | failed | – |" in text
    assert r"| hog | 1.33 | ★ **96.2 % ± 1.4** | 63.7 % ± 1.4 (▽ −30.0) | ★ **98.8 % ± 1.4** | – |" in text
    assert r"- pixels on a\|b: ValueError: \<no\> colours" in text
    assert r"[cars \& \<i\>](cars%20%26%20%3Ci%3E/report.html)" in text


@pytest.mark.parametrize(("width", "spread"), [(80, True), (60, False), (50, False)])
def test_terminal_fits(three, width, spread):
    """Standard deviations go first, then data sets at the end; no line is longer than the screen."""
    rich = import_module("rich.console")
    console = rich.Console(width=width, record=True, file=io.StringIO())
    console.print(page.matrix_table(three, width=width))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert ("± 1.4" in text) == spread
    assert ("more data set" in text) == (width == 50)
    assert "96.2 ★" in text or "96.2 ± 1.4 ★" in text


def test_no_difference_and_two_pipelines(make_matrix):
    """Level pipelines share the first place; nothing is called ahead."""
    level = {"hog": 30, "pixels": 30}
    found = page.collect_matrix(make_matrix(one=level, two=level, steady=True))
    assert found["answer"]["headline"] == (
        "hog has the highest accuracy on all 2 data sets; pixels shares the place on some."
    )
    assert "On none of them is the winner ahead" in found["answer"]["sentences"][0]
    assert "Over 2 data sets hog, pixels share the best average rank, 1.50 among 2" in " ".join(
        found["answer"]["sentences"]
    )
    assert found["ranking"]["groups"] == [["hog", "pixels"]]
    assert found["ranking"]["tested"] == "Wilcoxon p = 1.00"
    assert "net" not in page.render_matrix_html(found)


def test_ranks_that_differ(make_matrix):
    """Six data sets in the same order: said with the test, and the diagram has no bar over all."""
    sets = {f"set {k}": {"hog": 36 - k % 2, "net <b>": 30, "pixels": 21} for k in range(6)}
    found = page.collect_matrix(make_matrix(**sets))
    told = " ".join(found["answer"]["sentences"])
    assert "the ranks differ by more than chance (Friedman p = 0.002): hog is ahead of pixels" in told
    assert "cannot be told apart from net <b>" in told
    assert found["ranking"]["groups"] == [["hog", "net <b>"], ["net <b>", "pixels"]]
    assert "at least 1.35 apart" in page.render_matrix_html(found)
    assert page.heading(found) == "set 0, set 1, set 2, set 3, set 4 and set 5"


def test_nothing_to_rank(make_matrix):
    """One data set left, or none: said, and no diagram."""
    lone = page.collect_matrix(make_matrix(pets={"hog": 30, "pixels": 21}, failed=["lost"]))
    assert lone["answer"]["headline"] == "hog has the highest accuracy on pets, the only data set with scores."
    assert "ranks need at least 2 data sets; got 1" in page.render_matrix_html(lone)
    none = page.collect_matrix(make_matrix(failed=["lost", "gone"]))
    assert none["answer"]["headline"] == "No pipeline has a score on any data set."
    assert "No data set could be compared" in page.render_matrix_html(none)
    assert "# lost, gone" in page.render_matrix_markdown(none)


def test_diagram_geometry():
    """Better is further left, names nest so that no leads cross, overlapping bars lie on levels of their own."""
    diagram = import_module("eyecraft.reports._rank_diagram")
    average = {"a": 1.0, "b": 2.0, "c": 2.0, "d": 4.0}
    found = diagram.arrange(average, [("a", "b", "c"), ("b", "c", "d")])
    assert [label["side"] for label in found["labels"]] == ["left", "left", "right", "right"]
    assert [label["level"] for label in found["labels"]] == [0, 1, 1, 0]
    assert [bar["level"] for bar in found["bars"]] == [0, 1]
    ranking = {"average": average, "groups": [("a", "b", "c"), ("b", "c", "d")], "critical_difference": 1.5}
    wide = diagram.lay_out_diagram(ranking, dict.fromkeys(average, "learned"))
    places = [mark["x"] for mark in wide["marks"]]
    assert places == sorted(places)
    assert len(set(places)) == 4, "level pipelines stand side by side"
    assert wide["gap"]["x2"] - wide["gap"]["x1"] == pytest.approx(1.5 / 3 * (wide["right"] - wide["left"]), abs=0.1)
    rows = diagram.lay_out_rows(ranking, dict.fromkeys(average, "learned"))
    assert [mark["name"] for mark in rows["marks"]] == list("abcd")
    assert rows["bars"][0]["y1"] < rows["bars"][0]["y2"] < rows["bars"][1]["y2"]


def test_the_page_holds_the_record_of_all(three, tmp_path):
    """What `eyecraft rerun` and `eyecraft diff` read: the command, and a record for each data set with results."""
    collected = page.collect_matrix(three)
    (tmp_path / "index.html").write_text(page.render_matrix_html(collected), encoding="utf-8")
    record = read_record(tmp_path / "index.html")
    assert record == read_record(tmp_path) == collected["record"]
    assert record["protocol"]["command"] == "eyecraft compare a 'b <b>'"
    assert [name for name in record["names"] if record["datasets"][name]] == list(three.comparisons)
    pairs = common(record, record)
    assert [name for name, _, _ in pairs] == list(three.comparisons)
    with pytest.raises(ValueError, match="got one of each"):
        common(record, pairs[0][1])
