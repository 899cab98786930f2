"""Labels needed, robustness and clean data in a report: said in words, drawn, in tables, and left out where empty."""

import json
import re

import numpy as np
from pytest import approx
from references.invented_studies import invent_checks, invent_curves, invent_robustness, invent_studies, pipelines

from eyecraft.pipelines.studies import Studies
from eyecraft.reports import collect, render_html, render_markdown, write_report
from eyecraft.reports._studies import collect_studies
from eyecraft.reports._studies_charts import curve_chart, line_looks, small_charts
from eyecraft.reports._studies_robustness import collect_robustness

KINDS = {"hog": "hand-crafted", "net": "learned"}
SECTIONS = ("labels", "robustness", "clean")


def gathered(comparison, **options):
    """Collect a comparison with the studies that it carries."""
    return collect(comparison, studies=comparison.studies, **options)


def told(comparison):
    """Collect what the studies tell, without the rest of a report."""
    return collect_studies(comparison, comparison.studies, "accuracy")


def words(html):
    """Return what a reader sees, on one line."""
    import html as entities

    text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.S)
    return " ".join(entities.unescape(text).replace("\N{NO-BREAK SPACE}", " ").split())


def test_without_studies_there_are_no_sections(one_split):
    """Neither headings nor pictures; uneven classes alone are said."""
    one_split.dataset["class_counts"] = dict.fromkeys(one_split.dataset["class_counts"], 30)
    collected = collect(one_split)
    assert collected["curves"] is collected["robustness"] is collected["clean"] is None
    page, text = render_html(collected), render_markdown(collected)
    assert not any(f'id="{name}"' in page for name in SECTIONS)
    assert "How many labels" not in text
    one_split.dataset["class_counts"] = {"a": 90, "b": 30}
    assert "The largest class, a, has 90 images, the smallest, b, 30: accuracy mostly" in words(
        render_html(collect(one_split))
    )


def test_curves_are_told(with_studies):
    """Who is best with few and with many labels, where they cross and how surely, and that more labels would help."""
    collected = gathered(with_studies, thumbnails=False)
    curves = collected["curves"]
    odd = with_studies.pipelines["name"][0]
    assert [line["name"] for line in curves["lines"]] == ["net", odd]
    assert curves["lead"] == (
        f"With 1 image per class {odd} is best (50.0 %), with 10 net (90.0 %). "
        "From 5 to 10 it still gains 20.0 points: more labels would help."
    )
    (crossing,) = curves["crossings"]
    assert crossing["leader"] == "net"
    assert 2 < crossing["size"] < 5
    assert "95 % interval" in crossing["sentence"]
    for text in (words(render_html(collected)), render_markdown(collected)):
        assert "net is ahead of" in text
        assert "From 5 to 10 it still gains 20.0 points" in text


def test_levelled_curves_and_single_ones():
    """One kind alone: the best is set against the others. One size: no chart, but a table. No gain: said."""
    flat = invent_curves({"hog": "hand-crafted", "lbp": "hand-crafted"}, sizes=(1, 2))
    flat.scores["value"] = 0.5
    collected = _collected(Studies(flat))
    assert "gains less than a point" in collected["lead"]
    assert "are level" in collected["crossings"][0]["sentence"]
    single = _collected(Studies(invent_curves(KINDS, sizes=(1,), n_splits=1)))
    assert single["lead"] == "With 1 image per class hog is best (49.0 %)."
    assert curve_chart(single, 760, 400, {}) is None
    nothing = invent_curves(KINDS)
    assert _collected(Studies(type(nothing)(**{**vars(nothing), "scores": nothing.scores.iloc[:0]}))) is None


def _collected(studies):
    from eyecraft.reports._studies_curves import collect_curves

    return collect_curves(studies.learning_curves, "accuracy")


def test_robustness_is_told(with_studies):
    """The best in bold, what hurts most, how many images, every perturbation with its levels."""
    collected = gathered(with_studies, thumbnails=False)
    robust = collected["robustness"]
    odd = with_studies.pipelines["name"][0]
    assert robust["best"]["mean"] == robust["best"]["score"] == [odd]
    start = "scores 87.5 % on average over all of these, 97 % of what it has above guessing on untouched images"
    assert robust["lead"].startswith(f"{odd} {start}, clearly ahead of the others; lowest net, 85.0 %.")
    assert [row["score"] for row in robust["areas"]] == approx([0.875, 0.85])
    assert robust["charts"][0]["lines"][0]["errors"] == [0.01] * 6
    assert "on 30 training images of the first split, and asked about 50 of the 80 test images" in robust["how"]
    assert [chart["title"] for chart in robust["charts"]][-2:] == ["JPEG", "Occlusion"]
    assert robust["charts"][7]["levels"] == ["100", "80", "50", "25", "10", "5"]
    assert "| **97.2 %** |" in render_markdown(collected)
    assert f"{odd}, the best on untouched images, loses most under" in words(render_html(collected))
    assert robust["lead"].endswith(": 90.0 % untouched, 85.0 % at the strongest level.")


def test_bands_of_standard_errors(with_studies):
    """In both sizes of every chart around every named curve, and said below; the table says how it is sorted."""
    collected = gathered(with_studies, thumbnails=False)
    page = render_html(collected)
    part = page[page.index('<section id="robustness"') :].split("</section>")[0]
    assert part.count('class="range ') == 2 * 2 * len(collected["robustness"]["charts"])
    assert "Bands: one standard error" in part
    assert 'aria-sort="descending">Under all' in part


def test_a_pipeline_without_all_levels_has_no_area(comparison):
    """It is listed with its error; one perturbation alone makes no claim about what hurts most."""
    robust = invent_robustness(KINDS, ("blur",))
    frame = robust.scores[~((robust.scores["pipeline"] == "net") & (robust.scores["step"] == 5))]
    shown = pipelines(KINDS)[["name", "kind", "error"]].assign(error=[None, "MemoryError: <all> of it"])
    comparison.studies = Studies(robustness=type(robust)(**{**vars(robust), "scores": frame, "pipelines": shown}))
    collected = gathered(comparison)
    assert collected["robustness"]["lead"] == (
        "hog scores 87.5 % on average under blur, 97 % of what it has above guessing on untouched images."
    )
    assert collected["robustness"]["failed"] == [{"name": "net", "error": "MemoryError: <all> of it"}]
    page = render_html(collected)
    assert "net</strong> failed: MemoryError: &lt;all&gt; of it" in page


def test_copies_and_doubtful_labels_are_shown(with_studies):
    """A caution on top, pairs side by side, counts per split, what it changes, suggested labels with who agrees."""
    clean = told(with_studies)["clean"]
    assert clean["warning"].startswith("2 of 10 test images have a near duplicate among the training images. Leaving")
    copies = clean["copies"]
    assert [(pair["first"], pair["second"], pair["n_apart"]) for pair in copies["pairs"]] == [(1, 101, 1), (0, 100, 1)]
    assert [(one["n_test"], one["n_leaked"], one["n_other_class"]) for one in copies["splits"]] == [
        (5, 2, 1),
        (5, 0, 0),
    ]
    assert [(one["index"], one["suggested"], len(one["agree"])) for one in clean["suspects"]] == [
        (0, "dog & co", 2),
        (1, "dog & co", 2),
    ]
    collected = gathered(with_studies)
    assert {"0", "1", "100", "101"} <= set(collected["thumbnails"])
    page = render_html(collected)
    assert '<aside class="caution"' in page
    assert "one label at most is right" in words(page)
    assert "2 of 2 pipelines agree" in words(page)
    text = render_markdown(collected)
    assert "| 1 | 5 | 2 | 40.0 % | 1 |" in text
    assert "dog \\& co" in text


def test_labels_doubted_by_one_pipeline(with_studies):
    """Its probabilities are shown as such, also where the other pipelines agree with the label."""
    with_studies.studies.settings["judge"] = "n<e>t"
    with_studies.predictions["predicted"] = with_studies.predictions["label"]
    collected = gathered(with_studies, thumbnails=False)
    assert [(one["index"], one["agree"], one["n_asked"]) for one in collected["clean"]["suspects"]] == [
        (0, [], 2),
        (1, [], 2),
    ]
    page = render_html(collected)
    assert "n&lt;e&gt;t, fitted without them, is confident of another class" in page
    assert "100 % probable 0 of 2 pipelines agree" in words(page)
    assert "fitted without them, is confident" in render_markdown(collected)


def test_clean_data_is_said_to_be_clean(comparison):
    """No pair, no doubt, no caution; the section says what was looked for."""
    comparison.studies = Studies(
        checks=invent_checks(comparison.splits, ("a", "b"), pairs=()),
        settings={"min_correlation": 0.9, "max_distance": 3},
    )
    comparison.studies.checks.__dict__["unreadable"] = ()
    collected = gathered(comparison, thumbnails=False)
    clean = collected["clean"]
    assert clean["lead"] == "Every image was looked at once: no near duplicates, no broken file."
    assert clean["warning"] is None
    page = render_html(collected)
    assert '<aside class="caution"' not in page
    assert "at most 3 of 64 bits and their thumbnails correlate by 0.9 or more" in words(page)
    assert "Near duplicates" not in words(page)


def test_everything_is_plain(with_studies):
    """What the studies tell goes through JSON unchanged."""
    found = told(with_studies)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_names_are_escaped(with_studies):
    """Odd names of pipelines, classes and files stay text, in both formats."""
    collected = gathered(with_studies, thumbnails=False)
    page = render_html(collected)
    assert "<b>cat</b>" not in page
    assert "bad <b>|file.jpg" not in page
    assert "bad &lt;b&gt;|file.jpg" in page
    assert 'hog <b>&"é"' not in page
    assert "bad \\<b\\>\\|file.jpg" in render_markdown(collected)


def test_charts_are_the_numbers(with_studies):
    """Points lie on their paths inside the box, names apart; the same pipeline looks the same in both charts."""
    collected = gathered(with_studies)
    looks = line_looks(collected)
    for width in (760, 380):
        chart = curve_chart(collected["curves"], width, 400, looks)
        box = chart["box"]
        for line in chart["lines"]:
            assert all(box["left"] <= x <= box["right"] and box["top"] <= y <= box["bottom"] for x, y in line["places"])
            assert line["path"].startswith(f"M{line['places'][0][0]:g} {line['places'][0][1]:g}L")
        heights = sorted(line["label_y"] for line in chart["lines"] if line["strong"])
        assert (np.diff(heights) >= 15).all()
        (ring,) = chart["rings"]
        assert ring["left"] <= ring["x"] <= ring["right"]
    small = small_charts(collected["robustness"], 280, 190, looks)
    assert len(small["charts"]) == 9
    assert [line["look"] for line in small["legend"]] == [looks[line["name"]]["look"] for line in small["legend"]]
    assert small["charts"][0]["lines"][0]["places"][0][1] < small["charts"][0]["lines"][0]["places"][-1][1]


def test_many_curves_are_thinned():
    """The best four of a kind stand out; sentences are about those alone; all are in the tables."""
    kinds = {f"p{k}": "learned" if k % 3 == 0 else "hand-crafted" for k in range(20)}
    curves = _collected(Studies(invent_curves(kinds)))
    robust = collect_robustness(invent_robustness(kinds, ("noise",)), "accuracy")
    collected = {
        "rows": [{"name": name, "kind": kinds[name]} for name in kinds],
        "curves": curves,
        "robustness": robust,
    }
    looks = line_looks(collected)
    assert [name for name, look in looks.items() if look["strong"]] == ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p9"]
    assert small_charts(robust, 280, 190, looks)["n_thin"] == 12
    assert (curves["n_shown"], len(curves["crossings"])) == (4, 16)
    assert len(curve_chart(curves, 760, 400, looks)["lines"]) == len(robust["areas"]) == 20


def test_write_report_finds_the_studies(comparison, tmp_path):
    """Those in the folder are shown unless others are given."""
    kinds = dict(zip(comparison.pipelines["name"], comparison.pipelines["kind"], strict=True))
    studies = invent_studies(kinds, comparison.splits, ("a", "b"))
    studies.learning_curves.dataset["fingerprint"] = comparison.dataset["fingerprint"]
    studies.robustness.protocol["fingerprint"] = comparison.dataset["fingerprint"]
    studies.save(tmp_path, comparison)
    found = write_report(comparison, tmp_path)["html"].read_text("utf-8")
    assert all(f'id="{name}"' in found for name in SECTIONS)
    given = write_report(comparison, tmp_path, studies=Studies())["html"].read_text("utf-8")
    assert 'id="labels"' not in given
