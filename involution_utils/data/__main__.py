"""`python -m involution_utils.data`: fetch CIFAR-10, or check the cache."""

import argparse
import sys

from involution_utils.data import DatasetError, load_dataset
from involution_utils.data.cifar10 import cache_file, verify


def main() -> int:
    """Run the command line; return 0 if CIFAR-10 is there and whole."""
    parser = argparse.ArgumentParser(prog="python -m involution_utils.data", description="Fetch or check CIFAR-10.")
    parser.add_argument("--verify", action="store_true", help="check every byte of the cache")
    parser.add_argument("--cache-dir", help="folder of the cache")
    arguments = parser.parse_args()
    if arguments.verify:
        return 0 if verify(cache_file(arguments.cache_dir)) else 1
    try:
        load_dataset("cifar10", cache_dir=arguments.cache_dir)
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
