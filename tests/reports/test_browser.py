"""The page in a real browser: it fits a phone and a desk, in light and dark, and is not blank."""

import html
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


def browse(tmp_path, *options):
    """Run the browser on a fresh profile."""
    command = [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.parametrize("width", [360, 390, 1280])
@pytest.mark.parametrize("name", ["comparison", "many_classes", "with_words"])
def test_fits_the_width(name, width, request, tmp_path):
    """No horizontal scrolling of the page, no box beyond its edge, no broken picture."""
    comparison = request.getfixturevalue(name)
    comparison.protocol["command"] += " --recipes " + ",".join(f"recipe-{k}" for k in range(40))
    comparison.dataset["source"] = "/a/very/long/path" * 30
    page = html.escape(render_html(collect(comparison)))
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
