"""Calls in processes of their own: the threads of one process would share TensorFlow and its random numbers."""

import _thread
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

GRACE_SECONDS = 10.0  # from the wish that a process ends to its end by force
# Of TensorFlow: errors alone; keep freed tensors, which saves page faults.
SETTINGS = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_CPU_ALLOCATOR_USE_BFC": "true"}


class CallError(RuntimeError):
    """A call failed in its process; the message says why."""


def call(function: Callable[..., Any], *arguments: Any, running: set | None = None) -> Any:
    """Call a function of a module in a new process, which ends when this one does; return what it returned.

    Raises:
        CallError: If it raised, or its process died.
    """
    running = set() if running is None else running  # closing the `stdin` of a process in it ends that process
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        folder, environment = Path(name), SETTINGS | os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        (folder / "call").write_bytes(pickle.dumps((function, arguments)))
        process = subprocess.Popen([sys.executable, "-m", __name__, name], stdin=subprocess.PIPE, env=environment)
        running.add(process)
        code = process.wait()
        running.discard(process)
        if not (folder / "result").exists():
            raise CallError(f"its process ended with code {code}" + ", perhaps for want of memory" * (code < 0))
        problem, result = pickle.loads((folder / "result").read_bytes())
    if problem:
        raise CallError(problem)
    return result


class Processes(ThreadPoolExecutor):
    """An executor of one call at a time, in a process of its own; it ends when the `with` block ends by an error."""

    def __init__(self):
        super().__init__(max_workers=1)
        self._running: set[subprocess.Popen] = set()

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future:  # type: ignore[override]
        """Schedule a call of `function`, as `call` makes it."""
        return super().submit(call, function, *arguments, running=self._running)

    def __exit__(self, kind: Any, *details: Any) -> None:
        self.shutdown(wait=False, cancel_futures=kind is not None)
        for process in list(self._running) if kind else ():
            process.stdin.close()
        super().__exit__(kind, *details)


def results_of(
    submit: Callable[..., Future], function: Callable[..., Any], items: Iterable[Any], *arguments: Any
) -> Iterator[tuple[Any, Any, str | None]]:
    """Call `function(item, *arguments)` for each item through an executor's `submit`.

    Yields:
        An item, what the function returned, and None; or an item, None, and why it failed; as they finish.
    """
    futures = {submit(_checked, _versions(), function, item, *arguments): item for item in items}
    for number, future in enumerate(as_completed(futures), start=1):
        item = futures[future]
        try:
            yield item, future.result(), None
        except (CallError, ValueError) as error:
            yield item, None, f"{item.label} failed: {error}"
        print(f"{item.label}: {number} of {len(futures)}", flush=True)  # no accuracy: nobody looks between runs


def _versions():
    from involution_utils import records  # not before it is needed: a process that does other work starts sooner

    found = records.provenance()
    return {name: found[name] for name in ("package", "versions")}


def _checked(expected, function, *arguments):
    """Call `function` if this process has the versions of the one that asks for it, so that numbers are equal."""
    if (found := _versions()) != expected:
        raise CallError(f"this worker has {found} where {expected} is needed; install the same there")
    return function(*arguments)


def _end_with_parent():
    """Interrupt this process when its parent closes the pipe or dies, and end it by force if it goes on."""
    sys.stdin.buffer.read()
    _thread.interrupt_main()
    threading.Event().wait(GRACE_SECONDS)
    os._exit(1)


def _main(folder):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts jobs in the background without it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        function, arguments = pickle.loads((folder / "call").read_bytes())
        outcome = pickle.dumps((None, function(*arguments)))
    except Exception as error:
        outcome = pickle.dumps((f"{type(error).__name__}: {error}", None))
    (folder / "part").write_bytes(outcome)
    (folder / "part").rename(folder / "result")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
