"""The examples of docs/python.md run in order and do what the page says."""

import re

import torch

from tests.conftest import ROOT

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks() -> list[str]:
    """The examples, in order."""
    return BLOCK.findall((ROOT / "docs" / "python.md").read_text())


def test_no_example_is_longer_than_ten_lines():
    assert all(0 < len(block.splitlines()) <= 10 for block in blocks())


def test_the_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks():
        exec(block, names)
    assert names["config"]["data"]["noise_variance"] == 0.25
    steps = names["config"]["training"]["steps"]
    assert names["kept"].steps[-1] == steps
    assert names["predictions"].shape == (8, 3)
    assert torch.isfinite(names["predictions"]).all()
    assert names["estimates"].frame()["step"].tolist() == [steps]
    frames = names["frames"]
    assert set(frames) == {"training", "losses"}
    assert frames["losses"]["step"].max() == steps
    assert set(frames["losses"]["task_diversity"]) == {4.0}
    assert set(names["paths"].trajectories["step"]) == {0, 10, 100}
    shown = capsys.readouterr().out
    assert "do not believe it" in shown
    assert "ridge" in shown
    assert "healthy" in shown
