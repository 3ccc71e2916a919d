"""`python -m involution_utils.data`: fetch CIFAR-10, or check the cache."""

import argparse
import sys

from involution_utils.data import DatasetError, load_dataset
from involution_utils.data.cifar10 import cache_file, read_cache


def main() -> str | None:
    """Run the command line; return what went wrong, None if CIFAR-10 is there and whole."""
    parser = argparse.ArgumentParser(prog="python -m involution_utils.data", description="Fetch or check CIFAR-10.")
    parser.add_argument("--verify", action="store_true", help="check every byte of the cache, and change nothing")
    parser.add_argument("--cache-dir", help="folder of the cache")
    options = parser.parse_args()
    try:
        if options.verify:
            read_cache(options.cache_dir)
            print(f"The cache is whole: {cache_file(options.cache_dir)}")
        else:
            load_dataset("cifar10", cache_dir=options.cache_dir)
    except (DatasetError, OSError, ValueError) as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
