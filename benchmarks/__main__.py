"""Measure speed and memory beside the alternatives; print the tables and write them to involution_utils/results.

python -m benchmarks                      all tables: `make bench`
python -m benchmarks costs inference      two of them
python -m benchmarks --quick              a smoke test that writes nothing
"""

import argparse
import os

from involution_utils.records import RESULTS, provenance, save_json

from benchmarks import networks, operation  # isort: skip  # after the package

TABLES = {
    "benchmark": operation.benchmark,
    "two_by_two": operation.two_by_two,
    "costs": networks.costs,
    "inference": networks.inference,
}
MEASURED = (
    "medians over rounds in which all that is compared takes turns, on {cores} core(s); processor time, user and "
    "system, but wall time in two_by_two and inference; value: the median of the ratios of a round; memory: peak of "
    "all tensors, as TensorFlow's allocator counts; compile_memory_mib is what the first step leaves in a fresh process"
)
SHAPE = "batch, size of every spatial axis, channels, kernel, groups, stride; float32"


def rounded(value):
    """Return `value`, a number or a dictionary of them, with four digits of each float."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main():
    """Make the tables that are asked for, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}; by default all")
    parser.add_argument("--quick", action="store_true", help="few rounds and shapes; writes nothing")
    options = parser.parse_args()
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"no such table: {', '.join(sorted(unknown))}. Known: {', '.join(TABLES)}")
    for name in options.tables or TABLES:
        rows = []
        for row in TABLES[name](options.quick):
            rows.append(rounded(row))
            print(name, *(f"{key}={value}" for key, value in rows[-1].items()), flush=True)
        if not options.quick:
            how = {"command": f"python -m benchmarks {name}", "measured": MEASURED.format(cores=os.cpu_count())}
            save_json({**how, "shape": SHAPE, "rows": rows, **provenance()}, RESULTS / f"{name}.json")


if __name__ == "__main__":
    main()
