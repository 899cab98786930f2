"""The first screen: which pipeline, how good, how sure, at what cost, what instead; honest where little is known."""

import numpy as np
import pytest

from eyecraft.pipelines._frames import tidy
from eyecraft.reports import collect, render_html

ODD = 'hog <b>&"é" | x'
MIB = 2**20
CLASSES = ["cat", "dog"]
N = 100


def answer_of(comparison):
    """Return the answer alone."""
    return collect(comparison, thumbnails=False)["answer"]


def points(answer):
    """Return the points by title, figure and text joined."""
    return {point["title"]: f"{point['figure']} {point['text']}" for point in answer["points"]}


@pytest.fixture
def make(make_comparison):
    """Return a function that invents a run from how many of 100 test images each pipeline has right on each split."""

    def build(right, kinds=None, seconds=None, n_train=5000):
        n_splits = len(next(iter(right.values())))
        labels = [["cat"] * (N // 2) + ["dog"] * (N // 2)] * n_splits
        answers = {
            name: [
                [
                    one if k % N < count else {"cat": "dog", "dog": "cat"}[one]
                    for k, one in enumerate(labels[0], 7 * split)
                ]
                for split, count in enumerate(counts)
            ]
            for name, counts in right.items()
        }
        made = make_comparison(
            answers,
            labels,
            kinds=dict.fromkeys(right, "hand-crafted") | (kinds or {}),
            seconds=dict.fromkeys(right, 0.01) | (seconds or {}),
            classes=CLASSES,
        )
        made.predictions["index"] += 1000 * made.predictions["split"]
        made.protocol["train_sizes"] = [n_train] * n_splits
        made.protocol["cv"] = f"PerClassSplit(n_train=2500, n_test=50, n_splits={n_splits}, random_state=0)"
        return made

    return build


def test_headline_and_points(comparison):
    """Winner, lead over the best of the other kind, and the four figures a choice rests on."""
    needs = {"answer_memory": 3 * MIB, "model_bytes": 50_000}
    comparison.resources = tidy("resources", [{"pipeline": ODD, **needs}, {"pipeline": "net", **needs}])
    answer = answer_of(comparison)
    assert answer["headline"] == f"Use {ODD}: 80.0 % accuracy, 30.0 points above the best learned pipeline, net."
    told = points(answer)
    assert list(told) == ["How good", "How sure", "What it costs", "If that is too much"]
    assert told["How good"] == (
        "80.0 % accuracy, mean of 2 splits (± 0.0). The runner-up, net, reaches 50.0 %; blind guessing, 33.3 %."
    )
    assert told["How sure"].startswith(
        "83 % likely to beat net by more than 1.0 point. Not yet beyond chance (p = 0.33)."
    )
    assert told["What it costs"] == (
        "4.0 ms per image, from file to answer, and 3.0 MiB of memory. The model takes 49 KiB."
    )
    assert told["If that is too much"] == "net 30.0 points lower, 50.0 %, at 1.0 ms, 4 times as fast, in 3.0 MiB."
    assert answer["warning"].startswith("2 splits are too few to tell 2 pipelines apart")
    assert "1 pipeline failed; see the failures below." in answer["sentences"]
    assert "the t-test corrected for the images that splits share" in answer["hedge"]
    assert (answer["winner"], answer["cheapest"], answer["best_learned"]) == (ODD, ODD, "net")


def test_beyond_chance(make):
    """All others ruled out: said with the largest p of all."""
    answer = answer_of(make({"a": [90, 91, 89, 90, 92], "b": [80, 80, 80, 81, 80], "c": [70, 71, 71, 70, 70]}))
    told = points(answer)["How sure"]
    assert told.startswith("Beyond chance Ahead of each of the 2 others (p < 0.001), of b by more than 1.0 point with")
    assert "a is better than each of the 2 others." in answer["sentences"]
    assert answer["warning"] == ""


def test_undecided_gives_every_number_and_the_way_out(make):
    """p alone and among all, the posterior, how many splits would settle it, who is ruled out."""
    close = {"b": [89, 87, 88, 88, 93], "d": [84, 91, 85, 90, 91]}
    answer = answer_of(make({"a": [90, 92, 90, 91, 93], **close, "c": [60, 61, 61, 60, 62]}))
    told = points(answer)["How sure"]
    assert "likely to beat b by more than 1.0 point. Not yet beyond chance (p = 0." in told
    assert " by itself, 0." in told
    assert "as one of 3)." in told
    assert "would settle it, should the lead last." in told
    assert answer["sentences"][0] == "Ruled out as the best: c. Not ruled out: b, d."


def test_an_open_lead_is_not_called_likely(make):
    """Less than three in four: open. Enough evidence from few splits: no warning about them."""
    answer = answer_of(make({"a": [90, 91, 90], "b": [90, 90, 90], "c": [89, 90, 90]}))
    assert points(answer)["How sure"].startswith("Open Ahead of b by more than 1.0 point with a probability of")
    assert answer["warning"]
    assert answer_of(make({"a": [90, 91, 90], "b": [50, 50, 50]}, n_train=50_000))["warning"] == ""


def test_a_lead_below_a_point_is_no_reason(make):
    """Beyond chance, but too small to matter: said so, and the cell of the table is one of its own."""
    made = make({"a": [90, 90, 90, 90, 90], "b": [89, 89, 89, 89, 90]}, n_train=500_000)
    scores = made.scores["pipeline"] == "b"
    made.scores.loc[scores, "value"] = np.repeat([0.894, 0.889, 0.8945, 0.889, 0.8905], 2)
    collected = collect(made, thumbnails=False)
    assert collected["verdicts"]["against"]["b"]["verdict"] == "barely worse"
    assert collected["verdicts"]["cells"]["a"]["b"]["verdict"] == "barely better"
    assert points(collected["answer"])["How sure"].startswith(
        "By a hair Ahead of the runner-up beyond chance, but of b"
    )
    page = render_html(collected)
    assert '<td class="v barely-better"' in page
    assert ">≲</b> barely worse<" in page


def test_a_tie(make):
    """Level to the last digit shown, or equivalent: neither is called the one to use."""
    answer = answer_of(make({"a": [90, 90, 90, 90, 90], "b": [90, 90, 90, 90, 90], "c": [50, 51, 50, 52, 50]}))
    assert answer["headline"] == "Use a or b: they tie at 90.0 % accuracy."


def test_equivalent(make):
    """Within a point for sure."""
    made = make({"a": [90, 90, 90, 90, 90], "b": [90, 90, 90, 90, 89]}, n_train=500_000)
    made.scores.loc[made.scores["pipeline"] == "b", "value"] = np.repeat([0.899, 0.898, 0.899, 0.897, 0.899], 2)
    assert points(answer_of(made))["How sure"].startswith("A tie b is as good in effect, within 1.0 point")


def test_one_random_split_is_not_judged(make):
    """No verdict from one draw, whatever its test images say; how many splits to ask for."""
    answer = answer_of(make({"a": [90], "b": [50]}))
    assert points(answer)["How sure"] == "Not known One split cannot tell a better pipeline from a luckier one."
    assert answer["warning"].endswith("Ask for 4 splits or more.")
    assert "one split only" in answer["hedge"]


def test_an_official_test_set_is(make):
    """McNemar stays where the test images are the same for everyone."""
    made = make({"a": [90], "b": [50]})
    made.protocol["cv"] = "official split of the data set"
    assert points(answer_of(made))["How sure"].startswith("Beyond chance")


def test_cheapest_within_one_point(make):
    """A pipeline 0.8 points behind at a quarter of the price is what to use where the best costs too much."""
    made = make({"a": [90, 91, 90], "b": [90, 90, 89]}, seconds={"a": 0.004, "b": 0.001})
    answer = answer_of(made)
    assert answer["cheapest"] == "b"
    assert points(answer)["If that is too much"].startswith("b 0.7 points lower, 89.7 %, at 1.0 ms, 4 times as fast.")


def test_cheap_for_nothing(make):
    """What hardly beats guessing is neither an alternative nor worth its price; the best of such a kind is not used."""
    made = make({"a": [90, 91, 90], "b": [52, 50, 51]}, seconds={"a": 0.004, "b": 0.001})
    collected = collect(made, thumbnails=False)
    assert points(collected["answer"])["If that is too much"].startswith("Nothing else")
    assert [row["on_front"] for row in collected["rows"]] == [True, True]
    assert [row["worth_it"] for row in collected["rows"]] == [True, False]
    assert "The others are cheap, but hardly better than guessing." in render_html(collected)
    poor = answer_of(make({"a": [51, 50, 51], "b": [50, 50, 51]}))
    assert poor["headline"].startswith("None of these is worth using. The best is a, and it is no better than blind")


def test_one_pipeline(make):
    """Nothing to compare with: no odd words about kinds, rivals or alternatives."""
    answer = answer_of(make({"a": [90, 91, 90]}))
    assert answer["headline"] == "a reached 90.3 % accuracy; there is no other finished pipeline to compare it with."
    assert list(points(answer)) == ["How good", "What it costs"]
    assert (answer["sentences"], answer["warning"]) == ([], "")


def test_stopped_before_anything_finished(all_failed):
    """A run that was stopped is no failure."""
    all_failed.pipelines["error"] = None
    all_failed.errors = all_failed.errors.iloc[:0]
    answer = answer_of(all_failed)
    assert answer["headline"] == "No pipeline finished: the run was stopped too early."
    assert "2 pipelines have not been run on any split yet" in answer["sentences"][0]


def test_many(many_pipelines):
    """Twenty pipelines: counted, not listed."""
    answer = answer_of(many_pipelines)
    assert answer["headline"].startswith("Use squeezenet: ")
    assert any(one.startswith("Ruled out as the best: ") for one in answer["sentences"]) or (
        "squeezenet is better than each of the 19 others." in answer["sentences"]
    )


def test_numbers_stay_with_their_units(comparison):
    """No line of the page breaks inside "95 % interval" or "1.0 point"."""
    page = render_html(collect(comparison, thumbnails=False))
    top = page[page.index('<p class="headline">') : page.index('<nav class="contents"')]
    assert "80.0\N{NO-BREAK SPACE}% accuracy" in top
    assert "(95\N{NO-BREAK SPACE}% interval" in page
