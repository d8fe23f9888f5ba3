"""The GPU check runs wherever there is a CPU."""

import json
import subprocess

import pytest

from benchmarks import gpu_check
from tests.conftest import ROOT


def test_the_check_writes_where_no_preset_does():
    done = subprocess.run(
        ["make", "-n", "gpu-check"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in done.stdout.splitlines() if "benchmarks.gpu_check" in line]
    assert not line.split()[-1].startswith("results/")


@pytest.mark.slow
def test_the_check_runs_small_on_a_cpu(tmp_path, capsys):
    gpu_check.main([str(tmp_path), "--device", "cpu", "--small"])
    found = json.loads((tmp_path / "gpu-check.json").read_text())
    page = (tmp_path / "gpu-check.md").read_text()
    assert page.strip() == capsys.readouterr().out.strip()
    assert "Small sizes" in page
    assert set(found["paper_training"]) == {"float32", "tf32", "bf16"}
    assert list(found["laptop_stacks"]) == ["1", "2", "4"]
    assert all(stack["run_steps_per_s"] > 0 for stack in found["laptop_stacks"].values())
    cost, step = found["paper_cost"]["float32"], found["paper_training"]["float32"]["step_ms"]
    hours = step / 1000 * 1024 / 4 * 150_000 * 21 / 3600
    assert cost["device_hours"] == pytest.approx(hours)
    assert cost["disk_gb_all_weights"] == pytest.approx(490, rel=0.01)
