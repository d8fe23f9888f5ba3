"""Every entry of every registry implements the protocol that its package names."""

import importlib
import inspect
from typing import Any, get_args, get_type_hints

import pytest
import torch

from tests.potentials import noise, settings
from transient_ridge.config import registries
from transient_ridge.config.registries import PRECONDITIONERS, SAMPLERS, Registry
from transient_ridge.llc.contracts import PreconditionerEntry, Sampler
from transient_ridge.llc.curvature.metric import Metric
from transient_ridge.llc.dynamics import Dynamics
from transient_ridge.model.contracts import AttentionMechanism
from transient_ridge.regression.contracts import InputLaw, Predictor, TaskFamily
from transient_ridge.training.contracts import Adapter, Optimiser, Schedule

CONTRACTS = {
    registries.PREDICTORS: Predictor,
    registries.TASK_FAMILIES: TaskFamily,
    registries.INPUT_LAWS: InputLaw,
    registries.ATTENTION: AttentionMechanism,
    registries.OPTIMISERS: Optimiser,
    registries.ADAPTERS: Adapter,
    registries.SCHEDULES: Schedule,
    registries.PRECONDITIONERS: PreconditionerEntry,
    registries.SAMPLERS: Sampler,
}
ENTRIES = [(registry, name) for registry in CONTRACTS for name in registry.names]


def faults(entry, contract) -> list[str]:
    """How the module ``entry`` falls short of the protocol ``contract``."""
    found = [
        f"{name} is not a {kind.__name__}"
        for name, kind in get_type_hints(contract).items()
        if not isinstance(getattr(entry, name, None), kind)
    ]
    for name, method in inspect.getmembers(contract, inspect.isfunction):
        if not name.startswith("_"):
            found += faults_of_function(
                getattr(entry, name, None), method, hasattr(entry, "Options")
            )
    return found


def faults_of_function(offered, method, has_options) -> list[str]:
    """How a function, or a class that is called like one, differs from a protocol's ``method``."""
    name = method.__name__
    if offered is None:
        return [f"{name} is missing"]
    of_class = inspect.isclass(offered)
    hints = get_type_hints(offered.__init__ if of_class else offered)
    wanted = get_type_hints(method)
    if not fits(offered if of_class else hints.get("return"), wanted.pop("return")):
        return [f"{name} returns something else"]
    parameters = dict(inspect.signature(offered).parameters)
    if has_options and "options" not in parameters:
        return [f"{name} takes no options"]
    parameters.pop("options" if has_options else None, None)
    if list(parameters)[: len(wanted)] != list(wanted):
        return [f"{name} takes {', '.join(parameters)} instead of {', '.join(wanted)}"]
    found = [
        f"{name}: {each} has another type" for each in wanted if not fits(hints[each], wanted[each])
    ]
    extra = [
        each for each in list(parameters.values())[len(wanted) :] if each.default is each.empty
    ]
    return found + [f"{name} also requires {each.name}" for each in extra]


def fits(offered, wanted) -> bool:
    """Whether the annotation ``offered`` satisfies ``wanted``: the same type, or an implementation of it."""
    if wanted is Any or offered == wanted:
        return True
    if getattr(wanted, "_is_protocol", False):
        return all(hasattr(offered, name) for name in vars(wanted) if not name.startswith("_"))
    # In some versions of numpy, a bare `floating` is `floating[Any]`.
    if get_args(wanted):
        return str(offered).replace("[typing.Any]", "") == str(wanted).replace("[typing.Any]", "")
    return inspect.isclass(offered) and inspect.isclass(wanted) and issubclass(offered, wanted)


def test_every_registry_has_a_contract():
    assert set(CONTRACTS) == {
        each for each in vars(registries).values() if isinstance(each, Registry)
    }
    for registry, contract in CONTRACTS.items():
        package = importlib.import_module(f"transient_ridge.{registry.package}")
        assert f":class:`~..contracts.{contract.__name__}`" in (package.__doc__ or "")


@pytest.mark.parametrize(
    ("registry", "name"), ENTRIES, ids=[f"{registry.kind} {name}" for registry, name in ENTRIES]
)
def test_every_entry_implements_its_contract(registry, name):
    if registry is registries.TASK_FAMILIES and registry.offers(name, "members"):
        module = registry.load(name)
        assert not faults_of_function(module.members, TaskFamily.sample, hasattr(module, "Options"))
        return
    assert not faults(registry.load(name), CONTRACTS[registry])


def test_faults_are_found():
    """The check above finds these faults in a module that has them."""

    class Wrong:
        LABEL = 3
        MARKER = "x"
        OF_TASK_SET = False

        @staticmethod
        def predict(x: torch.Tensor, y: torch.Tensor, noise_variance: float) -> torch.Tensor: ...

    assert faults(Wrong, Predictor) == [
        "LABEL is not a str",
        "predict takes x, y, noise_variance instead of x, y, tasks, noise_variance",
    ]


def test_devinterp_is_given_the_options_of_its_preconditioner(monkeypatch):
    asked = []

    def function(choice, name):
        asked.append((choice, name))
        return lambda groups, shared, metric: torch.optim.SGD(groups, lr=shared["lr"])

    monkeypatch.setattr(PRECONDITIONERS, "function", function)
    hyper = settings(sampler="devinterp", preconditioner="none", chains=2)
    dynamics = Dynamics(torch.zeros(3), hyper, 10.0, 1.0, Metric(torch.ones(1, 1)))
    SAMPLERS.load("devinterp").init(torch.zeros(2, 3), dynamics, noise(3, 2))
    assert asked == [("none", "devinterp")]
