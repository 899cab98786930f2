"""The page in a real browser: fits a phone, a desk and paper, sorts, enlarges, asks for nothing, and is not blank."""

import re

import numpy as np
import pytest
from PIL import Image
from references.browser import BROWSER, WITHOUT, browse, use

from eyecraft.reports import collect, render_html

pytestmark = pytest.mark.skipif(BROWSER is None, reason=WITHOUT)

STEPS = """
  const table = document.querySelector("table.scores"), heads = [...table.tHead.rows[0].cells];
  const names = () => [...table.tBodies[0].rows].map((row) => row.querySelector("th").dataset.value);
  seen.first = names();
  seen.before = heads.filter((head) => head.hasAttribute("aria-sort")).map((head) => head.textContent);
  const time = heads.find((head) => head.textContent.startsWith("Time per image"));
  time.querySelector("button").click();
  seen.cheapest = names(); seen.up = time.getAttribute("aria-sort");
  time.querySelector("button").click();
  seen.dearest = names(); seen.down = time.getAttribute("aria-sort");
  const list = document.querySelector(".sorter select");
  seen.list = [getComputedStyle(list.parentNode).display, getComputedStyle(time.querySelector("button")).display];
  list.value = [...list.options].find((one) => one.text.startsWith("Time per image")).value;
  list.dispatchEvent(new Event("change"));
  seen.listed = names();
  heads[0].querySelector("button").click();
  seen.again = names();
  seen.sorted = heads.filter((head) => head.hasAttribute("aria-sort")).length;
  const picture = document.querySelector("img[tabindex]"), dialog = document.querySelector("dialog");
  picture.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  const large = dialog.querySelector("img");
  seen.open = [dialog.open, large.src === picture.src];
  seen.enlarged = large.getBoundingClientRect().width / picture.getAttribute("width");
  dialog.querySelector("button").click();
  seen.closed = !dialog.open;
  for (const one of document.querySelectorAll("details")) one.open = true;
  const look = (selector) => getComputedStyle(document.querySelector(selector));
  seen.ink = new Set(["body", ".pairwise li span", ".pairwise tbody td"].map((one) => look(one).color)).size;
  seen.weight = new Set(["body", ".pairwise li span", ".pairwise tbody td"].map((one) => look(one).fontWeight)).size;
  seen.aside = [look("nav.contents").position, document.querySelector("nav.contents").getBoundingClientRect().left];
  const right = document.querySelector(".matrix .right");
  right.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  seen.cell = document.querySelector(".cellname").textContent;
  const rows = [...document.querySelectorAll(".quad th")].map((one) => one.textContent.trim());
  seen.quad = rows;
"""
"""Uses the page as a reader would."""


@pytest.mark.parametrize("width", [390, 1280])
def test_sorts_enlarges_and_asks_for_nothing(width, with_studies, tmp_path):
    """Heads on a desk and a list on a phone sort; a picture opens by keyboard, never blurred; nothing is asked for."""
    seen = use(render_html(collect(with_studies, studies=with_studies.studies)), STEPS, tmp_path, width)
    odd = seen["first"][0]
    assert seen["first"] == [odd, "net", "broken"]
    assert seen["before"] == ["Accuracy"], "the page says what it is sorted by"
    assert (seen["cheapest"], seen["up"]) == (["net", odd, "broken"], "ascending"), "what is missing stays last"
    assert (seen["dearest"], seen["down"]) == ([odd, "net", "broken"], "descending")
    assert seen["listed"] == seen["cheapest"]
    assert seen["list"] == (["block", "none"] if width == 390 else ["none", "inline"])
    assert (seen["again"], seen["sorted"]) == (seen["first"], 1)
    assert seen["open"] == [True, True]
    assert 1 < seen["enlarged"] <= 3.01
    assert seen["closed"]
    assert (seen["ink"], seen["weight"]) == (1, 1), "sentences on pairs look like text, not like mistakes"
    assert seen["aside"][0] == ("static" if width == 390 else "sticky")
    assert seen["cell"] == "dog & co: 3 of 5 right"
    assert all(one.endswith(("right", "wrong")) for one in seen["quad"])
    assert (seen["requests"], seen["told"]) == ([], [])
    assert seen["scroll"] <= 0


def test_a_foreign_script_does_not_run(comparison, tmp_path):
    """The policy of the page refuses whatever is not its own script."""
    page = render_html(collect(comparison)).replace("</main>", "<script>document.title = 'taken over'</script></main>")
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    seen = browse(tmp_path, "--dump-dom", (tmp_path / "report.html").as_uri())
    assert "<title>taken over" not in seen
    assert '<html lang="en" class="js">' in seen, "its own script does run"


@pytest.mark.parametrize("width", [360, 768, 1100, 1280])
@pytest.mark.parametrize("name", ["many_pipelines", "with_words", "with_studies"])
def test_fits_the_width(name, width, request, tmp_path):
    """No horizontal scrolling of the page, no box beyond its edge, no broken picture; what is cut off says so."""
    comparison = request.getfixturevalue(name)
    comparison.protocol["command"] += " --recipes " + ",".join(f"recipe-{k}" for k in range(40))
    comparison.dataset["source"] = "/a/very/long/path" * 30
    steps = """
      const cut = [...document.querySelectorAll(".scroll")].filter((one) => one.scrollWidth > one.clientWidth + 2);
      seen.silent = cut.filter((one) => getComputedStyle(one).maskImage === "none").length;
    """
    seen = use(render_html(collect(comparison, studies=comparison.studies)), steps, tmp_path, width)
    assert seen["scroll"] <= 0
    assert seen["height"] > 2000
    assert (seen["wide"], seen["broken"], seen["silent"], seen["told"]) == ([], 0, 0, [])


@pytest.mark.parametrize("name", ["many_pipelines", "with_studies"])
def test_fits_paper(name, request, tmp_path):
    """Nothing is wider than the page, which would shrink all of it; what is folded away on the screen is there."""
    comparison = request.getfixturevalue(name)
    page = render_html(collect(comparison, studies=comparison.studies, thumbnails=False))
    page = page.replace("@media print", "@media all").replace("@media screen", "@media speech")
    page = re.sub(r"@page \{[^}]*\}", "", page)
    steps = """
      const beyond = (one) => one.getBoundingClientRect().right > innerWidth + 1;
      const all = [...document.body.querySelectorAll("*")].filter((one) => !one.closest(".hidden, .skip, svg"));
      seen.over = all.filter(beyond).map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 30)}`);
      seen.folded = [...document.querySelectorAll("details")].filter((one) =>
        !one.open && !one.lastElementChild.getBoundingClientRect().height).length;
    """
    seen = use(page, steps, tmp_path, 703)
    assert seen["over"][:3] == []
    assert seen["folded"] == 0


@pytest.mark.parametrize("dark", [False, True])
def test_is_drawn_in_light_and_dark(dark, comparison, tmp_path):
    """The page follows the reader's colour scheme and shows both kinds' colours."""
    (tmp_path / "report.html").write_text(render_html(collect(comparison)), encoding="utf-8")
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else ["--blink-settings=preferredColorScheme=1"]
    picture = tmp_path / "page.png"
    browse(tmp_path, *scheme, "--window-size=1280,2400", f"--screenshot={picture}", (tmp_path / "report.html").as_uri())
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    assert (pixels[5, 5].mean() < 60) == dark
    red, blue = pixels[..., 0], pixels[..., 2]
    assert (red - blue > 90).sum() > 500, "hand-crafted marks are orange"
    assert (blue - red > 90).sum() > 500, "learned marks are blue"
