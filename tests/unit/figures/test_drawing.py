"""What figures share: the catalogue, the style, panels, and pictures as files."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgb
from PIL import Image

from tests.unit.figures.conftest import draw, lay_out
from tests.unit.figures.reading import lines, marks, silent
from tests.unit.world_tables import GRID, INF
from transient_ridge import stage
from transient_ridge.artefacts.catalogue import catalogue
from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.config.registries import PREDICTORS
from transient_ridge.config.runs import Run
from transient_ridge.figures.drawing import panels, style
from transient_ridge.figures.drawing.picture import PNG_DPI, Picture

# -- the catalogue ---------------------------------------------------------------------------


@pytest.mark.parametrize("figure", catalogue())
def test_the_source_and_the_decorator_agree(figure):
    entry = catalogue()[figure]
    found = stage.load(entry.module)
    assert found.tables == entry.tables
    assert set(entry.tables) <= set(TABLES)
    assert found.writes == ("png", "svg")


def test_every_stage_among_the_figures_is_in_the_catalogue():
    assert {entry.module for entry in catalogue().values()} == {
        name for name in stage.stages() if "figures" in name.split(".")
    }


def test_only_figures_of_the_sampler_are_made_on_request():
    on_request = {name for name, entry in catalogue().items() if entry.on_request}
    assert on_request == {"llc_calibration", "llc_crosscheck", "llc_ladder"}


def test_the_catalogue_is_read_without_loading_drawing_code():
    code = """import sys
from transient_ridge.artefacts.catalogue import catalogue
print(*catalogue())
print(*sys.modules)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    figures, modules = done.stdout.splitlines()
    assert "figure1" in figures.split()
    assert not {"matplotlib", "torch", "pandas", "scipy"} & set(modules.split())


def test_every_figure_has_a_caption():
    for entry in catalogue().values():
        assert len(entry.caption.read_text().split()) > 40


# -- style -----------------------------------------------------------------------------------


def test_colours_are_injective_and_get_lighter_with_diversity():
    grid = [2**power for power in range(16)] + [182, 362, INF]
    colours = style.DiversityColours(grid)
    assert len({colours[M] for M in grid}) == len(grid)
    assert colours[INF] == "#000000"
    lightness = [np.dot((0.2126, 0.7152, 0.0722), to_rgb(colours[M])) for M in sorted(grid)[:-1]]
    assert np.all(np.diff(lightness) > 0)
    assert lightness[-1] < 0.75  # visible on white


def test_colours_of_a_grid_of_one():
    assert style.DiversityColours([16])[16] != style.DiversityColours([INF])[INF]
    assert style.DiversityColours([]).values == []


def test_tables_share_the_colours_of_the_grid_that_they_cover_together(frames):
    losses = frames["losses"]
    few, rest = losses[losses["task_diversity"] < 64], losses[losses["task_diversity"] >= 64]
    assert style.colours_of(rest, few).values == list(GRID)
    assert style.label(INF) == "∞"
    assert style.label(16.0) == "16"


def test_every_kind_of_point_has_a_distinct_marker_and_name():
    kinds = [*PREDICTORS.names, style.CRITICAL, style.END]
    assert len({style._marker(kind)["marker"] for kind in kinds}) == len(kinds)
    assert len({style.name_of_kind(kind) for kind in kinds}) == len(kinds)


def test_predictors_of_the_task_set_come_first(frames):
    losses = frames["idealised_losses"]
    ridge, dmmse = (losses[losses["predictor"] == name] for name in ("ridge", "dmmse"))
    assert style.predictors_in(ridge, dmmse) == ["dmmse", "ridge"]
    assert style.predictors_in(ridge) == ["ridge"]


# -- panels ----------------------------------------------------------------------------------


@pytest.fixture
def axes():
    with style.styled():
        return style.new_figure(style.SINGLE_COLUMN, 2.0).subplots()


@pytest.fixture
def colours():
    return style.DiversityColours((16, INF))


def ticks(axis):
    low, high = axis.get_view_interval()
    return [
        tick.label1.get_text()
        for tick in axis.get_major_ticks()
        if low <= tick.get_loc() <= high and tick.label1.get_text()
    ]


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(1.3, 1.9, {"1.4", "1.6"}), (0.9, 4.2, {"1", "2", "4"}), (0.9, 4000, {"1", "10", "100"})],
)
def test_loss_axes_have_plain_numbers_over_any_range(low, high, shown, axes):
    axes.set_ylim(low, high)
    panels.loss_axis(axes.yaxis)
    axes.set_ylim(low, high)
    lay_out(axes.figure)
    assert shown <= set(ticks(axes.yaxis))
    assert all(float(text) > 0 for text in ticks(axes.yaxis))


def test_step_zero_has_a_place_and_decades_are_named(axes, frames):
    panels.step_axis(axes, frames["losses"]["step"])
    lay_out(axes.figure)
    assert ticks(axes.xaxis) == ["0", "1", "10", "$10^{2}$", "$10^{3}$", "$10^{4}$"]
    left, right = axes.get_xlim()
    assert left < 0
    assert right > frames["losses"]["step"].max()


def test_levels_are_outside_and_those_for_all_m_further_out(axes, colours):
    for M in (16, 64, INF):
        panels.level(axes, 1.0 if M == 16 else 2.0, "ridge" if M == INF else "dmmse", M, colours)
    ((near, *_),) = marks(axes, "dmmse")  # M = 64 is not in the grid
    ((far, *_),) = marks(axes, "ridge")
    assert 1 < near < far


def test_a_path_is_named_by_its_run(axes, colours):
    panels.path(axes, [0, 1], [2, 3], Run(INF, 3), colours)
    assert set(lines(axes)) == {"Minf-seed3"}


def test_a_note_replaces_the_ticks_of_an_empty_panel(axes):
    assert silent(axes)
    style.note(axes, "not measured")
    lay_out(axes.figure)
    assert not silent(axes)
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == []


# -- pictures --------------------------------------------------------------------------------

RECORD = {"settings": {"figure": "training_curves"}, "settings_hash": "0123", "wall_seconds": 1.5}


def test_the_same_tables_give_the_same_bytes_with_their_origin(frames, tmp_path):
    for turn in ("a", "b"):
        picture = Picture(draw("training_curves", frames))
        for suffix in ("png", "svg"):
            picture.save(tmp_path / f"{turn}.{suffix}", {**RECORD, "wall_seconds": len(turn)})
    for suffix in ("png", "svg"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    lasts = {name: value for name, value in RECORD.items() if name != "wall_seconds"}
    with Image.open(tmp_path / "a.png") as image:
        assert json.loads(image.text["Description"]) == lasts
        assert round(image.info["dpi"][0]) == PNG_DPI
        assert image.width == round(PNG_DPI * style.SINGLE_COLUMN)
    tree = ElementTree.parse(tmp_path / "a.svg")
    (description,) = tree.iter("{http://purl.org/dc/elements/1.1/}description")
    assert json.loads(description.text) == lasts
    assert not list(tree.iter("{http://purl.org/dc/elements/1.1/}date"))
    for suffix in ("png", "svg"):  # neither holds a version
        assert b"Matplotlib v" not in (tmp_path / f"a.{suffix}").read_bytes()
    beside = json.loads((tmp_path / "a.svg.provenance.json").read_text())
    assert beside["artefact"] == "a.svg"
    assert beside["wall_seconds"] == 1


def test_different_tables_give_a_different_picture(frames, tmp_path):
    training = frames["training"].assign(loss=2 * frames["training"]["loss"])
    for name, given in (("a", frames), ("b", {**frames, "training": training})):
        Picture(draw("training_curves", given)).save(tmp_path / f"{name}.svg", RECORD)
    assert (tmp_path / "a.svg").read_bytes() != (tmp_path / "b.svg").read_bytes()


def test_a_figure_that_cannot_be_rendered_leaves_no_file(tmp_path):
    figure = style.new_figure(2, 2)
    figure.text(0.5, 0.5, "$\\nonsense$")
    with pytest.raises(ValueError, match="nonsense"):
        Picture(figure).save(tmp_path / "a.png", RECORD)
    assert list(tmp_path.iterdir()) == []


def test_a_decorated_function_gives_one_figure_twice_and_registers_none_with_pyplot(frames):
    png, svg = stage.load(catalogue()["training_curves"].module).compute(frames)
    assert png is svg
    assert png.figure.axes
    assert pyplot.get_fignums() == []
