"""What is shown while Snakemake is at work, and where the time went."""

import logging
import time

import pytest

from transient_ridge.artefacts import files as storage
from transient_ridge.report import status
from transient_ridge.report.benchmarks import times
from transient_ridge.report.status import Watch, describe, last_line


def tell(watch, event, **said):
    record = logging.makeLogRecord({"event": event, **said})
    watch.handle(record)


def job(number, rule, log, **wildcards):
    return {
        "jobid": number,
        "rule_name": rule,
        "log": [str(log)] if log else [],
        "wildcards": wildcards,
    }


@pytest.fixture
def watch(tmp_path):
    watch = Watch(tmp_path / "results")
    stats = {"train": 2, "figure_figure1": 1, "figure_figure3": 1, "all": 1, "total": 5}
    tell(watch, "run_info", stats=stats)
    return watch


def test_the_page_counts_stages_and_shows_what_running_jobs_last_said(watch, tmp_path):
    log = tmp_path / "train.log"
    tell(watch, "job_info", **job(1, "train", log, variant="base", run="M8-seed0"))
    assert "train base M8-seed0: 0:00:00, nothing said yet" in watch.page()
    log.write_text("a line\ntrain M8-seed0: 50/4000 steps, 25.0/s, ETA 158 s, loss 1.2\n")
    tell(watch, "job_info", **job(2, "figure_figure1", None, variant="base"))
    tell(watch, "job_finished", job_id=2)
    tell(watch, "job_info", **job(3, "figure_figure3", None, variant="base"))
    tell(watch, "job_error", jobid=3)
    tell(watch, "job_info", **job(4, "all", None))
    tell(watch, "job_finished", job_id=4)
    tell(watch, "job_finished", job_id=99)  # never announced
    logging.Logger("other").info("no event")
    page = watch.page().splitlines()
    assert "1 of 4 jobs done, 1 at work, 1 failed" in page[0]
    assert [line.split() for line in page[2:4]] == [
        ["train", "0", "of", "2"], ["figures", "1", "of", "2,", "1", "failed"],
    ]  # fmt: skip
    assert page[-1].endswith("train M8-seed0: 50/4000 steps, 25.0/s, ETA 158 s, loss 1.2")


def test_the_page_is_written_until_the_end_and_says_who_is_at_work(watch, tmp_path, monkeypatch):
    monkeypatch.setattr(status, "EVERY", 0.01)
    results = tmp_path / "results"
    assert "nothing has been run" in describe(results)
    with storage.hold(results / ".lock"):
        watch.start()
        deadline = time.monotonic() + 10
        while not (results / "status").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert describe(results).startswith(f"{results} at ")
    tell(watch, "job_info", **job(1, "train", None, variant="base"))
    watch.end()
    left = describe(results)
    assert left.startswith("No Snakemake is at work here")
    assert "1 at work" in left


def test_an_event_of_a_form_that_is_not_known_stops_nothing(watch, capsys):
    before = watch.page().splitlines()[1:]
    tell(watch, "job_info", something="else")
    assert watch.page().splitlines()[1:] == before
    assert "KeyError" in capsys.readouterr().err


def test_the_last_line_of_a_long_log(tmp_path):
    log = tmp_path / "log"
    log.write_text("x" * 10_000 + "\nlast\n\n")
    assert last_line(log) == "last"
    assert last_line(tmp_path / "none") == last_line(None) == "nothing said yet"


def test_where_the_time_went(tmp_path):
    assert times(tmp_path) == ""
    header = "s\th:m:s\tmax_rss\tcpu_time\n"
    for name, line in {
        "train/M1.tsv": "30.0\t0:00:30\t400.0\t28.0\n",
        "train/M8.tsv": "50.0\t0:00:50\t500.5\t48.0\n",
        "curves.tsv": "0.5\t0:00:00\t-\t0.0\n",
    }.items():
        path = tmp_path / "benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + line)
    rows = [line.split() for line in times(tmp_path).splitlines()]
    assert rows[1] == ["train", "2", "80.0", "76.0", "99%", "500"]
    assert rows[2] == ["curves", "1", "0.5", "0.0", "1%", "-"]
    assert rows[3] == ["all", "3", "80.5", "76.0"]
