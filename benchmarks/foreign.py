"""LLCs of other people's models: ``estimate_llc`` beside devinterp's SGLD on the same module, loss and data."""

import time
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from transient_ridge import LlcEstimate, estimate_llc
from transient_ridge.llc.estimate import ChainMean


class Foreign(NamedTuple):
    module: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    data: tuple[Tensor, Tensor]


class Recurrent(nn.Module):
    """A GRU whose last state is read out."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(2, 4, batch_first=True)
        self.readout = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.readout(self.cell(x)[0][:, -1])
        return found


class Language(nn.Module):
    """A causal transformer over tokens, with logits (B, T, V)."""

    def __init__(self, vocabulary: int = 6, length: int = 5, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(0.1 * torch.randn(length, width))
        layer = nn.TransformerEncoderLayer(
            width, 2, 16, dropout=0.1, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.logits = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        T = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(T)
        h = self.blocks(self.tokens(tokens) + self.positions[:T], mask=mask)
        found: Tensor = self.logits(h)
        return found


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 4, 2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(16, 3),
    )


def of_tokens(logits: Tensor, tokens: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def linear(n: int = 512, width: int = 10) -> Foreign:
    """Linear regression at its exact minimum, in float64, whose Gaussian posterior is known exactly."""
    source = torch.Generator().manual_seed(0)
    x = torch.randn(n, width, generator=source) * torch.linspace(0.1, 2.0, width)
    y = x.sum(dim=1, keepdim=True) + 0.3 * torch.randn(n, 1, generator=source)
    module = nn.Linear(width, 1, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.linalg.lstsq(x.double(), y.double()).solution.T)
    return Foreign(module, F.mse_loss, (x.double(), y.double()))


def hessian(of: Foreign) -> Tensor:
    """Its eigenvalues for :func:`linear`."""
    x, _ = of.data
    found: Tensor = torch.linalg.eigvalsh(2 * x.T @ x / len(x))
    return found


def exact(of: Foreign, r: float) -> float:
    """The LLC 1/2 sum h / (h + r) of :func:`linear`."""
    h = hessian(of)
    return float((h / (h + r)).sum() / 2)


def _images(n: int) -> Foreign:
    x = torch.randn(n, 1, 8, 8)
    scores = F.conv2d(x, torch.randn(3, 1, 8, 8)).flatten(1) / 4
    labels = scores.softmax(dim=1).multinomial(1)[:, 0]
    return Foreign(convolutional(), F.cross_entropy, (x, labels))


def _series(n: int) -> Foreign:
    x = torch.randn(n, 4, 2)
    y = x[:, -1:, 0].tanh() * x[:, -2:-1, 1] + 0.3 * torch.randn(n, 1)
    return Foreign(Recurrent(), F.mse_loss, (x, y))


def _sentences(n: int) -> Foreign:
    chances = torch.softmax(2 * torch.randn(6, 6), dim=1)
    words = [torch.randint(6, (n,))]
    for _ in range(5):
        words.append(chances[words[-1]].multinomial(1)[:, 0])
    tokens = torch.stack(words, dim=1)
    return Foreign(Language(), of_tokens, (tokens[:, :-1], tokens[:, 1:]))


MAKERS = {"convnet": _images, "GRU": _series, "GPT": _sentences}
#: n beta and gamma of each posterior.
POSTERIORS: dict[str, dict[str, float]] = {
    "convnet": {"n_beta": 100.0, "gamma": 10.0},
    "GRU": {"n_beta": 100.0, "gamma": 10.0},
    "GPT": {"n_beta": 100.0, "gamma": 1000.0},
}
#: What our sampler needs for a healthy estimate of each.
OURS: dict[str, dict[str, int]] = {
    "convnet": {"draws": 200, "minibatch": 128},
    "GRU": {"draws": 200},
    "GPT": {"draws": 200},
}
#: What devinterp needs: a step that adds at most 1 %, and 6 / (eps gamma) steps of burn-in, in which a flat direction
#: relaxes three times.
THEIRS: dict[str, dict[str, Any]] = {
    "convnet": {"epsilon": 4e-4, "burn_in": 1500, "draws": 1500},
    "GRU": {"epsilon": 2e-4, "burn_in": 3000, "draws": 3000},
    "GPT": {"epsilon": 8e-6, "burn_in": 750, "draws": 1500},
}


@cache
def trained(name: str) -> Foreign:
    """The model ``name`` near a minimum of its loss, in evaluation mode."""
    torch.manual_seed(0)
    found = MAKERS[name](256)
    module, loss, (inputs, targets) = found
    module.eval()
    steps = 600
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.02, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(module(inputs), targets).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    optimiser.zero_grad()
    return found


def ours(name: str) -> LlcEstimate:
    found, how = trained(name), {**POSTERIORS[name], **OURS[name]}
    return estimate_llc(found.module, found.loss, found.data, **how)  # type: ignore[arg-type]


def theirs(name: str) -> LlcEstimate:
    """By devinterp's SGLD, with the corrections and the health checks of ours."""
    found, how = trained(name), {**POSTERIORS[name], **THEIRS[name]}
    how |= {"sampler": "devinterp", "preconditioner": "none"}
    return estimate_llc(found.module, found.loss, found.data, **how)


def devinterp(
    of: Foreign,
    n_beta: float,
    gamma: float,
    epsilon: float,
    burn_in: int,
    draws: int,
    chains: int = 4,
    minibatch: int = 64,
    seed: int = 0,
) -> ChainMean:
    """The paired LLC by ``devinterp.optim.SGMCMC.sgld``, one chain after another; leaves the module as it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from devinterp.optim import SGMCMC  # noqa: PLC0415 - seconds of packages

    module, loss, (inputs, targets) = of
    start = {name: p.detach().clone() for name, p in module.state_dict().items()}
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        still = [loss(module(inputs[i : i + 1]), targets[i : i + 1]) for i in range(len(inputs))]
    centre_losses = torch.stack(still)
    traces = torch.zeros(chains, burn_in + draws, dtype=torch.float64)
    for chain in range(chains):
        module.load_state_dict(start)
        optimiser = SGMCMC.sgld(module.parameters(), lr=epsilon, nbeta=n_beta, localization=gamma)
        for step in range(burn_in + draws):
            rows = torch.randint(len(inputs), (minibatch,), generator=source)
            optimiser.zero_grad()
            found = loss(module(inputs[rows]), targets[rows])
            found.backward()  # type: ignore[no-untyped-call]
            traces[chain, step] = n_beta * (found.detach() - centre_losses[rows].mean())
            optimiser.step(noise_generator=source)
    module.load_state_dict(start)
    return ChainMean.of(traces[:, burn_in:].numpy())


def compare(name: str) -> str:
    """A line of the table, with the CPU seconds of this process."""
    size = sum(p.numel() for p in trained(name).module.parameters())
    cells = [name, str(size)]
    for estimator in (ours, theirs):
        began = time.process_time()
        found = estimator(name)
        seconds = time.process_time() - began
        health = "" if found.healthy else ", not healthy"
        cells.append(f"{found.llc:.3g} +- {found.standard_error:.2g}, {seconds:.0f} s{health}")
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print("| model | parameters | estimate_llc | devinterp SGLD |\n|---|---|---|---|")
    for each in MAKERS:
        print(compare(each), flush=True)
