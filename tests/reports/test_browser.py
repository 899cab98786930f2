"""The page in a real browser: it fits a phone and a desk, sorts, enlarges, asks for nothing, and is not blank."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from eyecraft.reports import collect, render_html

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium found; install it with `apt-get install -y chromium` to run the browser tests"
)
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
]
MEASURE = """<!doctype html><meta charset="utf-8"><body style="margin:0"><p id="result"></p>
<iframe width="{width}" height="900" srcdoc="{page}"></iframe>
<script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument, all = [...page.body.querySelectorAll("*")];
  const inside = (one) => one.closest(".scroll, .hidden, .skip, svg, thead");
  const wide = all.filter((one) => !inside(one) && one.getBoundingClientRect().right > {width} + 1);
  document.querySelector("#result").textContent = [
    "scroll=" + page.documentElement.scrollWidth, "height=" + page.documentElement.scrollHeight,
    "wide=" + wide.map((one) => one.tagName + "." + one.className).slice(0, 5).join(" "),
    "broken=" + [...page.images].filter((one) => one.complete && !one.naturalWidth).length, "end"].join(";");
}});
</script></body>"""

ERRORS = """<script nonce="t">
window.told = []; const tell = (text) => told.push(String(text));
addEventListener("error", (event) => tell("error: " + (event.message || event.target.tagName)), true);
addEventListener("unhandledrejection", (event) => tell("rejected: " + event.reason));
addEventListener("securitypolicyviolation", (event) => tell("refused: " + event.effectiveDirective));
for (const way of ["error", "warn"]) console[way] = (...words) => tell(way + ": " + words.join(" "));
</script>"""
"""Goes before everything in the page, and writes down what goes wrong."""

USE = """<script nonce="t">
addEventListener("load", () => {
  const table = document.querySelector("table.scores"), heads = [...table.tHead.rows[0].cells];
  const names = () => [...table.tBodies[0].rows].map((row) => row.querySelector("th").dataset.value);
  const seen = { first: names() }, time = heads.find((head) => head.textContent.startsWith("Time per image"));
  time.querySelector("button").click();
  seen.cheapest = names(); seen.up = time.getAttribute("aria-sort");
  time.querySelector("button").click();
  seen.dearest = names(); seen.down = time.getAttribute("aria-sort");
  heads[0].querySelector("button").click();
  seen.again = names();
  seen.sorted = heads.filter((head) => head.hasAttribute("aria-sort")).length;
  const picture = document.querySelector("img[tabindex]"), dialog = document.querySelector("dialog");
  picture.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  seen.open = [dialog.open, dialog.querySelector("img").src === picture.src];
  dialog.querySelector("button").click();
  seen.closed = !dialog.open;
  const asked = performance.getEntriesByType("resource").map((one) => one.name);
  seen.requests = asked.filter((name) => !name.startsWith("data:"));
  seen.scroll = document.documentElement.scrollWidth - innerWidth;
  seen.told = told;
  parent.postMessage(JSON.stringify(seen), "*");
});
</script>"""
"""Uses the page as a reader would, and hands over what happened."""

HOLD = """<!doctype html><meta charset="utf-8"><body style="margin:0"><pre id="seen"></pre>
<script>addEventListener("message", (event) => document.querySelector("#seen").textContent = event.data);</script>
<iframe width="{width}" height="900" srcdoc="{page}"></iframe></body>"""


def browse(tmp_path, *options):
    """Run the browser on a fresh profile."""
    command = [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


def use(comparison, tmp_path, width):
    """Return what a reader of the page saw at that width; the page keeps its policy but for the two scripts of ours."""
    page = render_html(collect(comparison, studies=comparison.studies)).replace("script-src ", "script-src 'nonce-t' ")
    page = page.replace("<head>", f"<head>{ERRORS}").replace("</body>", f"{USE}</body>")
    held = HOLD.format(width=width, page=html.escape(page))
    (tmp_path / "use.html").write_text(held, encoding="utf-8")
    seen = browse(tmp_path, "--window-size=1400,1000", "--dump-dom", (tmp_path / "use.html").as_uri())
    found = re.search(r'<pre id="seen">(.+?)</pre>', seen, flags=re.DOTALL)
    assert found, "the page did not finish its script"
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("width", [390, 1280])
def test_sorts_enlarges_and_asks_for_nothing(width, with_studies, tmp_path):
    """The table sorts both ways, a picture opens by keyboard; no error, no request, no sideways scrolling."""
    seen = use(with_studies, tmp_path, width)
    odd = seen["first"][0]
    assert seen["first"] == [odd, "net", "broken"]
    assert (seen["cheapest"], seen["up"]) == (["net", odd, "broken"], "ascending"), "what is missing stays last"
    assert (seen["dearest"], seen["down"]) == ([odd, "net", "broken"], "descending")
    assert (seen["again"], seen["sorted"]) == (seen["first"], 1)
    assert seen["open"] == [True, True]
    assert seen["closed"]
    assert seen["requests"] == []
    assert seen["told"] == []
    assert seen["scroll"] <= 0


def test_a_foreign_script_does_not_run(comparison, tmp_path):
    """The policy of the page refuses whatever is not its own script."""
    page = render_html(collect(comparison)).replace("</main>", "<script>document.title = 'taken over'</script></main>")
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    seen = browse(tmp_path, "--dump-dom", (tmp_path / "report.html").as_uri())
    assert "<title>taken over" not in seen
    assert '<html lang="en" class="js">' in seen, "its own script does run"


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("name", ["many_pipelines", "with_words", "with_studies"])
def test_fits_the_width(name, width, request, tmp_path):
    """No horizontal scrolling of the page, no box beyond its edge, no broken picture."""
    comparison = request.getfixturevalue(name)
    comparison.protocol["command"] += " --recipes " + ",".join(f"recipe-{k}" for k in range(40))
    comparison.dataset["source"] = "/a/very/long/path" * 30
    page = html.escape(render_html(collect(comparison, studies=comparison.studies)))
    (tmp_path / "measure.html").write_text(MEASURE.format(width=width, page=page), encoding="utf-8")
    seen = browse(tmp_path, "--window-size=1400,1000", "--dump-dom", (tmp_path / "measure.html").as_uri())
    found = re.search(r"scroll=(\d+);height=(\d+);wide=([^;]*);broken=(\d+);end", seen)
    assert found, "the page did not load"
    assert int(found[1]) <= width, found[0]
    assert int(found[2]) > 2000
    assert (found[3], found[4]) == ("", "0")


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
