"""Opens a page in a headless browser, takes steps on it, and reads back the contents of the document."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.page.page import PageData, write_page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH")

MIN_WINDOW = 500  # pixels

# Virtual time does not advance animation frames, so timers replace them.
WATCH = """<script>
window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 16);
window.cancelAnimationFrame = clearTimeout;
const problems = [];
addEventListener("error", (event) => problems.push(`error: ${event.message}`), true);
addEventListener("unhandledrejection", (event) => problems.push(`rejection: ${event.reason}`));
document.addEventListener("securitypolicyviolation", (event) => problems.push(`blocked: ${event.blockedURI}`));
for (const level of ["error", "warn"]) console[level] = (...words) => problems.push(`${level}: ${words.join(" ")}`);
</script>"""

DRIVE = """<script>
Element.prototype.setPointerCapture = () => {};  // works for the pointers of real devices only
for (const name of ["source", "filter", "plot"]) Object.defineProperty(window, name, { get: () => views[0][name] });
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const drawn = () => wait(100);
const inShadow = (root, css) => root.querySelector(css)
  ?? [...root.querySelectorAll("*")].map((one) => one.shadowRoot && inShadow(one.shadowRoot, css)).find(Boolean);
const area = () => inShadow(document, ".bk-events");
const screenAt = (x, y) => {
  const [frame, box] = [Bokeh.index.get_one(plot).frame, area().getBoundingClientRect()];
  return [box.left + frame.x_scale.compute(x), box.top + frame.y_scale.compute(y)];
};
const pointer = async (type, [clientX, clientY], buttons = 0) => {
  const event = { clientX, clientY, buttons, pointerId: 1, pointerType: "mouse", isPrimary: true, bubbles: true };
  area().dispatchEvent(new PointerEvent(type, { ...event, composed: true, cancelable: true }));
  await drawn();
};
const drag = async (places) => {
  await pointer("pointerdown", places[0], 1);
  for (const place of places.slice(1)) await pointer("pointermove", place, 1);
  await pointer("pointerup", places.at(-1));
};
const choose = async (id, name) => {
  const menu = byId(id);
  menu.value = [...menu.options].find((one) => one.text === name).value;
  menu.dispatchEvent(new Event("change"));
  await drawn();
};
const move = async (slider, step) => {
  slider.value = step;
  slider.dispatchEvent(new Event("input"));
  await drawn();
};
const pixel = (row) => {
  const canvas = inShadow(document, "canvas");
  const [box, place] = [canvas.getBoundingClientRect(), screenAt(columns.x[row], columns.y[row])];
  const scale = canvas.width / box.width;
  const [x, y] = [(place[0] - box.left) * scale, (place[1] - box.top) * scale];
  return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data];
};
const pixels = () => columns.x.map((_, row) => pixel(row));
const table = (id) => {
  return [...document.querySelectorAll(`#${id} tr`)].map((line) => [...line.cells].map((cell) => cell.textContent));
};
const selection = () => ({
  rows: [...source.selected.indices].sort((a, b) => a - b), title: byId("selection-title").textContent,
  shares: [...byId("shares").children].map((one) => one.textContent), table: table("selection"),
  images: [...document.querySelectorAll("#selection img")].map((image) => image.src),
});
(async () => {
  const results = {};
  try {
    while (!document.documentElement.dataset.state) await wait(20);
    await drawn();
    STEPS
    results.requests = performance.getEntriesByType("resource").map((one) => one.name);
    results.problems = [...problems];
    document.body.append(Object.assign(new Image(), { src: "http://example.com/image.png" }));
    await wait(50);
    results.afterRequest = problems.slice(results.problems.length);
  } catch (error) {
    results.failed = `${error} ${error.stack}`;
    results.problems = problems;
  }
  if (parent !== window) parent.postMessage(JSON.stringify(results), "*");
  document.body.replaceChildren(element("pre", { id: "results", textContent: JSON.stringify(results) }));
})();
</script>"""


def drive_page(
    folder: Path, data: PageData, steps: str, hash_: str = "", *, width: int = 1400, is_dark: bool = False
) -> dict:
    """Writes a page, takes steps on it in a browser, and returns what the steps stored in `results`.

    Args:
        folder: Folder for the page and the browser's profile.
        data: Contents of the page.
        steps: JavaScript, which may use the page's own functions and those of `DRIVE`.
        hash_: Hash of the address that is opened.
        width: Width of the window in pixels; a narrow one is a frame, since windows are at least 500 wide.
        is_dark: Whether the screen prefers dark colours.

    Returns:
        `results`, with `problems` (errors, warnings, blocked requests), `requests` (all requested resources) and
        `afterRequest` (the problems that a deliberate request to the outside then causes).
    """
    write_page(folder / "page.html", data)
    text = (folder / "page.html").read_text(encoding="utf-8")
    copy = folder / "driven.html"
    text = text.replace("<head>", f"<head>{WATCH}", 1).replace("</body>", DRIVE.replace("STEPS", steps) + "</body>")
    copy.write_text(text, encoding="utf-8")
    opened = f"{copy.as_uri()}{hash_}"
    if width < MIN_WINDOW:
        frame = folder / "frame.html"
        frame.write_text(
            f'<iframe style="width: {width}px; height: 900px; border: 0" src="{html.escape(opened)}"></iframe>'
            "<script>addEventListener('message', ({ data }) => document.body.append(Object.assign("
            "document.createElement('pre'), { id: 'results', textContent: data })))</script>"
        )
        opened = frame.as_uri()
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        f"--window-size={max(width, MIN_WINDOW)},900",
        *(["--blink-settings=preferredColorScheme=0"] if is_dark else []),
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=60000",
        "--dump-dom",
    ]
    done = subprocess.run([BROWSER, *options, opened], capture_output=True, text=True, timeout=200, check=True)
    found = re.search(r'<pre id="results">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, f"the page did not finish:\n{done.stderr[-2000:]}"
    results = json.loads(html.unescape(found[1]))
    assert "failed" not in results, results
    return results
