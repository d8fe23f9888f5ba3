"""The ladder of resolutions, on losses whose LLC is known at each."""

import numpy as np
import pytest
import torch

from tests.potentials import Potential, centre, noise, settings
from transient_ridge.config.settings import HealthSettings
from transient_ridge.llc import quadratic
from transient_ridge.llc.curvature.lanczos import lanczos
from transient_ridge.llc.ladder import ladder

OFF = dict.fromkeys(HealthSettings.model_fields)
LIMITS = HealthSettings(**{**OFF, "relaxations": 3, "distance_trend": 0.1})
CURVATURES = np.logspace(-2, 2, 12)


class Quadratic(Potential):
    def __init__(self) -> None:
        a = torch.from_numpy(CURVATURES)
        super().__init__(lambda w: 0.5 * (a * w * w).sum(dim=1), torch.zeros(len(a)))

    def noise(self, part=0):
        return noise(len(self.centre), 16, seed=4 + part)


def climb(cells, limits=LIMITS, **changes):
    base = {
        "chains": 16,
        "preconditioner": "diagonal",
        "sampler": "leimkuhler_matthews",
        "epsilon": 0.5,
    }
    chains = settings(**{**base, "burn_in": 20, "draws": 600, **changes})
    return list(ladder(Quadratic(), centre(len(CURVATURES)), chains, limits, cells))


def test_every_cell_is_the_quadratic_at_its_resolution():
    cells = [(n_beta, r) for n_beta in (100.0, 10_000.0) for r in (10.0, 1.0, 0.1, 0.01)]
    found = climb(cells)
    assert [cell.n_beta for cell in found] == [n_beta for n_beta, _ in cells]
    assert [cell.resolution for cell in found] == pytest.approx([r for _, r in cells])
    for cell in found:
        truth = (0.5 * CURVATURES / (CURVATURES + cell.resolution)).sum()
        assert cell.found.standard_error < 0.05 * truth
        assert abs(cell.found.llc - truth) < 3.5 * cell.found.standard_error
        assert abs(cell.halved.llc - truth) < 3.5 * cell.halved.standard_error
    assert sum(cell.equilibrated for cell in found) >= 7  # |z| > 2 is one in twenty


def test_the_curvature_that_chains_feel_is_measured_once_per_cell(monkeypatch):
    """It depends on n beta and gamma, but not on the step, so the cell with half the step shares it."""
    runs = []

    def counted(*args):
        runs.append(1)
        return lanczos(*args)

    monkeypatch.setattr(quadratic, "lanczos", counted)
    climb([(100.0, 1.0), (100.0, 10.0), (1000.0, 1.0)], draws=20)
    assert len(runs) == 3


def test_a_cell_without_time_to_equilibrate_is_marked_and_not_sampled():
    (cell,) = climb([(100.0, 1.0)], burn_in=11)
    assert not cell.equilibrated
    assert cell.found is None
    assert cell.faults == ("not equilibrated: 11 steps of burn-in, and it takes 12",)
    # Without a preconditioner the time depends on the cell: 2 / (eps gamma) steps each.
    coarse, fine = climb(
        [(100.0, 10.0), (100.0, 0.1)], preconditioner="none", epsilon=1e-4, burn_in=100
    )
    assert coarse.found is not None
    assert fine.faults == ("not equilibrated: 100 steps of burn-in, and it takes 6000",)


def test_halving_reveals_a_step_that_is_too_large():
    (cell,) = climb([(1000.0, 0.1)], sampler="sgld", epsilon=1.5)
    assert not cell.equilibrated
    assert cell.z > 2
    assert "half the step gives" in cell.faults[-1]


def test_a_cell_that_diverges_is_marked():
    """The step is stable at the lower n beta only; the ladder goes on after the cell that diverges."""
    wild, tame = climb(
        [(1000.0, 10.0), (10.0, 10.0)], preconditioner="none", epsilon=1e-3, burn_in=100
    )
    assert wild.found is None
    assert "diverged by step" in wild.faults[0]
    assert not wild.equilibrated
    truth = (0.5 * CURVATURES / (CURVATURES + 10)).sum()
    for each in (tame.found, tame.halved):
        assert each.standard_error < 0.05 * truth
        assert abs(each.llc - truth) < 3.5 * each.standard_error
