"""The Markdown twin."""

import re

from eyecraft.reports import collect, render_markdown
from eyecraft.reports._markup import block, code, plain


def cells(line):
    """Split a table line at its pipes, not at the escaped ones."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def tables(text):
    """Return the tables of a page as lists of lines of cells."""
    found = re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE)
    return [[cells(line) for line in one.strip().splitlines()] for one in found]


def test_score_table(comparison):
    """Sorted, with mean, standard deviation, time and length; the failed one at the end."""
    head, _, first, second, third = tables(render_markdown(collect(comparison)))[0]
    assert head[:3] == ["#", "Pipeline", "accuracy"]
    assert first[0] == "1"
    assert first[2:] == ["80.0 % ± 0.0", "83.3 % ± 0.0", "–", "the best", "4.0 ms", "2.5 s", "324"]
    assert second[2] == "50.0 % ± 14.1"
    assert second[4:6] == ["0.0 to 100.0", "undecided, −30.0 (−100.0 to 100.0)"]
    assert third[:3] == ["–", "◆ broken (failed, 0 of 2 splits)", "–"]


def test_every_table_is_rectangular(comparison, one_split, many_classes):
    """Pipes in names do not make columns."""
    for one in (comparison, one_split, many_classes):
        for table in tables(render_markdown(collect(one, thumbnails=False))):
            assert len({len(line) for line in table}) == 1


def test_no_markup_from_outside(comparison):
    """Outside code, no bare angle bracket comes from a name."""
    text = render_markdown(collect(comparison, thumbnails=False))
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    tags = set(re.findall(r"(?<!\\)<[^>]*>", prose))
    assert tags <= {"<details>", "</details>", "<summary>", "</summary>"}


def test_same_sections_as_the_page(comparison):
    """The twin has the page's content in the page's order."""
    text = render_markdown(collect(comparison, thumbnails=False))
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == [
        "What was compared on what",
        "Scores",
        "Who beats whom",
        "Accuracy against cost",
        "Class by class",
        "What is taken for what",
        "Image by image",
        "Is the data clean?",
        "Failures",
        "Methods",
        "Protocol",
        "Environment, and how to run it again",
    ]
    assert 'eyecraft compare "pictures <x>" --splits 2' in text


def test_one_split_and_all_failed(one_split, all_failed):
    """Poor comparisons are still readable."""
    assert "one split, so no spread" in render_markdown(collect(one_split, thumbnails=False))
    text = render_markdown(collect(all_failed, thumbnails=False))
    assert "No pipeline finished: 2 of 2 pipelines failed." in text
    assert "OSError: disk full" in text


def test_pieces():
    """Backticks inside code and blocks, markup and line breaks inside words."""
    assert plain("a\n# `b` [c](d)") == r"a \# \`b\` \[c\](d)"
    assert code("a `b` c") == "``a `b` c``"
    assert code("`b`") == "`` `b` ``"
    assert block("```\nx\n```").startswith("````text\n")
