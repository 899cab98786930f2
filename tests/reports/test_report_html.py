"""The HTML page: well formed, self-contained, escaped, small."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from eyecraft.reports import collect, render_html, write_html

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(HTMLParser):
    """Reads a page and keeps what a test asks about; a tag closed out of turn is an error."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.words, self.ids = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Push the tag."""
        self.tags.append(tag)
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        self.ids += [value for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Push and pop at once, as in SVG."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        """Pop the tag, which must be the innermost."""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        """Keep the text."""
        self.words.append(data)

    @property
    def text(self):
        """All text on one line with plain spaces."""
        return " ".join(" ".join(self.words).replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.fixture(params=["comparison", "one_split", "all_failed", "many_classes", "with_words", "with_studies"])
def page(request):
    """Return the page of each invented comparison."""
    comparison = request.getfixturevalue(request.param)
    return Page(render_html(collect(comparison, studies=comparison.studies)))


def test_every_tag_is_closed(page):
    """The page is a tree."""
    assert page.open == []
    assert page.tags[0] == "html"
    assert page.tags.count("h1") == 1


def test_ids_are_unique_and_links_lead_to_them(page):
    """Every link inside the page has a place to go."""
    assert len(page.ids) == len(set(page.ids))
    inside = {value[1:] for tag, key, value in page.attributes if key == "href" and value.startswith("#")}
    assert inside <= set(page.ids)


def test_nothing_is_loaded(page):
    """Sources are data URIs; only citations link outside; there is no handler, style sheet, font or foreign script."""
    for tag, key, value in page.attributes:
        if key in ("src", "srcset", "xlink:href") or (key == "href" and tag != "a"):
            assert value.startswith("data:image/"), (tag, key, value[:40])
        assert not key.startswith("on"), (tag, key)
        assert "javascript:" not in value
        assert (tag, key) != ("script", "src")
    assert not {"link", "iframe", "object"} & set(page.tags)
    styles = "".join(page.words)
    assert "url(" not in styles
    assert "@import" not in styles


def test_only_the_one_script_may_run(comparison):
    """The policy allows nothing but the script whose digest it names; the other script element is data."""
    text = render_html(collect(comparison))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)[1]
    kind, script = re.findall(r"<script([^>]*)>(.*?)</script>", text, flags=re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert kind == ""
    assert policy.split("; ")[0] == "default-src 'none'"
    assert f"script-src 'sha256-{digest}';" in policy
    assert text.count("<script") == 2
    assert '<script type="application/json" id="eyecraft-run">' in text


def test_verdicts_are_words_and_symbols(comparison, many_pipelines):
    """Few pipelines: words in the cells. Many: symbols to see and words to hear."""
    text = Page(render_html(collect(comparison))).text
    assert "? undecided +30.0" in text
    assert "is undecided:" in text
    cells = re.findall(
        r'<td class="v (\w+)".*?<span aria-hidden="true">(.)</span><span class="hidden">(\w+)</span>',
        render_html(collect(many_pipelines, thumbnails=False)),
    )
    assert len(cells) == 20 * 19
    assert {(name, symbol) for name, symbol, _ in cells} <= {
        ("better", "▲"),
        ("worse", "▽"),
        ("equivalent", "="),
        ("undecided", "?"),
    }
    assert all(name == word for name, _, word in cells)
    assert sum(name == "better" for name, *_ in cells) == sum(name == "worse" for name, *_ in cells) > 0


def test_pictures_have_words_and_tables_have_captions(page):
    """Every image has an alternative text, every table a caption, every scroll box a name and the keyboard."""
    assert page.tags.count("img") == sum(
        tag == "img" and key == "alt" and value != "" for tag, key, value in page.attributes
    )
    assert page.tags.count("table") == page.tags.count("caption")
    regions = sum(key == "role" and value == "region" for _, key, value in page.attributes)
    assert regions == sum(key == "tabindex" and value == "0" for _, key, value in page.attributes)


def test_names_are_escaped(comparison):
    """Names with HTML in them stay words."""
    text = render_html(collect(comparison))
    assert "<b>cat" not in text
    assert "<i>set" not in text
    assert "<file>" not in text
    page = Page(text)
    for words in ("<b>cat</b>", 'hog <b>&"é" | x', "invented <i>set</i>", "the weights <file> | are damaged"):
        assert words in page.text


def test_page_tells_the_numbers(comparison):
    """Table, costs, error, protocol and command are there."""
    text = Page(render_html(collect(comparison))).text
    for words in (
        "80.0 % ± 0.0",
        "50.0 % ± 14.1",
        "4.0 ms",
        "324",
        "200 MiB",
        "The test set of split 2 has no image of émeu|bird",
        "PerClassSplit(n_train=5, n_test=5)",
        'eyecraft compare "pictures <x>" --splits 2',
        "Traceback (most recent call last)",
        "Nobody 2026",
        "invented CPU",
    ):
        assert words in text, words


def test_one_split_says_so(one_split):
    """There is no ± and the page says why."""
    text = Page(render_html(collect(one_split))).text
    assert "one split, so no spread" in text
    assert "±" not in text.replace("± (standard", "")


def test_all_failed_page_still_tells_why(all_failed):
    """Every error is shown, and every empty section says that it is empty."""
    text = Page(render_html(collect(all_failed))).text
    assert "No pipeline finished" in text
    assert "ImageReadError: <a>.jpg" in text
    assert "OSError: disk full" in text


def test_fragment_of_charts_matches_the_collected_numbers(comparison):
    """The widths of the bars are the means, the cells of the class table are the shares."""
    collected = collect(comparison)
    page = Page(render_html(collected))
    bars = [
        value for tag, key, value in page.attributes if tag == "span" and key == "style" and value.startswith("width:")
    ]
    assert bars[:2] == [f"width:{100 * row['mean']:.1f}%" for row in collected["rows"][:2]]
    cells = [value for tag, key, value in page.attributes if tag == "td" and key == "style"]
    shares = {f"--v:{100 * share:.0f}%" for scores in collected["per_class"]["scores"].values() for share in scores}
    assert set(cells) == shares


def test_large_report_is_small(many_classes, tmp_path):
    """Six pipelines on 102 classes, with every thumbnail: under 2 MB."""
    many_classes.side = 150
    path = write_html(many_classes, tmp_path / "report.html")
    assert path.stat().st_size < 2_000_000
    assert path.read_text("utf-8").count("<img") > 150


def test_twenty_pipelines_stay_below_five_megabytes(many_pipelines, tmp_path):
    """Twenty pipelines on 100 classes with every thumbnail; answers of many pipelines are grouped."""
    many_pipelines.side = 150
    studies = many_pipelines.studies
    text = write_html(many_pipelines, tmp_path / "report.html", studies=studies).read_text("utf-8")
    assert len(text.encode()) < 5_000_000
    assert "further pipeline" in text
    assert "thin and gray: 12 further pipelines" in text
    assert re.search(r'<li class="no" title="[^"]+"><span class="tick"', text)


def test_citation_becomes_a_link(comparison):
    """Only citations and sources may lead outside, with no referrer."""
    text = render_html(collect(comparison))
    links = re.findall(r'<a href="(https?://[^"]+)"([^>]*)>', text)
    assert links
    assert all("noreferrer" in rest for _, rest in links)


def test_a_metric_that_is_no_share(comparison):
    """A loss is a plain number without bars."""
    comparison.scores["metric"] = comparison.scores["metric"].replace("accuracy", "neg_log_loss")
    comparison.scores["value"] -= 2.0
    comparison.protocol["metrics"] = ["neg_log_loss", "balanced_accuracy"]
    text = Page(render_html(collect(comparison))).text
    assert "-1.2 ± " in text or "-1.2" in text
    assert "Cheapest within" not in text
