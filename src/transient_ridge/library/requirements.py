"""Check module, loss and data before an LLC is estimated; each fault comes with its remedy."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ..errors import InputError
from .module_loss import Loss, LossOf, ModuleLoss, looped

#: Module and loss are tried on this many samples.
TRIED = 8
#: A relative difference too large for rounding in float32.
DIFFERENT = 1e-3


def checked(
    module: nn.Module, loss: Loss, data: Any, *, loss_of: LossOf, minibatch: int
) -> ModuleLoss:
    """The loss of ``module`` on ``data``. Raises InputError if no LLC can be estimated from them."""
    if loss_of not in ("outputs", "module"):
        raise InputError(f"loss_of = {loss_of!r}: must be 'outputs' or 'module'")
    _check_module(module)
    _check_data(module, data, loss_of, minibatch)
    for name, parameter in module.named_parameters():
        if not bool(parameter.isfinite().all()):
            raise InputError(f"module.{name} is not finite: load another checkpoint")
    found = ModuleLoss(module, loss, data, loss_of)
    _try(found)
    return found


def _check_module(module: nn.Module) -> None:
    for name, part in module.named_modules():
        at = f"module.{name}" if name else "module"
        if isinstance(part, _BatchNorm):
            raise InputError(
                f"{at} is a {type(part).__name__}: it mixes the samples of a batch; take nn.GroupNorm or nn.LayerNorm, "
                "or fold it into the layer before it (torch.nn.utils.fusion)"
            )
        if isinstance(part, _DropoutNd) and part.training and part.p > 0:
            raise InputError(
                f"{at} is a {type(part).__name__} in training mode: the loss would be random; call module.eval()"
            )
    free = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not free:
        raise InputError("module: no parameter has requires_grad; the LLC is that of the free ones")
    first, device = next((name, p.device) for name, p in free.items())
    for name, parameter in free.items():
        if parameter.device != device:
            raise InputError(
                f"module.{name} is on {parameter.device}, module.{first} on {device}; move the module to one device"
            )
        if parameter.dtype not in (torch.float32, torch.float64):
            raise InputError(
                f"module.{name} is {parameter.dtype}: must be float32 or float64; call module.float()"
            )


def _check_data(module: nn.Module, data: Any, loss_of: LossOf, minibatch: int) -> None:
    parts = _named_parts(data)
    if loss_of == "outputs" and len(parts) != 2:
        raise InputError(
            f"data: {len(parts)} tensors; must be (inputs, targets), or set loss_of='module' and give "
            "loss(module, batch)"
        )
    device = next(module.parameters()).device
    for name, part in parts.items():
        if part.device != device:
            raise InputError(
                f"{name} is on {part.device}, the module on {device}; move either with .to(...)"
            )
        if part.ndim == 0:
            raise InputError(f"{name} has no axis; its first axis must count the samples")
    sizes = {name: len(part) for name, part in parts.items()}
    n = min(sizes.values())
    if len(set(sizes.values())) > 1:
        raise InputError(f"data: {_listed(sizes)} samples; must be the same number everywhere")
    if n < max(minibatch, 2):
        raise InputError(
            f"data: {n} samples, fewer than minibatch = {minibatch}; lower minibatch or give more data"
        )


def _named_parts(data: Any) -> dict[str, Tensor]:
    """Every tensor in ``data``, by the expression for it."""
    if isinstance(data, tuple | list):
        named = {f"data[{i}]": part for i, part in enumerate(data)}
    elif isinstance(data, dict):
        named = {f"data[{name!r}]": part for name, part in data.items()}
    else:
        raise InputError(
            f"data is a {type(data).__name__}: must be a tuple or dict of tensors; make one from a Dataset by "
            "torch.utils.data.default_collate([dataset[i] for i in range(len(dataset))])"
        )
    for name, part in named.items():
        if not isinstance(part, Tensor):
            raise InputError(f"{name} is a {type(part).__name__}: must be a tensor")
    if not named:
        raise InputError("data: no tensors")
    return named


def _try(loss: ModuleLoss) -> None:
    """Try module and loss on some samples, and choose how to map both over samples."""
    parameters = loss.free
    parts = [part[:TRIED] for part in loss.data]
    count = len(parts[0])
    before = {name: buffer.clone() for name, buffer in loss.module.named_buffers()}
    outputs = loss.outputs(parameters, *parts)
    if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
        kind = outputs.dtype if isinstance(outputs, Tensor) else type(outputs).__name__
        raise InputError(
            f"module: returns {kind}; must return a tensor of numbers. Wrap it in a module that picks it, such as "
            "the logits"
        )
    if outputs.ndim == 0 or len(outputs) != count:
        raise InputError(
            f"module: returns shape {tuple(outputs.shape)} for {count} samples; the first axis must count them"
        )
    for name, buffer in loss.module.named_buffers():
        if not torch.equal(buffer, before[name]):
            raise InputError(
                f"module.{name}: changes with every call; a module may keep no state (call module.eval(), or take this "
                "layer out)"
            )
    if _differ(outputs, loss.outputs(parameters, *parts)):
        raise InputError(
            "module: two calls on the same batch differ; it may neither draw random numbers nor keep state: call "
            "module.eval()"
        )
    one_by_one = looped(loss.output)(
        {n: p.expand(count, *p.shape) for n, p in parameters.items()}, *parts
    )
    if _differ(outputs, one_by_one):
        raise InputError(
            "module: the output of a sample depends on the others in its batch, so the loss is not a mean over "
            "samples; replace the layer that mixes them"
        )
    _try_loss(loss, outputs, parts)
    if not _maps(loss.output, {n: p[None] for n, p in parameters.items()}, parts):
        loss.over_modules = looped


def _try_loss(loss: ModuleLoss, outputs: Tensor, parts: list[Tensor]) -> None:
    whole = loss.of_outputs(outputs, *parts)
    if not isinstance(whole, Tensor) or whole.numel() != 1:
        shape = tuple(whole.shape) if isinstance(whole, Tensor) else type(whole).__name__
        raise InputError(f"loss: returns {shape}; must return a scalar, the mean over the samples")
    try:
        each = loss.each(outputs, *parts)
    except RuntimeError:  # vmap cannot map this loss
        loss.over_losses = looped
        each = loss.each(outputs, *parts)
    mean, found = float(each.mean()), float(whole)
    if not math.isfinite(found):
        raise InputError(
            f"loss: is {found} on the first {len(each)} samples; look at these in data"
        )
    size = max(abs(mean), abs(found), float(each.abs().mean()))
    if abs(mean - found) > DIFFERENT * size:
        summed = abs(len(each) * mean - found) <= DIFFERENT * abs(found)
        hint = (
            "it is their sum: divide by the number of samples (reduction='mean')"
            if summed
            else "it must weigh all samples equally, whatever else is in the batch"
        )
        raise InputError(
            f"loss: {found:.6g} on {len(each)} samples, whose own losses have the mean {mean:.6g}; {hint}"
        )


def _maps(function: Any, parameters: dict[str, Tensor], parts: list[Tensor]) -> bool:
    """Whether vmap can map ``function`` over parameters and samples, without a slow fallback."""
    try:
        torch.func.vmap(function)(
            {n: p.requires_grad_() for n, p in parameters.items()}, *(part[:1] for part in parts)
        )
    except RuntimeError:
        return False
    return True


def _differ(one: Tensor, other: Tensor) -> bool:
    difference, size = (one - other).abs().max(), one.abs().max()
    return bool(difference > DIFFERENT * size)


def _listed(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name} has {size}" for name, size in sizes.items())
