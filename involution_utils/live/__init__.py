"""Pages with a network in them: a kernel microscope, a kernel generator written by hand, windows to drag, an explorer.

Each is one HTML file that needs nothing else: no network, no server, no `eval`. `microscope` holds the functions.
"""

from involution_utils.live import microscope  # noqa: F401
