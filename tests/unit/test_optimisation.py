"""Optimisers, schedules and clipping."""

import pytest
import torch

from transient_ridge.config.runs import Run
from transient_ridge.config.settings import RateSettings, TrainedBy, TrainingSettings
from transient_ridge.errors import ConfigError
from transient_ridge.training.optimisation import (
    clip,
    gradient_norms,
    make_optimisers,
    rate_factor,
    set_rates,
)
from transient_ridge.training.optimisers.muon import Muon, orthogonalise
from transient_ridge.training.part_rates import part_of
from transient_ridge.training.stack import Stack
from transient_ridge.training.step import take_step
from transient_ridge.training.trainer import Trainer

MUON = {"name": "muon", "learning_rate": 0.5, "split_qkv": False}
SETTINGS = TrainingSettings(
    steps=100, batch_size=8, optimiser=MUON, learning_rate=0.1,
    betas=(0.9, 0.999), schedule="constant", warmup_steps=10, decay_steps=20, gradient_clip=None, precision="float32",
    average=None, keep_raw=False, rate_multipliers=RateSettings(embedding=1, attention=1, mlp=1, unembedding=1),
)  # fmt: skip


@pytest.mark.parametrize("shape", [(48, 16), (16, 48), (32, 32)])
def test_muon_agrees_with_torch_up_to_bfloat16(shape):
    torch.manual_seed(0)
    ours = torch.nn.Parameter(torch.randn(shape))
    theirs = torch.nn.Parameter(ours.detach().clone())
    start = ours.detach().clone()
    a, b = Muon([ours], lr=0.1), torch.optim.Muon([theirs], lr=0.1, weight_decay=0.0)
    for _ in range(4):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        a.step()
        b.step()
    assert (ours - theirs).norm() < 0.03 * (ours - start).norm()


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_sgd_moves_against_the_sum_of_gradients(momentum):
    """Each update is the rate times the gradient, plus the momentum times the last update."""
    optimiser = {"name": "sgd", "momentum": momentum}
    parameter = torch.nn.Parameter(torch.zeros(3))
    (made,) = make_optimisers(
        {"unembedding.weight": parameter}, SETTINGS.changed(optimiser=optimiser)
    )
    update, expected = torch.zeros(3), torch.zeros(3)
    for _ in range(3):
        parameter.grad = torch.randn(3)
        update = momentum * update - 0.1 * parameter.grad
        expected = expected + update
        made.step()
        torch.testing.assert_close(parameter.detach(), expected)


def test_newton_schulz_brings_singular_values_near_one():
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(3, 2, 24, 16), 1e-7))
    assert values.shape == (3, 2, 16)
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_a_stack_of_matrices_moves_like_its_matrices_one_by_one():
    torch.manual_seed(0)
    stack = torch.nn.Parameter(torch.randn(5, 8, 12))
    alone = [torch.nn.Parameter(matrix.clone()) for matrix in stack.detach()]
    together, separately = Muon([stack], lr=0.1), [Muon([p], lr=0.1) for p in alone]
    for _ in range(3):
        stack.grad = torch.randn_like(stack)
        for parameter, gradient in zip(alone, stack.grad, strict=True):
            parameter.grad = gradient.clone()
        together.step()
        for optimiser in separately:
            optimiser.step()
    torch.testing.assert_close(stack.detach(), torch.stack([p.detach() for p in alone]))


def test_muon_takes_the_blocks_matrices_and_adam_the_rest():
    parameters = {
        name: torch.nn.Parameter(torch.randn(shape))
        for name, shape in {
            "blocks.0.mlp_in.weight": (4, 3),
            "blocks.0.mlp_in.bias": (4,),
            "token_embedding.weight": (3, 3),
        }.items()
    }
    adam, muon = make_optimisers(parameters, SETTINGS)
    assert [p.shape for p in muon.param_groups[0]["params"]] == [(4, 3)]
    assert len(adam.param_groups[0]["params"]) == 2
    only = make_optimisers(parameters, SETTINGS.changed(optimiser="adam"))
    assert len(only) == 1
    assert len(only[0].param_groups[0]["params"]) == 3


def names_of(group: dict, parameters: dict) -> set[str]:
    return {name for name, p in parameters.items() if any(p is each for each in group["params"])}


def test_a_separate_rate_makes_a_separate_group(tiny):
    parameters = Trainer(Run(4, 0), TrainedBy.of(tiny), torch.device("cpu")).parameters
    assert [len(o.param_groups) for o in make_optimisers(parameters, SETTINGS)] == [1, 1]
    rates = RateSettings(embedding=2, attention=0.5, mlp=1, unembedding=1)
    settings = SETTINGS.changed(rate_multipliers=rates)
    adam, muon = make_optimisers(parameters, settings)
    by_rate = {group["lr"]: names_of(group, parameters) for group in adam.param_groups}
    assert by_rate.keys() == {0.2, 0.05, 0.1}
    assert by_rate[0.2] == {"token_embedding.weight", "position_embedding"}
    norms = {f"blocks.{n}.attention_norm.{part}" for n in (0, 1) for part in ("weight", "bias")}
    assert by_rate[0.05] == norms
    assert {"unembedding.weight", "final_norm.bias", "blocks.0.mlp_in.bias"} <= by_rate[0.1]
    by_rate = {group["lr"]: names_of(group, parameters) for group in muon.param_groups}
    assert by_rate.keys() == {0.25, 0.5}
    assert by_rate[0.5] == {
        f"blocks.{n}.mlp_{part}.weight" for n in (0, 1) for part in ("in", "out")
    }
    set_rates([adam, muon], settings.changed(schedule="linear"), 4)
    assert sorted(group["lr"] for group in muon.param_groups) == pytest.approx([0.12, 0.24])


def test_a_part_with_rate_zero_does_not_move(tiny):
    tiny["training"]["rate_multipliers"]["mlp"] = 0
    trainer = Trainer(Run(4, 0), TrainedBy.of(tiny), torch.device("cpu"))
    before = {name: p.detach().clone() for name, p in trainer.parameters.items()}
    for _ in range(3):
        take_step(Stack([trainer]))
    moved = {name for name, p in trainer.parameters.items() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if part_of(name) != "mlp"}


def test_a_rate_for_a_part_that_the_model_lacks_is_refused():
    shapes = {"blocks.0.mlp_in.weight": (4, 3), "blocks.0.mlp_in.bias": (4,)}
    only_mlp = {name: torch.nn.Parameter(torch.randn(shape)) for name, shape in shapes.items()}
    settings = SETTINGS.changed(
        rate_multipliers=RateSettings(embedding=1, attention=0.5, mlp=1, unembedding=1)
    )
    with pytest.raises(ConfigError, match=r"rate_multipliers\.attention = 0\.5: .* only mlp"):
        make_optimisers(only_mlp, settings)
    make_optimisers(only_mlp, SETTINGS)


@pytest.mark.parametrize("stack_dims", [0, 1])
def test_q_k_and_v_can_be_separate_matrices(stack_dims):
    torch.manual_seed(0)
    shape = (*[5] * stack_dims, 12, 4)
    qkv, projection = (torch.nn.Parameter(torch.randn(shape)) for _ in range(2))
    alone = [torch.nn.Parameter(p.clone()) for p in qkv.detach().split(4, dim=-2)]
    named = {
        "blocks.0.attention.qkv.weight": qkv,
        "blocks.0.attention.projection.weight": projection,
        "blocks.0.mlp_in.bias": torch.nn.Parameter(torch.zeros(shape[:-1])),
    }
    settings = SETTINGS.changed(optimiser=MUON | {"split_qkv": True})
    together = make_optimisers(named, settings, stack_dims)[-1]
    assert [group["parts"] for group in together.param_groups] == [1, 3]
    separately = Muon(alone, lr=MUON["learning_rate"])
    for _ in range(3):
        qkv.grad, projection.grad = torch.randn(shape), torch.randn(shape)
        for parameter, gradient in zip(alone, qkv.grad.split(4, dim=-2), strict=True):
            parameter.grad = gradient.clone()
        together.step()
        separately.step()
    torch.testing.assert_close(qkv.detach(), torch.cat([p.detach() for p in alone], dim=-2))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", {0: 1.0, 50: 1.0, 99: 1.0}),
        ("warmup", {0: 0.1, 4: 0.5, 9: 1.0, 99: 1.0}),
        ("linear", {0: 0.1, 50: 0.5, 99: 0.01}),
        ("wsd", {0: 0.1, 9: 1.0, 79: 1.0, 80: 1.0, 90: 0.5, 99: 0.05}),
        ("one_cycle", {0: 0.02, 49: 1.0, 50: 1.0, 99: 0.02}),
    ],
)
def test_schedules(schedule, expected):
    settings = SETTINGS.changed(schedule=schedule)
    assert {step: rate_factor(settings, step) for step in expected} == pytest.approx(expected)
    assert all(0 < rate_factor(settings, step) <= 1 for step in range(100))


def test_rates_scale_both_optimisers():
    parameters = {
        "blocks.0.w": torch.nn.Parameter(torch.randn(3, 3)),
        "b": torch.nn.Parameter(torch.zeros(1)),
    }
    settings = SETTINGS.changed(schedule="warmup")
    optimisers = make_optimisers(parameters, settings)
    for _ in range(2):
        set_rates(optimisers, settings, 4)
        assert [o.param_groups[0]["lr"] for o in optimisers] == pytest.approx([0.05, 0.25])


def test_gradient_norms_are_joint_within_each_run():
    torch.manual_seed(0)
    gradients = [torch.randn(3, 4, 5), torch.randn(3, 6)]
    norms = gradient_norms(gradients, stack_dims=1)
    assert norms.shape == (3,)
    for run, norm in enumerate(norms):
        alone = [g[run] for g in gradients]
        torch.testing.assert_close(norm, torch.nn.utils.get_total_norm(alone))
        torch.testing.assert_close(norm, gradient_norms(alone))


def test_clipping_bounds_each_runs_joint_norm():
    gradients = [torch.full((2, 3), 10.0), torch.full((2, 3, 1), 10.0)]
    for gradient in gradients:
        gradient[1] *= 1e-3
    before = [g[1].clone() for g in gradients]
    clip(gradients, gradient_norms(gradients, stack_dims=1), 1.0)
    assert gradient_norms(gradients, stack_dims=1).tolist() == pytest.approx([1, 0.0245], rel=1e-3)
    assert all(torch.equal(g[1], b) for g, b in zip(gradients, before, strict=True))
    alone = [g[0] * 7 for g in gradients]
    clip(alone, gradient_norms(alone), 1.0)
    assert float(gradient_norms(alone)) == pytest.approx(1, rel=1e-4)
