"""Calls in processes of their own: the threads of one process would share TensorFlow and its random numbers."""

import _thread
import functools
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, as_completed
from typing import Any

from traitlets.config import Config

GRACE_SECONDS = 10.0  # from the wish that a process ends to its end by force
# A kernel reached through a file rather than a network port, so that a machine without any network will do.
LOCAL_KERNEL = Config({"KernelManager": {"transport": "tcp" if sys.platform == "win32" else "ipc"}})
# Of TensorFlow: errors alone; keep freed tensors, which saves page faults.
SETTINGS = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_CPU_ALLOCATOR_USE_BFC": "true"}


class CallError(RuntimeError):
    """A call failed in its process; the message says why."""


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of a module in a new process, which ends when this call does; return what it returned.

    Raises:
        CallError: If it raised, or its process died.
    """
    environment, pipe = SETTINGS | os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, subprocess.PIPE
    with subprocess.Popen([sys.executable, "-m", __name__], stdin=pipe, stdout=pipe, env=environment) as process:
        pickle.dump((function, arguments), process.stdin)
        process.stdin.flush()  # and not closed: its end is the sign to end
        answer = process.stdout.read()
    if not answer:
        perhaps = ", perhaps for want of memory" * (process.returncode < 0)
        raise CallError(f"its process ended with code {process.returncode}{perhaps}")
    problem, result = pickle.loads(answer)
    if problem:
        raise CallError(problem)
    return result


def results_of(
    function: Callable[..., Any], items: Iterable[Any], *arguments: Any, executor: Executor | None = None
) -> Iterator[tuple[Any, Any, str | None]]:
    """Call `function(item, *arguments)` for each item: here, one after the other, or on an executor, all at once.

    Yields:
        An item, what the function returned, and None; or an item, None, and why it failed; as they finish.
    """
    calls = [(item, functools.partial(call, function, item, *arguments)) for item in items]
    finished: Iterable = calls
    if executor is not None:
        futures = {executor.submit(each): item for item, each in calls}
        finished = ((futures[future], future.result) for future in as_completed(futures))
    for number, (item, result) in enumerate(finished, start=1):
        try:
            yield item, result(), None
        except Exception as error:  # of the call, or of a cluster that lost it
            yield item, None, str(error) or type(error).__name__
        print(f"{item.label}: {number} of {len(calls)}", flush=True)  # no accuracy: nobody looks between runs


def _end_with_parent():
    """Interrupt this process when its parent closes the pipe or dies, and end it by force if it goes on."""
    os.read(0, 1)
    _thread.interrupt_main()
    threading.Event().wait(GRACE_SECONDS)
    os._exit(1)


def _main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts jobs in the background without it
    answer = os.dup(1)
    os.dup2(2, 1)  # what is printed must not come between
    function, arguments = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        outcome = None, function(*arguments)
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}", None
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that the parent has its answer is no reason to interrupt the end
    with open(answer, "wb") as pipe:
        pickle.dump(outcome, pipe)


if __name__ == "__main__":
    _main()
