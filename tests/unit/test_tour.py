"""The cells of docs/tour.md run in order, as in Jupyter."""

import os

from tests.conftest import ROOT
from tests.unit.test_python_docs import BLOCK


def test_the_tour_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.symlink(ROOT / "results", tmp_path / "results")
    names: dict = {}
    for cell in BLOCK.findall((ROOT / "docs" / "tour.md").read_text()):
        exec(cell, names)
    for figure in ("figure1", "hook"):
        assert (tmp_path / "tour" / f"{figure}.png").stat().st_size > 20_000
    assert names["found"].resolution == 1000 / 300
    shown = capsys.readouterr().out
    assert "ridge tensor" in shown
    assert "LLC" in shown
    assert "moved by" in shown
