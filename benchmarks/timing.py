"""How the benchmarks measure: functions in turns, in one process; memory and first calls in a process of their own."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "involution_utils" / "results"
sys.path.insert(0, str(ROOT))
os.environ["KERAS_BACKEND"] = "tensorflow"


def medians(functions, repeats, clock=time.perf_counter):
    """Median seconds of each function, called in turns of four.

    A turn's first call does not count: it pays for the caches and the memory that the function before it took. With
    `time.process_time` as the clock, seconds of all processor cores together, whatever else the machine does.
    """
    for function in functions.values():
        function(), function()
    times = {name: [] for name in functions}
    for _ in range(-(-repeats // 3)):
        for name, function in functions.items():
            function()
            for _ in range(3):
                start = clock()
                function()
                times[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def in_new_process(script, *arguments):
    """Run `script --measure arguments` in a process of its own; return what the last line that it prints says."""
    command = [sys.executable, script, "--measure", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def resident():
    """Bytes of memory that this process holds (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_of_tensors(function):
    """Bytes of all tensors at the moment in which `function` needs most, those that were there before included.

    TensorFlow's allocator counts them, XLA's temporary buffers among them.
    """
    import tensorflow as tf

    tf.config.experimental.reset_memory_stats("CPU:0")
    function()
    return tf.config.experimental.get_memory_info("CPU:0")["peak"]


def cores():
    """Count the processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def rounded(value):
    """Four digits of each float in `value`, a number or a dict of them."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value
