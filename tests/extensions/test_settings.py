"""Entries of the extensions refuse data that they cannot handle, by name."""

import pytest

from tests.unit.test_config import test_faults_name_key_value_and_what_is_allowed as refused


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("data.tasks", "sparse", r"data\.tasks\.nonzero: missing"),
        ("data.tasks", {"name": "sparse", "nonzero": 0}, r"data\.tasks\.nonzero = 0: must be an integer >= 1"),
        ("data.tasks", {"name": "sparse", "nonzero": 9}, r"nonzero must be at most data\.dimension = 8"),
        ("data.inputs", "recurrence", r"data\.inputs = recurrence: requires data\.dimension = 2, got 8"),
        ("data.inputs", "markov", r"data\.inputs = markov: requires data\.tasks = uniform, got gaussian"),
        (
            "evaluation.predictors", ["ridge", "dmmse", "unigram_inference"],
            r"evaluation\.predictors = unigram_inference: requires data\.inputs = markov, got gaussian",
        ),
    ],
)  # fmt: skip
def test_an_entry_names_the_data_that_it_requires(path, value, message):
    refused(path, value, message)
