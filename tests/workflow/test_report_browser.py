"""The report in a real browser, opened from a file, with no network."""

import json
import shutil
from pathlib import Path

import pytest

from mdlens.report.colors import class_colors

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip
READY = "return document.querySelectorAll('.js-plotly-plot .main-svg').length >= 3"


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    yield browser
    browser.quit()


@pytest.fixture
def page(mdlens_command, write_dump, melting_frames, tmp_path) -> Path:
    source = write_dump(melting_frames, name="<b>melt & more.dump")
    assert mdlens_command(source, "--report", "page.html").code == 0
    return tmp_path / "page.html"


@pytest.fixture
def single(mdlens_command, write_dump, melting_frames, tmp_path) -> Path:
    assert mdlens_command(write_dump(melting_frames[:1]), "--report", "page.html").code == 0
    return tmp_path / "page.html"


def open_page(driver, path, width=1366, height=768):
    from selenium.webdriver.support.ui import WebDriverWait

    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    driver.get_log("browser"), driver.get_log("performance")
    driver.get(path.as_uri())
    WebDriverWait(driver, 60).until(lambda browser: browser.execute_script(READY))


def complaints(driver):
    """Return what the console says, but for hints on speed that drawing without a graphics card gives."""
    own = ("GPU stall due to ReadPixels", "willReadFrequently")
    return [
        entry["message"]
        for entry in driver.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING") and not any(word in entry["message"] for word in own)
    ]


def requests(driver):
    """Return the addresses that the page asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [address for address in sent if not address.startswith(("data:", "blob:"))]


def test_plots_are_drawn_and_the_console_is_silent(driver, page):
    open_page(driver, page)
    traces = {
        name: driver.execute_script(f"return document.getElementById('{name}').data.length")
        for name in ("fractions", "confidence", "scene")
    }
    assert traces["confidence"] == 2
    assert traces["scene"] == 6
    assert 2 <= traces["fractions"] <= 5
    paths = driver.execute_script(
        "return [...document.querySelectorAll('#fractions .scatterlayer .js-line')]"
        ".map(line => line.getAttribute('d').length)"
    )
    assert len(paths) == traces["fractions"]
    assert min(paths) > 20
    assert driver.execute_script("return document.querySelectorAll('#confidence .bars .point').length") > 10
    assert complaints(driver) == []
    assert requests(driver) == [page.as_uri()]


COUNT_PIXELS = """
const [address, colours, done] = arguments;
const image = new Image();
image.onload = () => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const near = (k, rgb) => rgb.every((value, c) => Math.abs(pixels[k + c] - value) < 12);
  done(colours.map(rgb => {
    let count = 0;
    for (let k = 0; k < pixels.length; k += 4) count += near(k, rgb);
    return count;
  }));
};
image.src = address;
"""


def test_atoms_are_really_drawn_in_their_colours(driver, page):
    open_page(driver, page)
    driver.execute_script("document.querySelectorAll('input[name=scene]')[1].click()")
    plot = driver.find_element("css selector", "#scene canvas")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    colours = [
        [int(text[k : k + 2], 16) for k in (1, 3, 5)] for text in class_colors(("fcc", "hcp")).values()
    ]
    address = "data:image/png;base64," + plot.screenshot_as_base64
    assert min(driver.execute_async_script(COUNT_PIXELS, address, colours)) > 300
    assert complaints(driver) == []


def test_the_frame_of_the_scene_can_be_chosen(driver, page):
    open_page(driver, page)
    count = (
        "return document.getElementById('scene').data.slice(0, -1).map(t => (t.x._inputArray || t.x).length)"
    )
    last = driver.execute_script(count)
    driver.execute_script("document.querySelectorAll('input[name=scene]')[1].click()")
    first = driver.execute_script(count)
    assert sum(first) == sum(last) == 256
    assert first != last
    hidden = driver.execute_script("return [...document.querySelectorAll('[data-scene]')].map(n => n.hidden)")
    assert hidden == [True, False]
    assert complaints(driver) == []


@pytest.mark.parametrize("width", [1366, 390])
@pytest.mark.parametrize("kind", ["page", "single"])
def test_nothing_hangs_over_the_edge(driver, request, kind, width):
    open_page(driver, request.getfixturevalue(kind), width=width, height=844)
    root = "document.documentElement"
    wide, room = driver.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
    assert wide <= room <= width
    outside = driver.execute_script(
        "return [...document.querySelectorAll('main > *, .card, .plot, h1, figure')].filter(e => {"
        "const box = e.getBoundingClientRect(); return box.right > window.innerWidth + 1 || box.left < -1;"
        "}).map(e => e.id || e.className || e.tagName)"
    )
    assert outside == []


def test_names_are_shown_as_they_are(driver, page):
    open_page(driver, page)
    assert driver.find_element("css selector", ".file").text.endswith("<b>melt & more.dump")
    assert driver.execute_script("return document.querySelectorAll('main b b').length") == 0
