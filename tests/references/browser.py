"""Pages in headless Chromium, for tests: what a reader sees, and what goes wrong."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
WITHOUT = "no Chromium found; install it with `apt-get install -y chromium` to run the browser tests"
_QUIET = [
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
_ERRORS = """<script nonce="t">
window.told = []; const tell = (text) => told.push(String(text));
addEventListener("error", (event) => tell("error: " + (event.message || event.target.tagName)), true);
addEventListener("unhandledrejection", (event) => tell("rejected: " + event.reason));
addEventListener("securitypolicyviolation", (event) => tell("refused: " + event.effectiveDirective));
for (const way of ["error", "warn"]) console[way] = (...words) => tell(way + ": " + words.join(" "));
</script>"""
_USE = """<script nonce="t">
addEventListener("load", () => {{
  const seen = {{}};
  {steps}
  const asked = performance.getEntriesByType("resource").map((one) => one.name);
  seen.requests = asked.filter((name) => !name.startsWith("data:"));
  const inside = (one) => one.closest(".scroll, .hidden, .skip, svg, thead");
  const over = (one) => !inside(one) && one.getBoundingClientRect().right > innerWidth + 1;
  seen.wide = [...document.body.querySelectorAll("*")].filter(over).map((one) => one.tagName + "." + one.className);
  seen.scroll = document.documentElement.scrollWidth - innerWidth;
  seen.height = document.documentElement.scrollHeight;
  seen.broken = [...document.images].filter((one) => one.complete && !one.naturalWidth).length;
  seen.told = told;
  parent.postMessage(JSON.stringify(seen), "*");
}});
</script>"""
_HOLD = """<!doctype html><meta charset="utf-8"><body style="margin:0"><pre id="seen"></pre>
<script>addEventListener("message", (event) => document.querySelector("#seen").textContent = event.data);</script>
<iframe width="{width}" height="900" srcdoc="{page}"></iframe></body>"""


def browse(folder: Path, *options: str) -> str:
    """Run the browser on a fresh profile; return what it prints."""
    command = [str(BROWSER), *_QUIET, f"--user-data-dir={folder / 'profile'}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


def use(page: str, steps: str, folder: Path, width: int) -> dict[str, Any]:
    """Return what a reader sees of a page at that width.

    Parameters
    ----------
    page : str
        With a policy that names its own script; it stays but for the two scripts of ours.
    steps : str
        JavaScript that uses the page and fills in ``seen``.

    Returns
    -------
    seen : dict
        What the steps noted, and ``requests`` (that were made), ``wide`` (what reaches beyond the edge), ``scroll``
        (by how much it scrolls sideways), ``height``, ``broken`` (pictures), ``told`` (errors and warnings).
    """
    page = page.replace("script-src ", "script-src 'nonce-t' ").replace("<head>", f"<head>{_ERRORS}")
    page = page.replace("</body>", f"{_USE.format(steps=steps)}</body>")
    held = folder / "use.html"
    held.write_text(_HOLD.format(width=width, page=html.escape(page)), encoding="utf-8")
    printed = browse(folder, "--window-size=1400,1000", "--dump-dom", held.as_uri())
    found = re.search(r'<pre id="seen">(.+?)</pre>', printed, flags=re.DOTALL)
    assert found, "the page did not finish its script"
    return dict(json.loads(html.unescape(found[1])))
