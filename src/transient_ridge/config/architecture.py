"""The parts of a model: how many parameters it has, and which components have a refined LLC."""

from .settings import ModelSettings


def parameter_count(model: ModelSettings, dimension: int) -> int:
    """Number of parameters for tasks in R^dimension."""
    d, projection = model.d_model, model.d_model if model.attention_projection else 0
    attention = d * (3 * d + projection)
    norm = 2 * d if model.norm == "layer" else 0
    mlp = 2 * d * model.d_mlp + model.d_mlp + d + norm if model.d_mlp else 0
    block = norm + attention + mlp
    embedding = d * (dimension + 1 + model.positions)
    return embedding + model.layers * block + norm + (d + 1) * (dimension + 1)


def components(model: ModelSettings) -> list[str]:
    """Names of the parts whose refined LLC can be estimated; layers and heads count from 0."""
    names = ["all", "embedding", "unembedding"]
    for layer in range(model.layers):
        names += [f"layer{layer}", f"layer{layer}.attention"]
        names += [f"layer{layer}.mlp"] if model.d_mlp else []
        names += [f"layer{layer}.head{head}" for head in range(model.heads)]
    return names
