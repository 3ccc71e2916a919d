"""The old command line, until no notebook calls it: `python -m lab`."""

import sys

from lab.__main__ import main

sys.exit(main())
