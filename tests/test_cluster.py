"""Runs on a cluster: a real Dask scheduler and real workers on loopback, and every fault that they may have."""

import contextlib
import functools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from involution_utils.experiments import Experiment, Run, __main__, cluster, load_records, make
from involution_utils.experiments.cluster import ClusterError, RunsFailedError, execute_all

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
TESTS = Path(__file__).resolve().parent
PATH = os.pathsep.join([str(TESTS.parent), str(TESTS)])
PATIENCE = 120  # seconds, on a busy machine; all waits end as soon as they can


def wait(condition, what):
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)
    return found


class Cluster:
    """A scheduler and workers, each a process of its own; they are killed at the end, whatever happens."""

    def __init__(self, folder, workers=0, **more):
        self.processes, self.folder = [], folder
        file = folder / "scheduler.json"
        local = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.scheduler = self.start("scheduler", *local, "--scheduler-file", str(file))
        self.address = json.loads(wait(lambda: file.exists() and file.read_text(), "the scheduler"))["address"]
        self.workers = [self.worker(**more) for _ in range(workers)]

    def start(self, *arguments, path=PATH):
        with open(self.folder / f"{len(self.processes)}-{arguments[0]}.log", "w") as log:
            command = [sys.executable, "-m", "dask", *arguments]
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": path})
        self.processes.append(process)
        return process

    def worker(self, threads=1, path=PATH):
        options = ("--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        space = self.folder / f"space-{len(self.processes)}"
        return self.start("worker", self.address, *options, "--local-directory", str(space), path=path)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    running = Cluster(tmp_path_factory.mktemp("cluster"), 2)
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path):
    with contextlib.ExitStack() as stack:

        def started(*arguments):
            folder = tmp_path / f"cluster{time.monotonic_ns()}"
            folder.mkdir()
            running = Cluster(folder, *arguments)
            stack.callback(running.stop)
            return running

        yield started


@dataclass(frozen=True)
class Job:
    """Stands for a run: it notes when and by whom it was begun and ended, and waits for a file if it is told to."""

    number: int
    folder: str
    waits: bool = False
    fails: bool = False

    @property
    def label(self):
        return f"job {self.number}"

    @property
    def file_name(self):
        return f"job-seed{self.number}-00000000.json"


def work(job, state_dir=None, verbose=0, save=None):
    note = functools.partial(_note, Path(job.folder) / "notes", job)
    note("begin")
    while job.waits and not (Path(job.folder) / "go").exists():
        time.sleep(0.02)
    if job.fails:
        raise ValueError("no such image")
    note("end")
    return {"number": job.number}


def _note(path, job, event):
    with open(path, "a") as file:
        file.write(f"{event} {job.number} {os.getpid()}\n")


def notes(folder, event):
    """Return the pairs of number and process that were noted for an event."""
    path = Path(folder) / "notes"
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return [(int(number), int(pid)) for name, number, pid in lines if name == event]


def jobs(folder, count, **more):
    return Experiment("jobs", "", lambda: [Job(n, str(folder), **more) for n in range(count)], work)


def made(folder):
    return sorted(json.loads(path.read_text())["number"] for path in (folder / "jobs").glob("*.json"))


def command(experiment, monkeypatch, *arguments):
    monkeypatch.setitem(__main__.EXPERIMENTS, experiment.name, experiment)
    return __main__.main(["run", experiment.name, *map(str, arguments)])


TINY = {"dataset": "shapes", "train_images": 200, "test_images": 50, "epochs": 1, "batch_size": 50}


def test_the_cluster_gets_the_numbers_that_are_got_here(two_workers, tmp_path, monkeypatch):
    runs = [Run(experiment="tiny", model="involution_classifier", seed=seed, **TINY) for seed in range(2)]
    tiny = Experiment("tiny", "runs of a few seconds", lambda: runs)
    make(tiny, tmp_path / "here", None)
    arguments = ("--results", tmp_path / "there", "--scheduler", two_workers.address)
    assert command(tiny, monkeypatch, *arguments) == 0
    here, there = (load_records("tiny", tmp_path / place) for place in ("here", "there"))
    assert [record.run for record in here] == [record.run for record in there] == runs
    for one, other in zip(here, there, strict=True):
        assert one.test_accuracy == other.test_accuracy
        values = [{name: list(v) for name, v in r.history.items() if name != "seconds"} for r in (one, other)]
        assert values[0] == values[1]
        assert one.more.keys() == other.more.keys()
    assert here[0].history["loss"] != here[1].history["loss"]


def draw_beside_another_thread(job):
    """Return the first numbers after a seed, while another thread draws, too, as Dask's does."""
    random.seed(7)
    drawn = [random.random()]
    thread = threading.Thread(target=lambda: [random.randint(0, 9) for _ in range(5)])
    thread.start()
    thread.join()
    return [*drawn, random.random()]


def test_no_other_thread_of_a_worker_draws_from_the_state_that_a_seed_fixes(two_workers):
    ((_, drawn),) = execute_all(two_workers.address, draw_beside_another_thread, [Job(0, "")])
    expected = random.Random(7)
    assert drawn == [expected.random(), expected.random()]


def test_a_failing_run_is_named_at_the_end_and_the_others_are_made(two_workers, tmp_path, monkeypatch, capsys):
    runs = [Job(n, str(tmp_path), fails=n in (1, 2)) for n in range(4)]
    arguments = ("--results", tmp_path, "--scheduler", two_workers.address)
    assert command(Experiment("jobs", "", lambda: runs, work), monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert "job 1 failed on the cluster: ValueError: no such image. 1 others failed too" in error
    assert "Traceback" not in error
    assert made(tmp_path) == [0, 3]


def test_an_interruption_ends_in_a_sentence(two_workers, tmp_path, monkeypatch, capsys):
    def interrupt():
        wait(lambda: notes(tmp_path, "begin"), "a run")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    arguments = ("--results", tmp_path, "--scheduler", two_workers.address)
    status = command(jobs(tmp_path, 1, waits=True), monkeypatch, *arguments)
    thread.join()
    (tmp_path / "go").touch()
    wait(lambda: notes(tmp_path, "end"), "the worker")
    assert status == 130
    error = capsys.readouterr().err
    assert "interrupted; the finished records stay" in error
    assert "Traceback" not in error


def notebook(folder):
    sources = ["import json, os, pathlib\nassert seed < 2, 'the sentence that helps'"]
    sources += ["record = dict(test_accuracy=seed / 10 + epochs, epochs=epochs, images=5, pid=os.getppid())"]
    sources += ["_ = pathlib.Path(output_dir, 'net.json').write_text(json.dumps(record))"]
    cells = [nbformat.v4.new_code_cell('epochs = 1\nseed = 0\noutput_dir = "."', metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), folder / "a.ipynb")
    return folder / "a.ipynb"


def test_a_notebook_is_swept_over_a_grid_on_two_workers(two_workers, tmp_path, capsys):
    pytest.importorskip("papermill")
    out = tmp_path / "out"
    arguments = ["sweep", str(notebook(tmp_path)), "-p", "epochs", "2", "-p", "seed", "0,1,2", "--out", str(out)]
    assert __main__.main([*arguments, "--scheduler", two_workers.address]) == 1
    printed = capsys.readouterr()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.out.splitlines()]
    assert rows[0][:5] == ["epochs", "seed", "status", "seconds", "test_accuracy"]
    assert [[row[1], row[2], row[4]] for row in rows[2:]] == [
        ["0", "done", "2"],
        ["1", "done", "2.1"],
        ["2", "failed", ""],
    ]
    assert "epochs=2,seed=2 failed: cell In [3]: AssertionError: the sentence that helps" in printed.err
    records = [json.loads((out / f"epochs=2,seed={seed}.json").read_text()) for seed in (0, 1)]
    assert {r["records"]["net"]["pid"] for r in records} <= {process.pid for process in two_workers.workers}
    assert json.loads((out / "epochs=2,seed=1" / "net.json").read_text()) == records[1]["records"]["net"]


# Faults of the cluster


def test_a_killed_workers_run_is_made_by_the_other_one(start, tmp_path):
    running, experiment = start(2), jobs(tmp_path, 4, waits=True)

    def kill():
        first = wait(lambda: len(notes(tmp_path, "begin")) == 2 and notes(tmp_path, "begin")[0], "both workers")
        os.kill(first[1], signal.SIGKILL)
        (tmp_path / "go").touch()
        return first

    with ThreadPoolExecutor(1) as threads:
        killed = threads.submit(kill)
        run = functools.partial(execute_all, running.address, experiment.execute)
        assert make(experiment, tmp_path, execute_all=run) == 4
    number, pid = killed.result()
    assert made(tmp_path) == [0, 1, 2, 3]
    assert sorted(n for n, _ in notes(tmp_path, "end")) == [0, 1, 2, 3], "each run ends once"
    other = {process.pid for process in running.workers} - {pid}
    assert {p for _, p in notes(tmp_path, "end")} == other
    assert [p for n, p in notes(tmp_path, "begin") if n == number] == [pid, *other]


def test_a_scheduler_that_goes_away_leaves_the_finished_records_and_the_next_call_does_the_rest(
    start, tmp_path, monkeypatch, capsys
):
    running = start(1)
    experiment = Experiment("jobs", "", lambda: [Job(n, str(tmp_path), waits=n > 0) for n in range(3)], work)

    def kill():
        wait(lambda: made(tmp_path) == [0] and len(notes(tmp_path, "begin")) == 2, "the second run")
        running.scheduler.kill()
        return time.monotonic()

    with ThreadPoolExecutor(1) as threads:
        killed = threads.submit(kill)
        assert command(experiment, monkeypatch, "--results", tmp_path, "--scheduler", running.address) == 2
    assert time.monotonic() - killed.result() < 30
    error = capsys.readouterr().err
    assert f"the scheduler {running.address} went away; the finished records are kept" in error
    assert "Traceback" not in error
    assert made(tmp_path) == [0]
    (tmp_path / "go").touch()
    assert command(experiment, monkeypatch, "--results", tmp_path) == 0
    assert made(tmp_path) == [0, 1, 2]
    assert len([n for n, _ in notes(tmp_path, "begin") if n == 0]) == 1


def test_a_worker_with_another_version_or_several_threads_is_refused(start, tmp_path, capfd):
    """The first joins after the runs were sent, the second is there before."""
    other, running = tmp_path / "other", start()
    shutil.copytree(TESTS.parent / "involution_utils", other / "involution_utils", ignore=lambda *_: ["exercises"])
    (other / "involution_utils" / "exercises").mkdir()
    (other / "involution_utils" / "exercises" / "__init__.py").touch()
    (other / "involution_utils-9.9.9.dist-info").mkdir()
    (other / "involution_utils-9.9.9.dist-info" / "METADATA").write_text("Name: involution-utils\nVersion: 9.9.9\n")
    run = functools.partial(execute_all, running.address, work, [Job(0, str(tmp_path))])
    printed = []

    def waiting():
        printed.append(capfd.readouterr().err)
        return "0 workers for 1 runs; waiting" in "".join(printed)

    with ThreadPoolExecutor(1) as threads:
        refused = threads.submit(lambda: list(run()))
        wait(waiting, "the word that there is no worker yet")
        worker = running.worker(path=os.pathsep.join([str(other), str(TESTS)]))
        with pytest.raises(ClusterError, match=r"has involution-utils 9\.9\.9 \(\w{8}\) where .* is needed") as error:
            refused.result(PATIENCE)
    assert cluster.versions()["involution-utils"] in str(error.value)
    worker.kill()
    worker.wait()
    running.worker(threads=2)
    with pytest.raises(ClusterError, match="would make 2 runs at once; start it as `dask worker"):
        list(run())
    assert notes(tmp_path, "begin") == []


@pytest.mark.parametrize("where", ["nothing", "something else", "a worker", "no address"])
def test_a_scheduler_that_is_not_there_is_a_sentence_within_ten_seconds(
    where, two_workers, tmp_path, monkeypatch, capfd
):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if where == "something else":
            server.listen()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}" if where != "no address" else "here"
        if where == "a worker":
            log = next(two_workers.folder.glob("1-worker.log")).read_text()
            address = log.split("Start worker at:")[1].split()[0]
        begin = time.monotonic()
        assert command(jobs(tmp_path, 1), monkeypatch, "--results", tmp_path, "--scheduler", address) == 2
        assert time.monotonic() - begin < 10
    error = capfd.readouterr().err
    assert f"no Dask scheduler answers at {address}" in error
    assert "Traceback" not in error


def test_what_is_missing_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert command(jobs(tmp_path, 1), monkeypatch, "--results", tmp_path, "--scheduler", "tcp://a:1") == 2
    assert 'pip install "involution-utils[cluster]"' in capsys.readouterr().err
    arguments = ("--results", tmp_path, "--scheduler", "tcp://a:1", "--models", tmp_path)
    assert command(jobs(tmp_path, 1), monkeypatch, *arguments) == 2
    assert "leave out --models or --scheduler" in capsys.readouterr().err


def test_a_run_that_kills_its_workers_is_a_failure_of_its_own():
    failure = RunsFailedError([(Job(3, ""), "every worker that tried it died")])
    assert str(failure).startswith("job 3 failed on the cluster: every worker that tried it died. The records")
