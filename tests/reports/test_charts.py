"""Where the marks of the page's charts go."""

import pytest

from eyecraft.reports import collect
from eyecraft.reports._charts import class_gaps, cost_chart, log_ticks, matrix_view, nice_ticks, score_strips
from eyecraft.reports._format import bytes_text, difference_text, names_text, score_text, seconds_text, spread_text


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.43, 0.97), (0.981, 0.993), (-3.2, 8.0), (5.0, 5.0)])
def test_ticks_enclose_the_values(low, high):
    """Round numbers that begin at or below the least and end at or above the greatest."""
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low <= high <= ticks[-1]
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 9


def test_log_ticks():
    """1, 2, 5 over a short range, powers of ten over a long one."""
    assert log_ticks(0.9e-3, 6e-3) == pytest.approx([1e-3, 2e-3, 5e-3])
    assert log_ticks(1e-5, 1.0) == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])


def test_strips_are_linear(comparison):
    """80 and 50 % lie where the axis says; no mark leaves the track."""
    strips = score_strips(collect(comparison, thumbnails=False)["rows"], "accuracy")
    first, second = strips["tracks"]
    ticks = {tick["text"]: tick["left"] for tick in strips["ticks"]}
    assert first["mean"] == pytest.approx(ticks["80 %"], abs=0.01)
    assert second["dots"][0] == pytest.approx(ticks["40 %"], abs=0.01)
    assert second["sd_left"] >= 0
    assert second["sd_left"] + second["sd_width"] <= 100


def test_cost_chart_is_logarithmic_and_inside_the_box(comparison):
    """Left is cheaper, up is better, and labels stay inside."""
    chart = cost_chart(collect(comparison, thumbnails=False)["rows"], "accuracy", 760, 430)
    hog, net = chart["points"]
    assert net["x"] < hog["x"]
    assert net["y"] > hog["y"]
    for point in chart["points"]:
        assert chart["box"]["left"] < point["x"] < chart["box"]["right"]
        assert chart["box"]["top"] <= point["label_y"] <= chart["box"]["bottom"]
    assert chart["front"].startswith(f"M{net['x']} {net['y']} H{hog['x']} V{hog['y']}")


def test_labels_of_close_pipelines_do_not_overlap(many_classes):
    """Six names, six free places."""
    chart = cost_chart(collect(many_classes, thumbnails=False)["rows"], "accuracy", 760, 430)
    places = [(point["label_x"], point["label_y"]) for point in chart["points"]]
    assert len(set(places)) == 6


def test_gaps_go_both_ways(comparison):
    """Largest lead of the first pipeline first; equal classes are left out."""
    per_class = collect(comparison, thumbnails=False)["per_class"]
    gaps = class_gaps(per_class, *per_class["scores"])
    assert [gap["name"] for gap in gaps["gaps"]] == ["émeu|bird", "<b>cat</b>"]
    assert gaps["gaps"][0]["gap"] == pytest.approx(1.0)
    same = next(iter(per_class["scores"]))
    assert class_gaps(per_class, same, same) is None


def test_large_matrix_names_only_its_fullest_cells():
    """Mistakes before right answers, most first, and no more than asked for."""
    counts = [[5 if row == col else (row + col) % 3 for col in range(40)] for row in range(40)]
    view = matrix_view(counts, [f"c{k}" for k in range(40)], most_titles=50)
    assert not view["lettered"]
    assert len(view["cells"]) == 50
    assert {cell["count"] for cell in view["cells"]} == {2}


def test_numbers_as_text():
    """Unknown, tiny, large."""
    assert score_text(float("nan")) == "–"
    assert score_text(0.5, "neg_log_loss") == "0.5"
    assert spread_text(None) == ""
    assert seconds_text(None) == "–"
    assert seconds_text(0.00999) == "10 ms"
    assert bytes_text(512) == "512 B"
    assert difference_text(0.5, "neg_log_loss") == "0.5"
    assert names_text(["a", "b", "c"], 2) == "a, b and 1 more"
