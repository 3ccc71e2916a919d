"""Calls in processes of their own: the threads of one process would share TensorFlow and its random numbers."""

import _thread
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

GRACE_SECONDS = 10.0  # from the wish that a process ends to its end by force
# Of TensorFlow: errors alone; keep freed tensors, which saves page faults.
SETTINGS = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_CPU_ALLOCATOR_USE_BFC": "true"}


class CallError(RuntimeError):
    """A call failed in its process; the message says why."""


def call(function: Callable[..., Any], *arguments: Any, running: set | None = None) -> Any:
    """Call `function` in a new process, which ends when this one does.

    Args:
        function: Function of a module, which pickle can carry, as its arguments and what it returns.
        *arguments: Its arguments.
        running: Set that holds the process as long as it runs; closing its `stdin` ends it.

    Returns:
        What the function returned.

    Raises:
        CallError: If it raised, or its process died.
    """
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        folder, environment = Path(name), SETTINGS | os.environ
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        (folder / "call").write_bytes(pickle.dumps((function, arguments)))
        process = subprocess.Popen([sys.executable, "-m", __name__, name], stdin=subprocess.PIPE, env=environment)
        running = set() if running is None else running
        running.add(process)
        try:
            code = process.wait()
        finally:
            running.discard(process)
        if not (folder / "result").exists():
            raise CallError(
                f"its process ended with code {code}" + (", perhaps for want of memory" if code < 0 else "")
            )
        problem, result = pickle.loads((folder / "result").read_bytes())
    if problem:
        raise CallError(problem)
    return result


class Processes(ThreadPoolExecutor):
    """An executor that runs each call in a process of its own; all end when its `with` block is left by an error.

    Args:
        max_workers: Number of calls at once.
    """

    def __init__(self, max_workers: int = 1):
        super().__init__(max_workers)
        self._running: set[subprocess.Popen] = set()

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future:  # type: ignore[override]
        """Schedule a call of `function`, as `call` makes it."""
        return super().submit(call, function, *arguments, running=self._running)

    def __exit__(self, kind: Any, *details: Any) -> None:
        if kind:
            self.shutdown(wait=False, cancel_futures=True)
            for process in list(self._running):
                process.stdin.close()
        super().__exit__(kind, *details)


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
