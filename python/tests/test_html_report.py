"""The page of `fvtrace diff --html`, in a real browser."""

import io
import json
import subprocess
import time

import pytest
import report_traces
import torch
from PIL import Image
from programs import program
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from written_captures import capture

GUILTY = "blocks.1.attn1"
WRONG_FROM = ("blocks.1.attn1.to_out.0", "in[0]")


class Page:
    """A browser, and the words in which the tests speak of what it shows."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, *, width=1280, height=1000, dark=False):
        self.resize(width, height)
        self.prefer(dark)
        self.driver.get(path.as_uri())
        assert self.script("return 'ready' in document.documentElement.dataset")

    def resize(self, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, dark):
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def script(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def all_texts(self, selector):
        return [element.text for element in self.driver.find_elements(By.CSS_SELECTOR, selector)]

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self):
        return self.driver.switch_to.active_element.get_attribute("id")

    def click(self, selector):
        """From wherever the page has been scrolled to: its bar may lie over what is at the edge."""
        self.script("arguments[0].scrollIntoView({block: 'center'})", self.find(selector))
        self.find(selector).click()

    def filter(self, text):
        self.find("#filter").clear()
        self.find("#filter").send_keys(text)

    def rows(self):
        """(status, name, tensor) of the rows that have an element, from the top."""
        return self.script("""
            return [...document.querySelectorAll('#rows .row:not([hidden])')]
              .sort((a, b) => a.dataset.index - b.dataset.index)
              .map((row) => [row.querySelector('.word').textContent, row.querySelector('.module bdi').textContent,
                             row.querySelector('.tensor').textContent])""")

    def active_row(self):
        return self.script("return document.querySelector('#rows .row.active .module')?.textContent ?? null")

    def colour(self, name):
        """A colour of the style sheet, as the browser has it."""
        return self.script(
            """
            const probe = document.body.appendChild(document.createElement('i'));
            probe.style.color = `var(--${arguments[0]})`;
            const colour = getComputedStyle(probe).color;
            probe.remove();
            return colour.match(/\\d+/g).map(Number)""",
            name,
        )

    def picture(self):
        return Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")

    def picture_of(self, selector):
        return Image.open(io.BytesIO(self.find(selector).screenshot_as_png)).convert("RGB")

    def overflows(self):
        return self.script("return document.documentElement.scrollWidth > document.documentElement.clientWidth")

    def becomes(self, code, value):
        """What a script says, once the browser has got round to it."""
        WebDriverWait(self.driver, 10).until(lambda _: self.script(code) == value)

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    profile = tmp_path_factory.mktemp("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


@pytest.fixture
def page(driver):
    page = Page(driver)
    page.complaints()  # those of the test before
    yield page
    assert page.complaints() == []


def diff(reference, port, html, *options):
    return subprocess.run(
        [program("fvtrace"), "diff", "--no-progress", "--html", html, *options, reference, port],
        capture_output=True,
        text=True,
        timeout=120,
    )


def report(folder, reference, port):
    html = folder / "report.html"
    result = diff(
        report_traces.write(folder / "reference.jsonl", reference),
        report_traces.write(folder / "port.jsonl", port),
        html,
    )
    assert result.returncode in (0, 1), result.stderr
    return html


@pytest.fixture(scope="session")
def diverged(tmp_path_factory):
    port = report_traces.trace(noise=1e-7, wrong_from=WRONG_FROM)
    port = [record for record in port if not record["module"].startswith("blocks.2.ffn")]
    return report(tmp_path_factory.mktemp("diverged"), report_traces.trace(), port)


@pytest.fixture(scope="session")
def passed(tmp_path_factory):
    return report(tmp_path_factory.mktemp("passed"), report_traces.trace(), report_traces.trace(noise=1e-7))


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    reference = report_traces.write_many(folder / "reference.jsonl", 100_000)
    port = report_traces.write_many(folder / "port.jsonl", 100_000, wrong={60_123, 99_999})
    assert diff(reference, port, folder / "report.html").returncode == 1
    return folder / "report.html"


def test_the_verdict_stands_on_top(page, diverged):
    page.open(diverged)
    assert page.text("#state").lower() == "diverged"
    assert page.text("#headline") == f"{GUILTY} introduced the error"
    assert "its inputs agree" in page.text("#reason")
    assert "step 0, call 0" in page.text("#reason")
    assert page.text("#first-failure").startswith("first failure: blocks.1.attn1.to_out.0 in[0]")
    assert GUILTY in page.driver.title
    assert page.script("return document.getElementById('verdict').getBoundingClientRect().top") < 200


def test_a_pass_says_so(page, passed):
    page.open(passed)
    assert page.text("#state").lower() == "pass"
    assert page.text("#headline") == f"{len(report_traces.trace())} records agree"
    assert not page.find("#first-failure").is_displayed()


def test_missing_records_alone_are_incomplete(page, tmp_path):
    port = [record for record in report_traces.trace() if record["module"] != "proj_out"]
    page.open(report(tmp_path, report_traces.trace(), port))
    assert page.text("#state").lower() == "incomplete"
    page.filter("proj_out")
    assert {row[0] for row in page.rows()} == {"missing"}


def test_the_page_asks_for_nothing_from_anywhere(page, diverged):
    page.open(diverged)
    assert page.script("return performance.getEntriesByType('resource').length") == 0
    with pytest.raises(Exception, match="Failed to fetch"):
        page.script("return fetch('data:text/plain,x')")
    assert any("Content Security Policy" in complaint for complaint in page.complaints())


def test_the_table_begins_at_the_first_failure(page, diverged):
    page.open(diverged)
    assert page.active_row() == "blocks.1.attn1.to_out.0in[0]"
    assert page.text("#shown") == f"{len(report_traces.trace())} records"


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("to_q", lambda name: "to_q" in name),
        ("blocks.2 in[0]", lambda name: "blocks.2" in name and "in[0]" in name),
        ("TO_OUT", lambda name: "to_out" in name),
        ("blocks.*.norm? out", lambda name: "norm1" in name and "out" in name),
        (r"/^blocks\.[01] /", lambda name: name.startswith(("blocks.0 ", "blocks.1 "))),
        ("nothing like it", lambda name: False),
    ],
)
def test_names_are_filtered(page, diverged, text, passes):
    page.open(diverged)
    page.filter(text)
    names = [f"{module or '(root)'} {tensor}" for module, tensor in report_traces.events(3)]
    count = 4 * sum(map(passes, names))
    total = len(report_traces.trace())
    assert page.text("#shown") == f"{count} of {total} records"
    assert all(passes(f"{name} {tensor}") for _, name, tensor in page.rows())
    assert page.find("#nothing").is_displayed() == (count == 0)


def test_a_wrong_expression_is_told_and_the_rows_stay(page, diverged):
    page.open(diverged)
    before = page.text("#shown")
    page.filter("/(/")
    assert "Not a regular expression" in page.text("#filter-wrong")
    assert page.text("#shown") == before
    page.filter("norm1")
    assert not page.find("#filter-wrong").is_displayed()


def test_statuses_are_filtered_and_counted(page, diverged):
    page.open(diverged)
    chip = page.find('[data-status="missing"]')
    assert chip.text.split() == ["missing", "8"]
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    assert page.text("#shown").startswith("8 of ")
    assert {row[0] for row in page.rows()} == {"missing"}
    page.find('[data-status="diverged"]').click()
    assert {row[0] for row in page.rows()} == {"missing", "diverged"}
    chip.click()
    assert {row[0] for row in page.rows()} == {"diverged"}


def test_the_keyboard_does_for_the_table(page, diverged):
    page.open(diverged)
    page.press("/")
    assert page.focused() == "filter"
    page.press("blocks.1.attn1", Keys.ENTER)
    assert page.focused() == "table"
    page.press(Keys.HOME)
    assert page.active_row() == "blocks.1.attn1in[0]"
    page.press(Keys.ARROW_DOWN)
    assert page.active_row() == "blocks.1.attn1.to_qin[0]"
    page.press("n")
    assert page.active_row() == "blocks.1.attn1.to_out.0in[0]"
    page.press("n", "N")
    assert page.active_row() == "blocks.1.attn1.to_out.0in[0]"
    page.press(Keys.END)
    assert page.active_row() == "blocks.1.attn1out"
    active = page.find("#table").get_attribute("aria-activedescendant")
    assert page.find(f"#{active}").get_attribute("aria-selected") == "true"
    page.press(Keys.ENTER)
    assert page.find("#details").is_displayed()
    page.press(Keys.ESCAPE)
    assert not page.find("#details").is_displayed()
    assert page.focused() == "table"
    page.press(Keys.ESCAPE)
    assert page.find("#filter").get_attribute("value") == ""
    assert page.text("#shown") == f"{len(report_traces.trace())} records"


def test_escape_leaves_the_filter(page, diverged):
    page.open(diverged)
    page.press("/", "to_q", Keys.ESCAPE)
    assert page.focused() == "table"
    assert page.text("#shown") == f"{len(report_traces.trace())} records"


def test_a_row_shows_both_sides(page, diverged):
    page.open(diverged)
    page.find("#first-failure").click()
    details = page.text("#details")
    assert "blocks.1.attn1.to_out.0" in details
    assert "diverged" in details
    reference, port = report_traces.trace(), report_traces.trace(noise=1e-7, wrong_from=WRONG_FROM)
    place = next(i for i, record in enumerate(reference) if (record["module"], record["tensor"]) == WRONG_FROM)
    cells = dict(
        zip(
            page.all_texts("#details tbody th"),
            page.script("""
        return [...document.querySelectorAll('#details tbody tr')]
          .map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent))"""),
        )
    )
    assert set(cells) == {"abs_mean", "max", "shape", "dtype"}
    for name in ("abs_mean", "max"):
        assert float(cells[name][0]) == pytest.approx(reference[place][name], rel=1e-9)
        assert float(cells[name][1]) == pytest.approx(port[place][name], rel=1e-9)
    assert cells["shape"] == ["[4, 16]", "[4, 16]", "="]
    assert cells["dtype"] == ["torch.float32", "torch.float32", "="]
    assert f"reference.jsonl:{place + 1}" in details


def test_a_missing_record_shows_the_side_that_has_it(page, diverged):
    page.open(diverged)
    page.find('[data-status="missing"]').click()
    page.find("#rows .row:not([hidden])").click()
    assert "port: no such record" in page.text("#details")
    assert page.script("return document.querySelector('#details tbody td:nth-child(3)').textContent") == "–"


def test_columns_are_sorted(page, diverged):
    page.open(diverged)
    page.find('[data-key="ratio"]').click()
    page.script("document.getElementById('rows').scrollTop = 0")
    assert page.find('[data-key="ratio"]').get_attribute("aria-sort") == "descending"
    page.find('[data-status="diverged"]').click()
    page.find('[data-status="within"]').click()
    page.press(Keys.NULL)
    assert page.rows()[0][0] == "diverged"
    page.find('[data-key="ratio"]').click()
    page.script("document.getElementById('rows').scrollTop = 1e6")
    page.find('[data-key="module"]').click()
    assert page.find('[data-key="module"]').get_attribute("aria-sort") == "ascending"
    page.find('[data-key="moment"]').click()
    assert page.find('[data-key="module"]').get_attribute("aria-sort") == "none"


def test_the_tree_names_the_guilty_module_and_narrows_the_table(page, diverged):
    page.open(diverged)
    assert page.text("#tree .guilty .name bdi") == "attn1"
    labels = page.script(
        "return [...document.querySelectorAll('#tree .row:not([hidden])')].map((row) => row.ariaLabel)"
    )
    assert any(label.startswith("attn1: ") and label.endswith("introduced the error") for label in labels)
    page.find("#tree .guilty .name").click()
    assert page.text("#subtree").split()[:2] == ["in", GUILTY]
    assert {row[1] for row in page.rows()} == {GUILTY, f"{GUILTY}.to_q", f"{GUILTY}.to_out.0"}
    page.find("#subtree").click()
    assert page.text("#shown") == f"{len(report_traces.trace())} records"


def test_the_keyboard_does_for_the_tree(page, diverged):
    page.open(diverged)
    page.find("#tree-collapse").click()
    page.script("document.getElementById('tree').focus()")
    page.press(Keys.HOME, Keys.ARROW_DOWN)

    def active():
        return page.find("#" + page.find("#tree").get_attribute("aria-activedescendant"))

    assert active().get_attribute("aria-label").startswith("blocks: ")
    assert active().get_attribute("aria-expanded") == "false"
    page.press(Keys.ARROW_RIGHT)
    assert active().get_attribute("aria-expanded") == "true"
    page.press(Keys.ARROW_RIGHT)
    assert active().get_attribute("aria-level") == "2"
    page.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert active().get_attribute("aria-expanded") == "false"
    page.press(Keys.ENTER)
    assert page.text("#subtree").split()[:2] == ["in", "blocks"]


def test_the_strip_of_a_module_leads_to_its_worst_record(page, diverged):
    page.open(diverged)
    page.find("#tree .guilty .heat").click()
    assert page.find("#details").is_displayed()
    assert GUILTY in page.text("#details h3")
    assert page.text("#details .what").startswith("diverged")


def test_the_chart_is_walked_by_arrows(page, diverged):
    page.open(diverged)
    assert page.find("#moment").get_attribute("value") == "0"
    page.script("document.getElementById('chart').focus()")
    page.press(Keys.HOME)
    assert page.find("#chart-now").get_attribute("textContent").startswith("(root)in[0], step 0, call 0: ")
    page.press(Keys.ARROW_RIGHT, Keys.ENTER)
    assert page.text("#details h3") == "blocks.0"
    page.click("#moment-after")
    assert page.script("return document.getElementById('moment').selectedOptions[0].text") == "step 0, call 1"
    page.click("#moment-before")
    page.click("#moment-before")
    assert page.find("#moment").get_attribute("value") == "all"
    assert not page.find("#moment-before").is_enabled()


def test_every_control_has_a_name_and_every_landmark_a_role(page, diverged):
    page.open(diverged)
    nameless = page.script("""
        return [...document.querySelectorAll('button, input, select, [tabindex="0"]')]
          .filter((node) => !node.hidden && !(node.textContent.trim() || node.ariaLabel || node.getAttribute('aria-labelledby')))
          .map((node) => node.outerHTML)""")
    assert nameless == []
    for selector in (
        "#table[role=grid]",
        "#tree[role=tree]",
        "#chart[aria-label]",
        "#rows .row[role=row] [role=gridcell]",
    ):
        assert page.find(selector)


HOSTILE = {
    "blocks.0.norm1": "<img src=x onerror=\"window.broken='img'\">",
    "blocks.0.attn1.to_q": "</script><script>window.broken='script'</script>",
    "blocks.0.attn1.to_out.0": "\"'`${window.broken='template'}\\",
    "blocks.0.ffn.net.0": "left \u202eright\u202c \u200bjoined \u0007\u001b[31m\n",
    "proj_out": "<!--<script>\u2028__proto__",
    "blocks.0": "constructor",
}


def test_names_are_text_and_nothing_else(page, tmp_path):
    rename = lambda module: HOSTILE.get(module, module)  # noqa: E731
    port = report_traces.trace(blocks=1, steps=1, rename=rename, wrong_from=("blocks.0.norm1", "out"))
    page.open(report(tmp_path, report_traces.trace(blocks=1, steps=1, rename=rename), port))
    assert page.script("return window.broken ?? null") is None
    assert page.script("return document.querySelectorAll('img').length") == 0
    assert HOSTILE["blocks.0.norm1"] in page.text("#headline")
    page.find("#tree-expand").click()
    page.find("#first-failure").click()
    assert page.script("return window.broken ?? null") is None
    shown = {row[1] for row in page.rows()}
    assert {
        HOSTILE["blocks.0.norm1"],
        HOSTILE["blocks.0.attn1.to_q"],
        HOSTILE["blocks.0.attn1.to_out.0"],
        "constructor",
    } <= shown
    assert "left \\u202eright\\u202c \\u200bjoined \\u0007\\u001b[31m\\u000a" in shown
    page.filter("</script>")
    assert {row[1] for row in page.rows()} == {HOSTILE["blocks.0.attn1.to_q"]}


def test_a_hundred_thousand_records_open_and_scroll(page, many):
    start = time.monotonic()
    page.open(many)
    print(f"opened in {time.monotonic() - start:.2f} s")
    assert page.text("#shown") == "100,000 records"
    assert page.text("#first-failure").startswith("first failure: blocks.6.layer3 out")
    assert page.active_row() == "blocks.6.layer3out"
    frame = page.driver.execute_async_script("""
        const done = arguments[0], rows = document.getElementById('rows'), times = [];
        let before = performance.now();
        function frame(now) {
          times.push(now - before);
          before = now;
          rows.scrollTop += 5000;
          if (times.length < 120) requestAnimationFrame(frame);
          else done(times.slice(1).sort((a, b) => a - b)[Math.floor(times.length * 0.95)]);
        }
        requestAnimationFrame(frame);""")
    print(f"95 % of frames within {frame:.1f} ms while scrolling")
    assert page.script("return document.querySelectorAll('#rows .row').length") < 80
    assert page.script("return document.querySelectorAll('*').length") < 2000
    page.script("document.getElementById('table').focus()")
    page.press(Keys.END)
    assert page.active_row() == "blocks.49.layer19out"
    assert page.rows()[-1][:2] == ["diverged", "blocks.49.layer19"]
    page.filter("blocks.49.layer1?")
    assert page.text("#shown") == "1,000 of 100,000 records"
    page.find('[data-status="diverged"]').click()
    assert page.text("#shown") == "1 of 100,000 records"
    page.find("#rows .row:not([hidden])").click()
    assert page.all_texts("#details tbody th") == ["abs_mean", "sum", "dtype"]


def share_of(picture, colour, tolerance=24):
    """Of a picture's dots, how many are of this colour."""
    near = sum(
        count
        for count, found in picture.getcolors(maxcolors=1 << 24)
        if all(abs(a - b) <= tolerance for a, b in zip(found, colour))
    )
    return near / (picture.width * picture.height)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_looks_right(page, diverged, width, dark):
    page.open(diverged, width=width, height=2600, dark=dark)
    assert not page.overflows()
    paper, ink = page.colour("paper"), page.colour("ink")
    assert (sum(paper) < sum(ink)) == dark
    assert share_of(page.picture(), paper) > 0.1
    state = page.picture_of("#state")
    assert share_of(state, page.colour("diverged")) > 0.02
    chart = page.picture_of("#chart")
    assert share_of(chart, page.colour("diverged")) > 0.001
    assert share_of(chart, page.colour("within")) > 0.001
    assert share_of(chart, page.colour("missing")) > 0.0005  # the threshold
    heat = page.picture_of("#tree .guilty .heat")
    assert share_of(heat, page.colour("heat-7")) > 0.8
    rows = page.picture_of("#rows")
    for status in ("diverged", "within"):
        assert share_of(rows, page.colour(status)) > 0.0003
    # Nothing lies outside the card that it belongs to.
    assert (
        page.script("""
        return [...document.querySelectorAll('.card')].flatMap((card) => {
          const limit = card.getBoundingClientRect();
          return [...card.querySelectorAll('h2, p, button, .chart, .tree, .table, input, select')]
            .filter((node) => node.offsetParent && !node.classList.contains('unseen'))
            .filter((node) => node.getBoundingClientRect().right > limit.right + 1 || node.getBoundingClientRect().left < limit.left - 1)
            .map((node) => node.outerHTML.slice(0, 80));
        })""")
        == []
    )


def test_details_stand_beside_the_table_and_on_narrow_screens_below(page, diverged):
    for width, is_beside in ((1280, True), (400, False)):
        page.open(diverged, width=width, height=1600)
        page.find("#first-failure").click()
        table, details = (page.find(selector).rect for selector in ("#table", "#details"))
        assert (details["x"] >= table["x"] + table["width"]) == is_beside
        assert not page.overflows()


def test_the_colour_scheme_is_chosen_by_hand_too(page, diverged):
    page.open(diverged)
    theme = "return document.documentElement.dataset.theme"
    assert page.script(theme) == "light"
    page.prefer(True)
    page.becomes(theme, "dark")
    page.find("#theme").click()
    assert page.script(theme) == "light"
    assert share_of(page.picture(), page.colour("paper")) > 0.1
    page.find("#theme").click()
    assert page.script(theme) == "dark"
    page.script("try { localStorage.clear() } catch {}")


def test_what_could_not_be_read_is_named(page, tmp_path):
    reference = report_traces.write(tmp_path / "reference.jsonl", report_traces.trace(blocks=1, steps=1))
    port = tmp_path / "port.jsonl"
    port.write_text("rubbish\n" + reference.read_text())
    assert diff(reference, port, tmp_path / "report.html").returncode == 0
    page.open(tmp_path / "report.html")
    assert any(f"{port}:1: " in note for note in page.all_texts("#notes li"))


def test_non_finite_values_are_shown_as_such(page, tmp_path):
    records = report_traces.trace(blocks=1, steps=1)
    port = json.loads(json.dumps(records))
    port[4] |= {"abs_mean": "NaN", "max": "Infinity", "nan": 2, "inf": 1}
    page.open(report(tmp_path, records, port))
    page.find('[data-status="non-finite"]').click()
    page.find("#rows .row:not([hidden])").click()
    details = page.text("#details")
    for word in ("NaN", "∞", "≠"):
        assert word in details


@pytest.fixture
def two_traces(tmp_path):
    trace = report_traces.write(tmp_path / "trace.jsonl", report_traces.trace(blocks=1, steps=1))
    return trace, trace


def test_a_page_that_cannot_be_written_is_status_2(two_traces, tmp_path):
    result = diff(*two_traces, tmp_path / "no" / "report.html")
    assert result.returncode == 2
    assert "cannot write report" in result.stderr
    assert "No such file or directory" in result.stderr


def test_a_device_is_never_replaced_by_a_page(two_traces):
    result = diff(*two_traces, "/dev/null")
    assert result.returncode == 2
    assert "no regular file" in result.stderr


def test_the_page_before_stays_if_there_is_no_verdict(two_traces, tmp_path):
    html = tmp_path / "report.html"
    html.write_text("before")
    assert diff(two_traces[0], tmp_path / "absent.jsonl", html).returncode == 2
    assert html.read_text() == "before"
    assert diff(*two_traces, html).returncode == 0
    assert html.read_text().startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "trace.jsonl"]


def test_standard_input_may_be_one_side(page, two_traces, tmp_path):
    html = tmp_path / "report.html"
    with open(two_traces[0]) as text:
        command = [program("fvtrace"), "diff", "--html", html, two_traces[0], "-"]
        assert subprocess.run(command, stdin=text, stdout=subprocess.DEVNULL, timeout=60).returncode == 0
    page.open(html)
    page.find("#rows .row:not([hidden])").click()
    assert "abs_mean" in page.text("#details")


@pytest.fixture(scope="session")
def with_tensors(tmp_path_factory):
    """Of two captures in which one channel of `wrong` differs, and one that only the reference has."""
    folder = tmp_path_factory.mktemp("tensors")
    a = {"wrong": {"out": torch.randn(2, 96, 192)}, "<b>early": {"out": torch.ones(3)}}
    b = {name: {"out": tensors["out"].clone()} for name, tensors in a.items()}
    b["wrong"]["out"][..., 100] += 1
    folders = capture(folder / "a", a), capture(folder / "b", b)
    html = folder / "report.html"
    subprocess.run([program("fvtrace"), "diff", "--no-progress", "--html", html, "--tensors", *folders], timeout=120)
    return html


@pytest.mark.parametrize("dark", [False, True])
def test_inside_the_tensors_there_is_a_picture_of_the_error(page, with_tensors, dark):
    page.open(with_tensors, dark=dark)
    assert page.find("#tensors").is_displayed()
    assert page.all_texts("#tensor-list h3")[0] == "transformer: wrong"
    assert "192 of 36,864 numbers differ" in page.text("#tensor-list article")
    picture = page.find("#tensor-list .map svg")
    assert picture.is_displayed()
    assert picture.get_attribute("aria-label") == "error: axis 1 downwards, axis 2 across"
    assert picture.get_dom_attribute("viewBox") == "0 0 96 48"
    cells = page.script(
        "return [...arguments[0].children].map((path) => [path.getAttribute('fill'), path.getAttribute('d')])", picture
    )
    wrong = [cell for fill, path in cells if fill != "var(--heat-0)" for cell in path.split("M") if cell]
    assert len(wrong) == 48
    assert all(cell.startswith("50 ") for cell in wrong)
    strip = page.all_texts("#tensor-list .strip figcaption")[2]
    assert strip == "axis 2 (192): most at 100"


def test_without_captures_there_is_no_such_part(page, passed):
    page.open(passed)
    assert not page.find("#tensors").is_displayed()
