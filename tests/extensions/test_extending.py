"""docs/extending.md names existing files and quotes them exactly."""

import re

import pytest

from tests.conftest import ROOT
from transient_ridge.config import presets
from transient_ridge.config.registries import INPUT_LAWS
from transient_ridge.config.validation import validate
from transient_ridge.errors import ConfigError

PAGE = (ROOT / "docs" / "extending.md").read_text()
FILES = set(re.findall(r"`((?:src|tests|config|docs|workflow)/[\w./-]+\.\w+)`", PAGE))
#: Each quotation with the last file that the text names before it.
QUOTED = [
    (re.findall(r"`((?:src|tests|config)/[\w./-]+\.\w+)`", PAGE[: found.start()])[-1], found[2])
    for found in re.finditer(r"```(python|yaml)\n(.*?)```", PAGE, re.DOTALL)
]


@pytest.mark.parametrize("file", sorted(FILES))
def test_every_named_file_exists(file):
    assert (ROOT / file).is_file()


@pytest.mark.parametrize(("file", "text"), QUOTED, ids=range(len(QUOTED)))
def test_every_quotation_is_in_its_file(file, text):
    assert text in (ROOT / file).read_text()


def test_quotations_cover_data_test_preset_and_statement():
    assert {file.split("/")[-1] for file, _ in QUOTED} == {
        "recurrence.py", "statements.py", "test_recurrence.py", "recurrence.yaml",
    }  # fmt: skip
    assert len({file for file, _ in QUOTED}) == 4


def test_the_preset_is_as_the_page_describes_it():
    assert "recurrence" in INPUT_LAWS.names
    config = presets.read("recurrence")
    assert config["data"]["inputs"] == "recurrence"
    config["data"]["dimension"] = 3
    with pytest.raises(
        ConfigError, match=r"data\.inputs = recurrence: requires data\.dimension = 2"
    ):
        validate(config)


@pytest.mark.parametrize(
    "page", ["recurrence", "in-weight", "sparse", "imbalanced", "heads", "mixtures"]
)
def test_the_pages_of_the_presets_state_their_thresholds(page):
    """Every threshold of the preset's own statements, with its sign, is under 'holds if' on its page."""
    text = presets.known()[page].with_name("README.md").read_text()
    table = text.partition("| holds if |")[2].partition("\n\n")[0]
    rows = [line for line in table.splitlines() if line.startswith("| 11")]
    own = {}
    for variant in presets.read(page)["variants"]:
        own |= presets.load(page, variant)["claims"]["own"]
    assert len(rows) == len(own)
    for row, threshold in zip(rows, own.values(), strict=True):
        assert re.search(rf"(?<![\d.]){threshold:g}(?![\d.])", row.split("|")[3]), row
