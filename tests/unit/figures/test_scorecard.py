"""The scorecard figure shows its table within the width of a column."""

import re

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tests.unit import worlds
from transient_ridge.config import presets
from transient_ridge.config.settings import ClaimSettings
from transient_ridge.figures.claims.scorecard import draw
from transient_ridge.figures.drawing.style import SINGLE_COLUMN, styled
from transient_ridge.scorecard.claims import measure, score
from transient_ridge.scorecard.measurements import Evidence
from transient_ridge.scorecard.statement import FURTHER, TITLES
from transient_ridge.scorecard.verdicts import VERDICTS, by_claim


@pytest.fixture(scope="module", params=["paper", "no ridge phase"])
def claims(request):
    settings = ClaimSettings.of(presets.load("laptop")["claims"] | {"paper_threshold": 181})
    world = worlds.tables() if request.param == "paper" else worlds.without_a_ridge_phase()
    world["llc"] = world["llc"][world["llc"]["task_diversity"] != worlds.INF]
    return score(measure(Evidence(world, settings)), settings).frame()


@pytest.fixture(scope="module")
def figure(claims):
    picture, _ = draw({"claims": claims})
    return picture.figure


def drawn(figure, what):
    return [line for line in figure.axes[0].lines if line.get_label() == f"_{what}"]


def test_every_value_has_its_sign_its_interval_and_its_null(figure, claims):
    paper = claims[claims["kind"] != FURTHER]
    assert len(paper["verdict"].unique()) > 1
    known = paper["value"].notna()
    for verdict in VERDICTS:
        count = ((paper["verdict"] == verdict) & known).sum()
        assert len(drawn(figure, f"value {verdict}")) == count
    assert len(drawn(figure, "interval")) == (known & paper["margin"].notna()).sum()
    assert len(drawn(figure, "null")) == paper["null_outcome"].notna().sum()
    words = [text.get_text() for text in figure.axes[0].texts]
    assert sum(word in ("not testable", "not met") for word in words) == (~known).sum()


def test_values_that_hold_are_right_of_their_threshold(figure, claims):
    (threshold,) = {
        line.get_xdata()[0]
        for line in figure.axes[0].lines
        if line.get_color() == "0.6" and len(line.get_xdata()) == 2
    }
    for verdict, sides in (("met", {True}), ("not met", {False})):
        right = {line.get_xdata()[0] >= threshold for line in drawn(figure, f"value {verdict}")}
        assert right <= sides
    assert drawn(figure, "value met")


def test_titles_and_verdicts_are_written(figure, claims):
    texts = [text.get_text() for text in figure.axes[0].texts]
    for claim in range(1, 11):
        assert f"{claim}  {TITLES[claim]}" in texts
    whole = " ".join(texts).replace("\N{NO-BREAK SPACE}", " ")
    for found in by_claim(claims.to_dict("records")).values():
        assert found.verdict in whole
    assert not re.search(r"MMSE_M|_inf|n\*|t_crit|q_M(?!\$)", whole)


def test_it_fits_a_column_and_nothing_overlaps(figure):
    with styled():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        assert figure.get_figwidth() == SINGLE_COLUMN
        boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
        boxes += [legend.get_window_extent(renderer) for legend in figure.legends]
        # The sign of a statement must not touch the text beside it.
        boxes += [
            line.get_window_extent(renderer)
            for line in figure.axes[0].lines
            if line.get_label().startswith("_value")
        ]
    assert all(box.x0 > -1 and box.x1 < figure.bbox.width + 1 for box in boxes)
    for i, box in enumerate(boxes):
        assert not [other for other in boxes[:i] if _overlap(box, other)]


def _overlap(one, other):
    """Whether two boxes share more than a pixel each way."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > 1 and height > 1
