"""The page of a training: whole, escaped, and loading nothing."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from made_training import entrant, made_training

from convbench.report.training import curves
from convbench.report.training.curves import MOST_POINTS, figures
from convbench.report.training.page import render_training
from convbench.results.training import Training

SLOTS = {"numpy-im2col": 1, "numba-cpu": 2, "broken": 7, "naive": 0, "absent": 8}


@pytest.fixture(scope="module")
def html() -> str:
    return render_training(made_training())


def test_nothing_is_loaded_and_nothing_runs(html):
    assert not re.search(r"""(?:src|href)="(?!#|data:)""", html)
    assert not re.search(r"url\(|@import|https?://|<script", html)
    assert "default-src 'none'" in html


def test_text_of_others_is_escaped(html):
    for text in ("differ in <9> of 9", "no <module>", "a <fast> one", "<&>"):
        assert text not in html
    assert "differ in &lt;9&gt; of 9 elements" in html


def test_every_section_and_every_backend_is_there(html):
    for section in ("backends", "curves", "time", "learned", "training"):
        assert f'<section id="{section}">' in html
        assert f'href="#{section}"' in html
    for name in SLOTS:
        assert name in html


def test_every_picture_and_figure_says_what_it_shows(html):
    assert all('alt="' in each and 'alt=""' not in each for each in re.findall(r"<img[^>]*>", html))
    assert len(re.findall(r'<svg class="plot"[^>]*aria-label="[^"]+"', html)) == 3


def test_the_material_stands_beside_the_result():
    from convbench_specs import load_workload, trainable_network

    html = render_training(made_training(network=trainable_network(load_workload("book_mnist"))))
    assert "states 90.5 % on the validation images of MNIST after one epoch" in html
    assert "this recipe differs: relu in place of tanh, and no dropout" in html


def test_a_training_of_nothing_is_a_page():
    html = render_training(made_training(entrants=(), moved=(), shown=(), bound=None))
    assert "Nothing was trained." in html
    assert '<section id="curves">' not in html


def test_losses_that_are_no_numbers_break_the_line_and_not_the_page():
    losses = np.array([1.0, 0.9, np.nan, 0.8, 0.7, np.inf, *([0.5] * 6)])
    training = made_training(entrants=(entrant("numpy-im2col", place=1, whole=False, losses=losses),), moved=())
    drawn = figures(training, SLOTS)[0]
    assert drawn.lines[0].d.count("M") == 3
    assert not re.search(r"[ML,> ]-?(?:nan|inf)\b", render_training(training))


def test_lines_become_narrower_so_that_all_are_seen():
    drawn = figures(made_training(), SLOTS)[0]
    widths = [line.width for line in drawn.lines]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == len(widths) == 4
    assert drawn.lines[-1].name == "naive"


def test_a_long_training_has_few_points():
    many = 100_000
    long = {name: np.ones(many) for name in ("losses", "compute_s", "renew_s", "own_s")}
    training: Training = made_training(entrants=(entrant("numpy-im2col", place=1, **long),), moved=())
    drawn = figures(training, SLOTS)[0]
    assert drawn.lines[0].d.count("L") + 1 <= MOST_POINTS
    assert drawn.subtitle == f"means of {many // MOST_POINTS + 1} batches"
    assert len(render_training(training)) < 150_000


def test_a_rest_of_a_few_steps_is_no_point_of_the_curve_of_losses():
    assert curves._means(np.array([4.0, 2.0, 6.0, 4.0, 0.0]), 2) == [(1.5, 3.0), (3.5, 5.0)]
    assert curves._means(np.array([4.0]), 2) == [(1.0, 4.0)]


def test_the_band_is_that_of_moved_runs():
    loss, _, distance = figures(made_training(), SLOTS)
    assert loss.band
    assert distance.band
    assert not figures(made_training(moved=()), SLOTS)[0].band
    assert [mark.text for mark in distance.marks] == ["below 10⁻⁹ here"]


def test_a_bound_behind_the_last_step_stands_behind_the_last_point():
    short = entrant("numba-cpu", place=2, whole=False)
    reference = entrant("numpy-im2col", place=1, whole=False, distances=())
    _, distance = figures(made_training(entrants=(reference, short), moved=()), SLOTS)
    last = max(float(point.split(",")[0]) for point in re.findall(r"[\d.]+,[\d.]+", distance.lines[0].d))
    assert distance.marks[0].x > last + 100


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window_and_no_text_lies_on_another(browser, html, tmp_path, width):
    path = tmp_path / "training.html"
    path.write_text(html, encoding="utf-8")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        browser.get(path.as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        ticks = browser.execute_script(
            "return [...document.querySelectorAll('.bars .scale i')].map(each => {"
            "const box = each.getBoundingClientRect(); return [box.left, box.right]})"
        )
        assert len(ticks) == 5
        assert all(before[1] <= after[0] for before, after in pairwise(ticks))
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
