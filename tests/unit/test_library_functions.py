"""The other functions of the library: joint PCA of any runs, ridge and dMMSE, and how they are exported."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import transient_ridge
from tests.conftest import DATA
from transient_ridge import dmmse, joint_pca, ridge
from transient_ridge.errors import InputError
from transient_ridge.regression.sequences import SequenceSource, task_set

STEPS = (0, 10, 20)


def paths() -> dict[str, dict[int, np.ndarray]]:
    """Two runs in a plane of R^12: both go along a, and one bends to b."""
    source = np.random.default_rng(0)
    a, b = np.linalg.qr(source.normal(size=(12, 2)))[0].T
    bend = {"straight": 0.0, "bent": 1.0}
    return {
        run: {step: (step / 10 * a + by * (step == 10) * b + 5).reshape(3, 4) for step in STEPS}
        for run, by in bend.items()
    }


def test_joint_pca_finds_the_plane_of_the_runs():
    runs = paths()
    found = joint_pca(runs, {"start": runs["bent"][0], "off": runs["bent"][10]})
    assert found.explained.sum() == pytest.approx(1.0)
    assert found.trajectories[["run", "step"]].to_records(index=False).tolist() == [
        (run, step) for run in runs for step in STEPS
    ]
    of_bent = found.trajectories.query("run == 'bent'")[["pc1", "pc2"]].to_numpy()
    lengths = np.linalg.norm(np.diff(of_bent, axis=0), axis=1)
    assert lengths == pytest.approx([np.sqrt(2), np.sqrt(2)])  # distances in the plane are kept
    assert of_bent[0, 0] < of_bent[-1, 0]  # PC1 points forward
    assert found.reference["point"].tolist() == ["start", "off"]
    assert found.reference[["pc1", "pc2"]].to_numpy() == pytest.approx(of_bent[:2])
    assert found.reference["pc2"].diff().iloc[1] > 0  # PC2 from the first point to the second
    assert found.project(runs["bent"][10][None]) == pytest.approx(of_bent[1:2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: runs["bent"].update({10: np.zeros(11)}), r"outputs\['bent'\]\[10\] has shape \(11,\)"),
        (lambda runs: runs["bent"].update({10: np.full((3, 4), np.nan)}), r"outputs\['bent'\]\[10\] is not finite"),
        (lambda runs: runs.clear(), "outputs: no run has a step"),
        (lambda runs: runs.update(bent={0: np.zeros(3)}, straight={}), "components = 2: must be at most 1"),
    ],
)  # fmt: skip
def test_outputs_that_do_not_fit_are_refused_by_name(change, message):
    runs = paths()
    change(runs)
    with pytest.raises(InputError, match=message):
        joint_pca(runs)


def test_a_reference_of_another_shape_is_refused_by_name():
    with pytest.raises(InputError, match=r"reference\['ridge'\] has shape \(2,\)"):
        joint_pca(paths(), {"ridge": np.zeros(2)})


def test_ridge_and_dmmse_are_functions_of_tensors():
    x, y = SequenceSource(0, DATA, 4).draw(6, "test")
    tasks = task_set(0, DATA, 4)
    of_ridge, of_dmmse = ridge(x, y, 0.125), dmmse(x, y, tasks, 0.125)
    assert of_ridge.shape == of_dmmse.shape == y.shape
    # Without pairs before it, the prediction is the prior mean: 0, or the mean of the tasks.
    assert of_ridge[:, 0].tolist() == [0.0] * 6
    torch.testing.assert_close(of_dmmse[:, 0], x[:, 0] @ tasks.mean(dim=0))
    last = x[0, :2]
    by_hand = x[0, 2] @ torch.linalg.solve(last.T @ last + 0.125 * torch.eye(2), last.T @ y[0, :2])
    torch.testing.assert_close(of_ridge[0, 2], by_hand)


def test_every_export_is_there_and_nothing_else():
    for name in transient_ridge.__all__:
        assert getattr(transient_ridge, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'estimate_lc'"):
        transient_ridge.estimate_lc  # noqa: B018


def test_importing_the_package_imports_no_torch():
    asked = "import sys, transient_ridge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
