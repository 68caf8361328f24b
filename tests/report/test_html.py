"""The page: whole and safe as text, and working in a browser that has no network.

The browser is that of conftest.py.
"""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest
from fake_run import BACKENDS, SECONDS, agreement, cell, large_run, measurements, report_input

from convbench.report.html import render_report
from convbench.report.inputs import AGREEMENT_COLUMNS, MEASUREMENT_COLUMNS
from convbench.report.pages.embed import encode_frame, encode_pairs, script_safe_json
from convbench.report.views.right import matrix_view
from convbench.text import units

LOADING = {"src", "href", "srcset", "poster", "data", "action", "formaction", "background"}
MEGABYTE = 1_000_000


class Page(HTMLParser):
    """Attributes and text of a page; the text of scripts and styles apart."""

    def __init__(self, html):
        super().__init__()
        self.attributes, self.texts, self.open, self.code = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, name, value or "") for name, value in attributes]
        self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        (self.code if {"script", "style"} & set(self.open) else self.texts).append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture(scope="module")
def html():
    return render_report(report_input())


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_nothing_in_the_page_names_an_address_to_load_from(page, html):
    for tag, name, value in page.attributes:
        if name in LOADING:
            assert value.startswith(("#", "data:")), f"<{tag} {name}={value[:80]!r}>"
    styles = " ".join(page.code)
    assert not re.search(r"url\(|@import|@font-face", styles)
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|import\(|sendBeacon", styles)
    assert re.findall(r"https?://[^\s\"'<>]+", html) == ["http://www.w3.org/2000/svg"]


def test_the_page_forbids_the_browser_to_load_anything(page):
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and "default-src" in value)
    assert "default-src 'none'" in policy


def test_text_of_a_run_is_escaped_everywhere(page, html):
    assert "<b>here</b>" not in html
    assert html.count("</script>") == 2
    assert "no CUDA device </script><b>here</b>" in page.text
    assert "convbench compare tiny --batch-sizes 1,8 <&>" in page.text


def test_the_answer_the_matrix_and_the_statuses_need_no_script(page):
    assert "3 of 4 backends are right; broken is wrong." in page.text
    for name in SECONDS:
        assert any(tag == "button" and value == name for tag, key, value in page.attributes if key == "data-left")
    assert "differ in <9> of 9 elements" in page.text
    for status in ("wrong", "skipped", "unavailable"):
        assert ("span", "class", f"pill {status}") in page.attributes
    assert "predicted to take" in page.text
    assert "the load was 1.5 <at start>" in page.text


def test_warnings_are_collapsed_and_counted_in_their_order():
    html = render_report(report_input(warnings=["load: the worst", "turbo: the other"]))
    warnings = html[html.index('<details class="warnings">') : html.index("</details>")]
    assert "<b>2 warnings</b>, the worst first" in warnings
    assert warnings.index("the worst</li>") < warnings.index("the other</li>")
    assert "<details open" not in warnings
    assert '<details class="warnings">' not in render_report(report_input(warnings=[]))


def test_every_time_in_the_static_tables_has_its_spread(html):
    table = html[html.index('<table class="ranking">') : html.index("</table>", html.index('<table class="ranking">'))]
    ranked = re.findall(r'<td class="(?:fastest|tied|behind|measured)".*?</td>', table, flags=re.DOTALL)
    assert ranked
    for text in ranked:
        assert re.search(r"<small>.*–.*</small>", text, flags=re.DOTALL), text


def test_a_cell_with_one_sample_says_so():
    alone = cell("conv1", 1, "fast", "forward", samples=1, **dict.fromkeys(SPREAD, float("nan")))
    frame = pd.DataFrame([alone])[list(MEASUREMENT_COLUMNS)]
    assert "<small>1 sample</small>" in render_report(report_input(measurements=frame))


SPREAD = ("ci_low_s", "ci_high_s", "p25_s", "p75_s")


def test_what_the_oracle_sampled_of_large_cases_is_listed():
    told = "y: 256 of 1,000,000 elements: 16 corners, 240 drawn; db: all 64 elements"
    large = measurements()["case"].eq("conv1") & measurements()["batch_size"].eq(8)
    frame = measurements().assign(sampled=large.map({True: told, False: ""}))
    text = Page(render_report(report_input(measurements=frame))).text
    assert "Of 1 large case the oracle computed a sample" in text
    assert text.count(f"conv1, batch 8: {told}") == 1
    assert "computed a sample" not in Page(render_report(report_input())).text


def test_identities_stand_in_the_matrix_beside_the_oracle_and_are_no_backends():
    rows = agreement()[agreement()["right"] == "oracle"].assign(right="adjoint", verdict="disagrees")
    frame = pd.concat([agreement(), rows])
    shown = matrix_view(frame)
    assert shown.columns[:2] == ["oracle", "adjoint"]
    assert shown.names == matrix_view(agreement()).names
    before, after = (Page(render_report(report_input(agreement=each))).text for each in (agreement(), frame))
    between = re.compile(r"Between backends, (\S+) more comparisons")
    assert between.search(after).group(1) == between.search(before).group(1)
    assert "without an oracle: adjoint" in after


def test_pictures_are_inside_the_page(page):
    assert any(tag == "img" and value.startswith("data:image/png;base64,iVBOR") for tag, _, value in page.attributes)


def test_embedded_json_reads_back_and_cannot_end_its_script():
    frame = measurements()
    text = script_safe_json({"cells": encode_frame(frame)})
    assert not re.search(r"[<>&\u2028\u2029]", text)
    column = json.loads(text)["cells"]["reason"]
    assert [column["texts"][code] for code in column["codes"]] == frame["reason"].tolist()
    values = json.loads(text)["cells"]["median_s"]["values"]
    assert [value is None for value in values] == frame["median_s"].isna().tolist()
    assert values[0] == pytest.approx(frame["median_s"].iloc[0], rel=1e-5)


def test_a_pair_brings_its_worst_disagreements_and_how_many_there_are():
    run = large_run(30)
    pair = next(pair for pair in encode_pairs(run.agreement) if (pair["left"], pair["right"]) == ("broken", "oracle"))
    assert len(pair["sentences"]) == 20
    assert pair["sentences_in_all"] == 60


def test_ten_thousand_cells_stay_under_ten_megabytes():
    run = large_run(340)
    assert len(run.measurements) >= 10_000
    assert len(render_report(run).encode()) < 10 * MEGABYTE


@pytest.mark.parametrize("frames", ["no cells", "nothing measured", "nothing compared"])
def test_a_poor_run_still_has_a_page(frames):
    empty = pd.DataFrame(columns=list(AGREEMENT_COLUMNS))
    checked = measurements().assign(median_s=float("nan"))
    changes = {
        "no cells": {"measurements": pd.DataFrame(columns=list(MEASUREMENT_COLUMNS)), "agreement": empty},
        "nothing measured": {"measurements": checked},
        "nothing compared": {"agreement": empty, "pictures": [], "warnings": []},
    }[frames]
    assert "</html>" in render_report(report_input(**changes))


def test_templates_are_files_of_the_package():
    names = {entry.name for entry in (resources.files("convbench.report") / "templates").iterdir()}
    assert {"report.html.j2", "report.css", "report.js"} <= names


# In a browser


@pytest.fixture(scope="module")
def report_file(tmp_path_factory, html):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, report_file):
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(report_file.as_uri())
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def all_of(browser, css):
    return browser.find_elements("css selector", css)


def texts(browser, css):
    return [node.text for node in all_of(browser, css)]


def press(browser, css):
    browser.execute_script("document.querySelector(arguments[0]).click()", css)


def test_the_page_asks_the_network_for_nothing(opened, report_file):
    for css in (".matrix button", "#curves [data-value=both]", "#next"):
        press(opened, css)
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    ours = {request["request"]["url"] for request in sent if request["documentURL"] == report_file.as_uri()}
    assert {url for url in ours if not url.startswith("data:")} == {report_file.as_uri()}
    resources_loaded = opened.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in resources_loaded if not name.startswith("data:")] == []


@pytest.mark.parametrize("chart", ["time", "memory"])
def test_a_chart_has_a_line_a_measured_backend(opened, chart):
    drawn = all_of(opened, f"#{chart}-chart svg .series")
    assert {group.get_attribute("data-backend") for group in drawn} == set(SECONDS)
    assert len(all_of(opened, f"#{chart}-chart [data-backend=fast] .dot")) == 2
    assert len(all_of(opened, f"#{chart}-chart [data-backend=fast] .line")) == 1


def test_the_spread_of_times_is_drawn(opened):
    assert len(all_of(opened, "#time-chart [data-backend=fast] .band")) == 1


def test_wrong_cells_are_drawn_as_crosses(opened):
    assert not all_of(opened, "#time-chart use.dot[href='#cross']")
    press(opened, "#curves [data-value=backward]")
    crosses = all_of(opened, "#time-chart [data-backend=broken] use.dot[href='#cross']")
    assert len(crosses) == 2


def test_what_has_no_time_is_named_under_the_chart(opened):
    said = opened.find_element("id", "not-drawn").text
    assert "absent at batch size 1, 8, unavailable" in said
    assert "slow at batch size 8, skipped" in said


def test_all_cases_are_drawn_small_and_choose_a_case(opened):
    assert texts(opened, "#multiples b") == ["conv1", "pool1"]
    assert len(all_of(opened, "#multiples svg")) == 2
    press(opened, "#multiples [data-case=pool1]")
    assert opened.find_element("id", "case").get_attribute("value") == "pool1"
    assert "pool1" in opened.find_element("css selector", "#time-chart svg").get_attribute("aria-label")


def test_the_legend_switches_backends_off_and_on_by_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    chip = opened.find_element("css selector", "#legend [data-backend=fast]")
    chip.send_keys(Keys.SPACE)
    assert chip.get_attribute("aria-pressed") == "false"
    assert not all_of(opened, ".pair-of-charts svg [data-backend=fast]")
    chip.send_keys(Keys.ENTER)
    assert chip.get_attribute("aria-pressed") == "true"
    assert all_of(opened, "#time-chart [data-backend=fast]")


def test_a_backend_has_the_same_colour_everywhere(opened):
    colours = opened.execute_script(
        """const colour = (css) => getComputedStyle(document.querySelector(css)).color;
           return ["#legend [data-backend=fast] .marker", "#time-chart .series[data-backend=fast] .dot",
                   ".matrix tbody .marker", ".ranking thead .marker", "#cell-table .marker"].map(colour)"""
    )
    assert len(set(colours)) == 1, colours


def test_the_arrow_keys_show_the_numbers_of_a_batch_size(opened):
    from selenium.webdriver.common.keys import Keys

    opened.find_element("css selector", "#time-chart svg").send_keys(Keys.ARROW_RIGHT)
    shown = opened.find_element("id", "tooltip").text
    assert "Batch size 1" in shown
    assert "fast 10.0 µs 9.90–10.2 µs" in " ".join(shown.split())


def test_the_ranking_shows_the_chosen_pass_and_batch_size(opened):
    press(opened, "#fastest [data-value=both]")
    press(opened, "#fastest [data-value='1']")
    visible = [body for body in all_of(opened, ".ranking tbody") if body.is_displayed()]
    assert [(body.get_attribute("data-pass"), body.get_attribute("data-batch")) for body in visible] == [("both", "1")]
    assert "30.0 µs" in visible[0].text
    assert "wrong" in visible[0].text


def test_a_pair_of_the_matrix_lists_its_tensors(opened):
    press(opened, ".matrix button[data-left=broken][data-right=oracle]")
    said = opened.find_element("id", "pair").text
    assert "2 of 2 do not agree" in said
    assert "dw of conv1, batch 1: broken and oracle differ in <9> of 9 elements" in said


def column(browser, key):
    heads = [head.get_attribute("data-key") for head in all_of(browser, "#cell-table th")]
    return texts(browser, f"#cell-table tbody td:nth-child({heads.index(key) + 1})")


def test_the_table_sorts_by_number_with_missing_ones_last(opened):
    shown = [units.format_seconds(value) for value in sorted(measurements()["median_s"].dropna())]
    press(opened, "#cell-table th[data-key=median_s] button")
    assert column(opened, "median_s") == shown[:25]
    press(opened, "#cell-table th[data-key=median_s] button")
    assert column(opened, "median_s") == shown[::-1][:25]
    assert opened.find_element("css selector", "th[data-key=median_s]").get_attribute("aria-sort") == "descending"


def test_the_table_sorts_by_text(opened):
    press(opened, "#cell-table th[data-key=backend] button")
    assert column(opened, "backend") == sorted(measurements()["backend"])[:25]


def test_the_table_filters_and_turns_pages(opened):
    assert "1–25 of 60 cells" in opened.find_element("id", "pager").text
    press(opened, "#next")
    assert "26–50 of 60 cells" in opened.find_element("id", "pager").text
    opened.find_element("id", "cell-filter").send_keys("broken conv1")
    assert set(column(opened, "backend")) == {"broken"}
    assert len(column(opened, "backend")) == 6
    opened.execute_script(
        "const s = document.getElementById('cell-status'); s.value = 'wrong'; s.dispatchEvent(new Event('change'))"
    )
    assert column(opened, "status") == ["wrong"] * 4
    press(opened, "#cell-columns")
    assert "quartiles" in texts(opened, "#cell-table th")


NUMBERS = [0, 1, 42, 999, 999.9, 1000, 1234.5, 18_496, 25_690_112, 1.2e11, 7.89e15, 4.2e-8, 9.999e-4, 0.0123, 75.04]


@pytest.mark.parametrize("name", ["Seconds", "Bytes", "Count", "Number", "Integer"])
def test_scripts_format_numbers_as_python_does(opened, name):
    values = [*NUMBERS, None]
    shown = opened.execute_script(f"return arguments[0].map(window.convbench.format{name})", values)
    assert shown == [getattr(units, f"format_{name.lower()}")(value) for value in values]


def test_scripts_format_ranges_as_python_does(opened):
    ranges = [(1.2e-3, 1.35e-3), (9e-7, 1.3e-3), (0.5, 600.0), (None, 1.0)]
    shown = opened.execute_script("return arguments[0].map(r => window.convbench.formatSecondsRange(...r))", ranges)
    assert shown == [units.format_seconds_range(*pair) for pair in ranges]


@pytest.mark.parametrize("width", [400, 1280, 1600])
def test_the_page_never_scrolls_sideways(opened, width):
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        opened.refresh()
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_without_scripts_the_answer_is_visible_and_the_controls_are_not(browser, report_file):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(report_file.as_uri())
        assert browser.find_element("css selector", "h1").is_displayed()
        assert all(body.is_displayed() for body in all_of(browser, ".ranking tbody"))
        assert all_of(browser, ".matrix .disagrees")[0].is_displayed()
        assert "skipped" in browser.find_element("id", "not-ranked").text
        assert not any(control.is_displayed() for control in all_of(browser, ".controls"))
        assert browser.find_element("css selector", "#curves noscript p").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_page_of_ten_thousand_cells_works(browser, tmp_path):
    path = tmp_path / "large.html"
    path.write_text(render_report(large_run(340)), encoding="utf-8")
    browser.get_log("browser")
    browser.get(path.as_uri())
    press(browser, "#cell-table th[data-key=median_s] button")
    assert "1–25 of 10,200 cells" in browser.find_element("id", "pager").text
    assert len(all_of(browser, "#cell-table tbody tr")) == 25
    assert len(all_of(browser, "#multiples svg")) < 100
    assert browser.get_log("browser") == []


def test_a_run_in_which_nothing_was_measured_works(browser, tmp_path):
    path = Path(tmp_path / "checked.html")
    path.write_text(render_report(report_input(measurements=measurements().assign(median_s=float("nan")))), "utf-8")
    browser.get_log("browser")
    browser.get(path.as_uri())
    assert len(all_of(browser, "#cell-table tbody tr")) == 25
    assert set(BACKENDS) >= set(column(browser, "backend"))
    assert browser.get_log("browser") == []


def test_the_page_tells_how_much_of_a_run_was_under_a_clock(page):
    assert re.search(r"timed 5(\.0+)? s, 40 %", page.text)


def test_a_run_that_does_not_tell_what_was_timed_says_so():
    settings = replace(report_input().settings, timed_s=0.0)
    assert "timed not told" in Page(render_report(report_input(settings=settings))).text
