"""How the benchmarks measure: side by side in one process, and what needs a fresh process in one of its own."""

import concurrent.futures
import multiprocessing
import os
import statistics
import time
from pathlib import Path


def side_by_side(functions, rounds, clock=time.process_time):
    """Return the seconds of each function in every round, in which all take turns.

    By default these are seconds of processor time, of all cores together, whatever else the machine does. A turn's
    first call does not count: it pays for the caches and the memory that the function before it took.
    """
    seconds = {name: [] for name in functions}
    for number in range(-1, rounds):
        for name, function in functions.items():
            function()
            start = clock()
            function(), function()
            if number >= 0:  # the first round compiles
                seconds[name].append((clock() - start) / 2)
    return seconds


def ratio(seconds, slower, faster):
    """Return the median, over the rounds, of how many times as long one function takes as the other."""
    return statistics.median(a / b for a, b in zip(seconds[slower], seconds[faster], strict=True))


def medians(seconds):
    """Return the median of each function's seconds."""
    return {name: statistics.median(values) for name, values in seconds.items()}


def in_new_process(function, *arguments):
    """Return what `function` of a module returns in a process of its own."""
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        return executor.submit(function, *arguments).result()


def resident():
    """Return the bytes of memory that this process holds (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_of_tensors(function):
    """Return the bytes of all tensors when `function` needs most, those that were there before included.

    TensorFlow's allocator counts them, XLA's temporary buffers among them.
    """
    import tensorflow as tf

    tf.config.experimental.reset_memory_stats("CPU:0")
    function()
    return tf.config.experimental.get_memory_info("CPU:0")["peak"]
