"""Progress of a running Snakemake, on the status page and on the terminal, and run times afterwards."""

import io
import logging
import re
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from transient_ridge.artefacts import locks
from transient_ridge.progress import Progress, parse
from transient_ridge.report import status, terminal
from transient_ridge.report.benchmarks import time_by_stage
from transient_ridge.report.jobs import Jobs, tail
from transient_ridge.report.status import StatusPage, describe
from transient_ridge.report.terminal import Terminal

STATS = {
    "train": 2, "evaluate": 4, "curves": 1,
    "figure_figure1": 1, "figure_figure3": 1, "figures": 1, "train_all": 1, "all": 1, "total": 12,
}  # fmt: skip


def event(name, message="", level=logging.INFO, **fields):
    return logging.makeLogRecord({"event": name, "msg": message, "levelno": level, **fields})


def planned():
    return event("run_info", stats=STATS)


def started(number, rule, log=None, **wildcards):
    logs = [str(log)] if log else []
    return event("job_info", jobid=number, rule_name=rule, log=logs, wildcards=wildcards)


def finished(number):
    return event("job_finished", job_id=number)


def failed(number):
    return event("job_error", level=logging.ERROR, jobid=number)


STOP_REQUEST = event(None, "Terminating processes on user request, this might take some time.")


@pytest.fixture
def now(monkeypatch):
    """A clock that stands still unless a test sets it."""
    moment = [1000.0]
    monkeypatch.setattr(time, "time", lambda: moment[0])
    return moment


@pytest.fixture
def training_log(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("a line\ntrain M8-seed0: 50/4000 steps, 25.0/s, ETA 158 s, loss 1.2\n")
    return log


def test_a_progress_line_is_read_as_it_was_written():
    stream = io.StringIO()
    progress = Progress("evaluate M8-seed0", total=8, stream=stream)
    progress.update(8, {"loss": 0.25, "rate": 1e-3})
    reading = parse(stream.getvalue().strip())
    assert (reading.done, reading.total, reading.seconds_left) == (8, 8, 0)
    assert reading.values == "loss 0.25, rate 0.001"
    assert parse("llc M8: 1/2 steps, 0.0/s, ETA inf s").values == ""
    assert parse("Traceback (most recent call last):") is None


def test_progress_is_written_to_the_current_stderr(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    progress = Progress("evaluate M8-seed0", total=1)
    progress.update(1)
    progress.close()
    assert stream.getvalue().startswith("evaluate M8-seed0: 1/1 steps")


def test_a_terminal_shows_a_bar():
    stream = io.StringIO()
    stream.isatty = lambda: True
    progress = Progress("evaluate M8-seed0", total=4, start=1, stream=stream)
    progress.update(4, {"loss": 0.25})
    progress.close()
    assert "evaluate M8-seed0: 100%" in stream.getvalue()
    assert "4/4" in stream.getvalue()
    assert "loss=0.25" in stream.getvalue()


def test_jobs_are_counted_by_stage_and_targets_are_not(training_log):
    jobs = Jobs()
    for record in (
        planned(),
        started(1, "train", training_log, variant="base", run="M8-seed0"),
        started(2, "figure_figure1", variant="base"), finished(2),
        started(3, "figure_figure3", variant="base"), failed(3),
        started(4, "all"), finished(4),
        started(5, "figures"), finished(5),
        finished(99),  # never announced
        logging.makeLogRecord({"msg": "no event"}),
    ):  # fmt: skip
        jobs.note(record)
    assert jobs.planned == {"train": 2, "evaluate": 4, "curves": 1, "figures": 2}
    assert jobs.count() == "1 of 9 jobs done, 1 failed"
    assert [job.name for job in jobs.running()] == ["train base M8-seed0"]
    assert [job.name for job in jobs.failed.values()] == ["figure figure3 base"]
    assert jobs.failures() == {"figures": 1}


def test_a_job_that_is_retried_has_not_failed():
    jobs = Jobs()
    for record in (planned(), started(1, "train"), failed(1), started(1, "train"), finished(1)):
        jobs.note(record)
    assert jobs.count() == "1 of 9 jobs done"


def test_jobs_stopped_on_request_have_not_failed():
    jobs = Jobs()
    for record in (planned(), started(1, "train"), STOP_REQUEST, failed(1)):
        jobs.note(record)
    assert jobs.stopping
    assert jobs.count() == "0 of 9 jobs done"
    assert jobs.running() == []


def test_the_time_left_follows_from_finished_and_running_jobs(now, training_log):
    jobs = Jobs()
    jobs.note(planned())
    jobs.note(started(1, "evaluate"))
    assert jobs.seconds_left("evaluate") is None  # nothing is known yet
    now[0] += 10
    jobs.note(finished(1))
    jobs.note(started(2, "evaluate"))
    jobs.note(started(3, "evaluate"))
    now[0] += 4
    # Two running jobs have 6 s left each, one of 10 s waits, and two work at once.
    assert jobs.seconds_left("evaluate") == (6 + 6 + 10) / 2
    assert jobs.progress("evaluate") == "1 of 4 (0:00:11 left)"
    jobs.note(started(4, "train", training_log))
    now[0] += 2
    # The running job has taken 2 s and expects 158 more; the other one takes 160.
    assert jobs.seconds_left("train") == 158 + 160
    assert jobs.progress("curves") == "0 of 1"


def test_the_page_shows_stages_and_the_last_line_of_running_jobs(tmp_path, training_log):
    page = StatusPage(tmp_path / "results")
    page.handle(planned())
    page.handle(started(1, "train", tmp_path / "none.log", variant="base", run="M8-seed0"))
    assert "0:00:00 so far, no output yet" in page.page()
    page.handle(started(1, "train", training_log, variant="base", run="M8-seed0"))
    page.handle(started(2, "figure_figure1"))
    page.handle(finished(2))
    page.handle(started(3, "figure_figure3"))
    page.handle(failed(3))
    title, empty, head, *lines = page.page().splitlines()
    assert (title.startswith(f"{tmp_path}/results at "), empty) == (True, "")
    assert head.startswith("1 of 9 jobs done, 1 failed  ━")
    assert lines[:3] == [
        "done     figures",
        "begun    train 0 of 2 (0:05:16 left)",
        "waiting  evaluate 4, curves",
    ]
    assert lines[3].startswith("train base M8-seed0  ")
    assert lines[3].endswith("  50/4000, loss 1.2, 0:02:38 left")


def test_the_page_has_a_line_for_every_running_job_and_cuts_none(tmp_path):
    page = StatusPage(tmp_path)
    page.handle(event("run_info", stats={f"a_stage_with_a_long_name_{n}": 1 for n in range(20)}))
    for number in range(2 * terminal.JOBS_SHOWN):
        page.handle(started(number, "a_stage_with_a_long_name_0", run=f"M{number}-seed0"))
    text = page.page()
    assert all(f"M{number}-seed0" in text for number in range(2 * terminal.JOBS_SHOWN))
    assert "a_stage_with_a_long_name_19" in text


def test_the_page_is_written_until_the_end_and_shows_whether_snakemake_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(status, "INTERVAL", 0.01)
    results = tmp_path / "results"
    page = StatusPage(results)
    page.handle(planned())
    results.mkdir()
    assert "nothing has been run" in describe(results)
    with locks.only_writer(results / ".lock", 0):
        page.start()
        wait_for((results / "status").exists)
        assert describe(results).startswith(f"{results} at ")
    page.handle(started(1, "train", variant="base"))
    page.end()
    left = describe(results)
    assert left.startswith("No Snakemake is at work here")
    assert "train base" in left


def test_an_event_of_an_unknown_form_is_reported_and_stops_nothing(tmp_path, capsys):
    page = StatusPage(tmp_path)
    page.handle(planned())
    before = page.page().splitlines()[1:]
    page.handle(event("job_info", something="else"))
    assert page.page().splitlines()[1:] == before
    assert "KeyError" in capsys.readouterr().err


def test_the_tail_of_a_log(tmp_path):
    log = tmp_path / "log"
    log.write_text("x" * 100_000 + "\nfirst\n\nlast\n\n")
    assert tail(log, 2) == ["first", "last"]
    assert tail(tmp_path / "none", 2) == tail(None, 2) == []


# -- the terminal ----------------------------------------------------------------------------


@pytest.fixture
def shown():
    """What was sent to the terminal."""
    return io.StringIO()


def watch(shown, live=False):
    console = Console(file=shown, width=80, force_terminal=live, color_system=None)
    return Terminal(console, lambda: Path("log/snakemake.log"))


def drawn(watching):
    """The live lines as text."""
    console = Console(file=io.StringIO(), width=80)
    console.print(terminal.draw(watching.jobs))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_without_a_terminal_a_run_takes_a_few_lines(shown):
    watching = watch(shown)
    watching.note(planned())
    for number in range(9):
        watching.note(started(number, "evaluate", variant="base"))
        watching.note(event(None, "Select jobs to execute..."))
        watching.note(finished(number))
    watching.close()
    watching.close()  # Snakemake closes its handlers twice
    assert shown.getvalue().splitlines() == [
        "9 jobs to do; full log: log/snakemake.log",
        "ended after 0:00:00: 9 of 9 jobs done",
    ]


def test_without_a_terminal_a_line_comes_every_few_seconds(shown, monkeypatch):
    monkeypatch.setattr(terminal, "PLAIN_SHORTEST", 0.01)
    watching = watch(shown)
    watching.note(planned())
    watching.note(started(1, "train"))
    line = "0:00:00  0 of 9 jobs done; begun: train 0 of 2"
    wait_for(lambda: shown.getvalue().splitlines().count(line) > 1)
    watching.close()


def test_a_long_run_is_reported_less_often(shown, now):
    watching = watch(shown)
    intervals = []
    for hours in (0, 1, 24):
        now[0] = watching.jobs.started + 3600 * hours
        intervals.append(watching._interval())
    watching.close()
    assert intervals == [10, 72, 300]


@pytest.mark.parametrize("live", [False, True])
def test_a_failure_shows_the_end_of_its_log_and_where_everything_is(shown, tmp_path, live):
    log = tmp_path / "phases.log"
    log.write_text("\n".join(f"line {n}" for n in range(100)) + "\nValueError: [bold]reason[/]\n")
    watching = watch(shown, live)
    watching.note(planned())
    watching.note(started(1, "curves", log, variant="base"))
    watching.note(event("error", "RuleException:\nCalledProcessError in ...", logging.ERROR))
    watching.note(failed(1))
    watching.close()
    text = re.sub(r"\x1b\[[\d?]*[A-Za-z]", "", shown.getvalue())
    assert f"curves base failed after 0:00:00; the end of {log}:" in text
    assert "    ValueError: [bold]reason[/]\n" in text
    assert "line 86\n" in text
    assert "line 85\n" not in text
    assert "RuleException" not in text
    assert text.splitlines()[-3:] == [
        "ended after 0:00:00: 0 of 9 jobs done, 1 failed",
        f"failed: curves base, log {log}",
        "full log: log/snakemake.log",
    ]


def test_important_messages_besides_jobs_are_shown(shown):
    watching = watch(shown)
    watching.note(event(None, "Building DAG of jobs..."))
    watching.note(event(None, "Nothing to be done (all requested files are present)."))
    watching.note(event(None, "a warning", logging.WARNING))
    watching.note(event("error", "WorkflowError:\nthe disk is full", logging.ERROR))
    watching.close()
    assert shown.getvalue().splitlines() == [
        "Nothing to be done (all requested files are present).",
        "a warning",
        "WorkflowError:", "the disk is full",
        "full log: log/snakemake.log",
    ]  # fmt: skip


def test_a_stop_on_request_ends_with_one_line(shown, tmp_path):
    watching = watch(shown)
    for record in (planned(), started(1, "train", tmp_path / "log"), STOP_REQUEST, failed(1)):
        watching.note(record)
    watching.close()
    assert shown.getvalue().splitlines()[1:] == [
        "Terminating processes on user request, this might take some time.",
        "stopped after 0:00:00: 0 of 9 jobs done",
    ]


def test_the_live_lines_show_stages_jobs_loss_and_time_left(shown, training_log):
    watching = watch(shown)
    assert drawn(watching) == ["Snakemake is preparing, 0:00:00 so far"]
    watching.note(planned())
    watching.note(started(1, "curves"))
    watching.note(finished(1))
    watching.note(started(2, "train", training_log, variant="base", run="M8-seed0"))
    watching.note(started(3, "figure_figure1", variant="base"))
    head, *lines = drawn(watching)
    assert head.startswith("1 of 9 jobs done  ━")
    assert head.endswith("  0:00:00 so far")
    assert lines[:3] == [
        "done     curves",
        "begun    train 0 of 2 (0:05:16 left), figures 0 of 2",
        "waiting  evaluate 4",
    ]
    assert lines[3].startswith("train base M8-seed0  ")
    assert lines[3].endswith("  50/4000, loss 1.2, 0:02:38 left")
    assert lines[4].split("  ")[0] == "figure figure1 base"
    assert lines[4].endswith("0:00:00 so far, no output yet")
    watching.close()


def test_the_live_lines_stay_few_when_many_jobs_run(shown):
    watching = watch(shown)
    watching.note(planned())
    for number in range(50):
        watching.note(started(number, "train", run=f"M{number}-seed0"))
    lines = drawn(watching)
    assert len(lines) == 3 + terminal.JOBS_SHOWN + 1
    assert lines[-1] == "and 42 more jobs"
    watching.close()


def test_the_live_lines_are_redrawn_in_place_and_removed(shown):
    watching = watch(shown, live=True)
    watching.note(planned())
    watching.note(started(1, "train"))
    watching._live.refresh()
    watching._live.refresh()
    watching.close()
    up_and_erase = "\x1b[1A\x1b[2K"
    # Four lines are drawn at least three times: erased twice with the cursor on the last of them, then removed.
    assert shown.getvalue().count(up_and_erase) >= 3 + 3 + 4
    assert shown.getvalue().endswith(4 * up_and_erase + "ended after 0:00:00: 0 of 9 jobs done\n")


# -- afterwards ------------------------------------------------------------------------------


def test_run_times_are_summed_by_stage(tmp_path):
    assert time_by_stage(tmp_path, []) == ""
    header = "s\th:m:s\tmax_rss\tcpu_time\n"
    for name, line in {
        "train/M1.tsv": "30.0\t0:00:30\t400.0\t28.0\n",
        "train/M8.tsv": "50.0\t0:00:50\t500.5\t48.0\n",
        "curves.tsv": "0.5\t0:00:00\t-\t0.0\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + line)
    files = sorted(tmp_path.rglob("*.tsv"))
    rows = [line.split() for line in time_by_stage(tmp_path, files).splitlines()]
    assert rows[1] == ["train", "2", "80.0", "76.0", "99%", "500"]
    assert rows[2] == ["curves", "1", "0.5", "0.0", "1%", "-"]
    assert rows[3] == ["all", "3", "80.5", "76.0", "100%", "500"]


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
