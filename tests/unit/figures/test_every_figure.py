"""Every figure reads the tables that it declares, shows the whole grid, and is legible."""

import pytest
from matplotlib.figure import Figure

from tests.unit import third, world_tables
from tests.unit.figures.conftest import draw, lay_out
from tests.unit.figures.reading import legend, legend_of, marks, panels, silent, strip
from tests.unit.world_tables import GRID, INF
from transient_ridge.artefacts.catalogue import catalogue
from transient_ridge.figures.drawing import style

FIGURES = list(catalogue())
#: Figures with a strip of colours, which has a cell for every M, except for infinity in those of ``FINITE``.
WITH_STRIP = {
    "figure1", "in_distribution_losses", "raw_curves", "training_curves", "pc_over_time", "pc_pairs", "selection",
    "llc_crosscheck", "llc_diagnostics", "llc_over_training", "llc_by_resolution", "accounts", "averaging", "hook",
    "draws",
}  # fmt: skip
FINITE = {"selection", "accounts", "hook"}
#: Figures that show idealised predictors.
WITH_PREDICTORS = {"figure1", "figure3", "in_distribution_losses", "pc_over_time", "pc_pairs"}


def frames_of(figure, frames):
    return {table: frames[table] for table in catalogue()[figure].tables}


def names(figure, grid):
    return [style.label(M) for M in grid if M < INF or figure not in FINITE]


@pytest.mark.parametrize("figure", FIGURES)
def test_it_reads_its_tables_and_leaves_no_global_state(figure, drawing):
    found = drawing(figure)
    assert found.used == set(catalogue()[figure].tables)
    assert found.changed == {}


@pytest.mark.parametrize("figure", FIGURES)
def test_no_panel_is_silent_and_the_strip_has_the_grid(figure, drawn):
    full(figure, drawn(figure), GRID)


def full(figure, made: Figure, grid):
    """Assert that every panel shows something or why it is empty, and that the strip of colours names the grid."""
    assert not [axes for axes in panels(made) if axes.axison and silent(axes)]
    assert strip(made) == (names(figure, grid) if figure in WITH_STRIP else [])


# -- unusual tables --------------------------------------------------------------------------


@pytest.mark.parametrize("figure", FIGURES)
def test_a_grid_of_one_m_and_five_components(figure):
    frames = world_tables.tables(grid=(16,), seeds=(0,), components=5)
    full(figure, draw(figure, frames_of(figure, frames)), (16,))


@pytest.mark.parametrize("figure", FIGURES)
def test_a_grid_of_only_infinity(figure):
    """Panels without data must render too: a logarithmic axis without data fails only when it is rendered."""
    frames = world_tables.tables(grid=(INF,), seeds=(1,), components=1)
    made = draw(figure, frames_of(figure, frames))
    made.set_layout_engine("none")  # the layout takes most of the time, and errors occur without it
    full(figure, lay_out(made), (INF,))


@pytest.mark.parametrize("figure", sorted(WITH_PREDICTORS))
def test_predictors_of_an_untrained_m_are_left_out(figure, frames):
    """M = 16 has no idealised predictors, and M = 4096 has only those."""
    changed = dict(frames)
    for table in ("idealised_losses", "pca_idealised"):
        ideal = frames[table]
        kept = ideal[ideal["task_diversity"] != 16]
        changed[table] = kept.replace({"task_diversity": {64: 4096}})
    made = draw(figure, changed)
    shown = [axes for axes in panels(made) if marks(axes, "dmmse")]
    assert shown
    if figure == "figure3":  # where they are shown beside the trained ones
        ticks = shown[0].get_xticks()
        assert ticks.tolist() == [0, 4, 6, 8, 12, 13.5]
        return
    colours = style.DiversityColours(GRID)
    for axes in shown:
        assert {colour for *_, colour in marks(axes, "dmmse")} <= {colours[1], colours[256]}


# -- a third predictor -----------------------------------------------------------------------


@pytest.mark.parametrize("of_tasks", [True, False], ids=["of the tasks", "for all M"])
def test_a_third_predictor_is_shown_where_predictors_are(of_tasks, with_third, colours):
    name, frames = with_third(of_tasks)
    black, finite = {colours[INF]}, {colours[M] for M in GRID[:-1]}
    expected = {
        "figure1": finite | black if of_tasks else black,
        "in_distribution_losses": finite | black if of_tasks else black,
        "pc_over_time": finite if of_tasks else black,
        "pc_pairs": finite if of_tasks else black,
    }
    # The tables of the other figures do not depend on it, so it is enough to draw them once.
    others = [figure for figure in FIGURES if figure != "draws"]  # whose panels are those of others
    for figure in others if of_tasks else WITH_PREDICTORS:
        made = draw(figure, frames_of(figure, frames))
        shown = {colour for axes in panels(made) for *_, colour in marks(axes, name)}
        keys = [*legend(made), *(label for axes in panels(made) for label in legend_of(axes))]
        assert keys.count(third.LABEL) == (figure in WITH_PREDICTORS)
        if figure == "figure3":  # its levels are one line, in a colour for each predictor
            (line,) = [line for line in panels(made)[0].lines if line.get_label() == third.LABEL]
            assert line.get_ydata() == pytest.approx(
                [world_tables.third_loss(M if of_tasks else INF) for M in GRID]
            )
            assert line.get_color() not in {
                other.get_color() for other in panels(made)[0].lines if other is not line
            }
        else:
            assert shown == expected.get(figure, set())


# -- legibility ------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", FIGURES)
def test_labels_do_not_overlap_and_stay_inside(figure, drawn):
    legible(drawn(figure))


@pytest.mark.parametrize("figure", ["figure1", "training_curves"])
def test_a_grid_as_large_as_the_papers_stays_legible(figure):
    grid = (*[2**power for power in range(16)], 6, 24, 182, 362, INF)
    frames = world_tables.tables(grid=grid, seeds=(0,))
    made = lay_out(draw(figure, frames_of(figure, frames)))
    legible(made)
    (bar,) = [axes for axes in made.axes if axes not in panels(made)]
    ticks = bar.get_xticklabels() or bar.get_yticklabels()
    assert [tick.get_text() for tick in ticks] == names(figure, sorted(grid))
    assert ticks[-1].get_rotation() == 0


def legible(made: Figure):
    """Assert that no two labels overlap and none leaves the figure."""
    boxes = [(text, box) for text, box in boxes_of(made) if box.width > 0]
    assert len(boxes) > 1
    inside = made.bbox.padded(1)
    for i, (text, box) in enumerate(boxes):
        assert inside.contains(box.x0, box.y0), text
        assert inside.contains(box.x1, box.y1), text
        for other, place in boxes[:i]:
            assert not box.padded(-0.5).overlaps(place.padded(-0.5)), (text, other)


def boxes_of(made: Figure):
    """Name and extent of every title, label and tick in view, and of every key."""
    renderer = made.canvas.get_renderer()
    for axes in made.axes:
        for text in axes.texts:
            yield text.get_text(), text.get_window_extent(renderer)
        if not axes.axison:
            continue
        for text in (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label):
            if text.get_text():
                yield text.get_text(), text.get_window_extent(renderer)
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                text = tick.label1
                if low <= tick.get_loc() <= high and text.get_text() and text.get_visible():
                    yield text.get_text(), text.get_window_extent(renderer)
    for key in made.legends:
        yield "key", key.get_window_extent(renderer)
