"""Runs on a cluster: Dask's scheduler sends each to a worker and brings back what came out.

A worker loads the images itself and makes one run at a time; the files are written where the command was given.
"""

import asyncio
import contextlib
import functools
import hashlib
import logging
import pickle
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import Any

from tqdm import tqdm

from involution_utils import checks
from involution_utils.experiments.record import provenance

CONNECT_SECONDS = 4.0  # to reach the scheduler, or to reach it again
WORKER = "dask worker ADDRESS --nthreads 1 --memory-limit 0"


class ClusterError(RuntimeError):
    """The cluster cannot do what was asked; the message says why and what helps."""


class RunsFailedError(ClusterError):
    """Some runs failed while all others were made; `failures` are pairs of a run and the reason."""

    def __init__(self, failures: Sequence[tuple[Any, str]]):
        run, reason = failures[0]
        more = f" {len(failures) - 1} others failed too." if failures[1:] else ""
        super().__init__(f"{run.label} failed on the cluster: {reason}.{more} The records of all others are kept.")
        self.failures = list(failures)


@functools.cache
def versions() -> dict[str, str]:
    """Return what must agree between two processes if they are to get the same numbers."""
    digest, package = hashlib.sha256(), resources.files("involution_utils")
    with resources.as_file(package) as folder:
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    found = {name: str(version) for name, version in provenance()["versions"].items()}
    python = ".".join(found["python"].split(".")[:2])
    return found | {"python": python, "involution-utils": f"{found['involution-utils']} ({digest.hexdigest()[:8]})"}


def refusal(worker: str, expected: dict[str, str], found: Any, threads: int) -> str | None:
    """Return why `worker` may make no runs, None if it may."""
    if isinstance(found, Exception):
        return f"the worker {worker} cannot load this package ({found}); install it there: {expected}"
    different = [
        f"{name} {found.get(name, 'missing')} where {expected.get(name, 'none')} is needed"
        for name in sorted({*expected, *found})
        if found.get(name) != expected.get(name)
    ]
    if different:
        return f"the worker {worker} has {', '.join(different)}; give it the same versions, so that numbers are equal"
    if threads > 1:
        return f"the worker {worker} would make {threads} runs at once; start it as `{WORKER}`"
    return None


def _on_worker(function, run, expected):
    """Execute `run` on a worker that has the same versions; it may have joined after the first check."""
    from distributed import get_worker

    worker = get_worker()
    if reason := refusal(worker.address, expected, versions(), worker.state.nthreads):
        raise ClusterError(reason)
    _separate_random_states()
    return function(run)


@functools.cache
def _separate_random_states():
    """Give each thread of this process a state of its own for Python's `random`.

    Keras draws the seeds of the initial weights there, and Dask's own thread, when it estimates sizes, would draw in
    between: the same seed would give other numbers.
    """
    states = threading.local()

    def method(name):
        def draw(*arguments, **keywords):
            if not hasattr(states, "own"):
                states.own = random.Random()
            return getattr(states.own, name)(*arguments, **keywords)

        return draw

    for name in set(random.__all__) - {"Random", "SystemRandom"}:
        setattr(random, name, method(name))


def execute_all(scheduler: str, function: Callable[[Any], Any], runs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Execute runs on the workers of a Dask scheduler, one at a time on each.

    A run whose worker is lost is begun anew by another one.

    Args:
        scheduler: Address of the scheduler, such as `tcp://host:8786`.
        function: Function of a run that returns its outcome; it and the runs are sent by pickle.
        runs: What to execute; each has a `label`.

    Yields:
        Pairs of a run and its outcome, in the order in which they finish.

    Raises:
        ClusterError: If the scheduler is not there or goes away, or a worker has other versions or several threads.
        RunsFailedError: At the end, if runs failed.
    """
    checks.extra("distributed", "cluster")
    from distributed import as_completed

    if not runs:
        return
    with _connected(scheduler) as client:
        _admit(client, scheduler, len(runs))
        expected, futures, failures = versions(), {}, []
        for run in runs:
            key = "run-" + hashlib.sha256(pickle.dumps((function, run, expected))).hexdigest()
            futures[client.submit(_on_worker, function, run, expected, key=key)] = run
        for future in as_completed(futures, loop=client.loop):
            run, outcome = futures[future], None
            if future.status == "finished":
                with contextlib.suppress(Exception):  # the scheduler went away before it was fetched
                    outcome = future.result(timeout=60)
            elif future.status == "error":
                problem = future.exception()
                if isinstance(problem, ClusterError):
                    raise problem
                failures.append((run, _sentence(problem)))
                continue
            if outcome is None:
                raise ClusterError(
                    f"the scheduler {scheduler} went away; the finished records are kept, and the same command makes "
                    "the others"
                )
            future.release()
            yield run, outcome
        if failures:
            raise RunsFailedError(failures)


def _admit(client, scheduler, runs):
    """Refuse workers with other versions or several threads; say how many there are."""
    threads, expected = client.nthreads(), versions()
    found = client.run(versions, on_error="return") if threads else {}
    for worker, its in found.items():
        gone = isinstance(its, OSError)
        if not gone and (reason := refusal(worker, expected, its, threads.get(worker, 1))):
            raise ClusterError(reason)
    waiting = "" if threads else f"; waiting for the first: `{WORKER.replace('ADDRESS', scheduler)}`"
    tqdm.write(f"{scheduler}: {len(threads)} workers for {runs} runs{waiting}", file=sys.stderr)


def _sentence(problem):
    if type(problem).__name__ == "KilledWorker":
        return "every worker that tried it died, perhaps for want of memory"
    return f"{type(problem).__name__}: {problem}"


@contextlib.contextmanager
def _connected(scheduler):
    """Connect to the scheduler or say in a `ClusterError` that it is not there; let nothing else speak."""
    import distributed

    for name in ("distributed", "distributed.client", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        # Asked before a client is made: one that failed to connect would take its time to close. In a thread, since
        # a notebook's own has a loop that runs.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(asyncio.wait_for(_answer(scheduler), CONNECT_SECONDS))).result()
    except Exception as problem:
        raise ClusterError(
            f"no Dask scheduler answers at {scheduler} ({str(problem) or type(problem).__name__}); start one with "
            "`dask scheduler` and give the address that it prints: tcp://HOST:PORT"
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on versions, which `_admit` judges
        client = distributed.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    try:
        yield client
    finally:
        client.close(timeout=2)


async def _answer(scheduler):
    from distributed.core import rpc

    async with rpc(scheduler, timeout=CONNECT_SECONDS) as remote:
        kind = (await remote.identity())["type"]
    if kind != "Scheduler":
        raise ValueError(f"it is a {kind.lower()}")
