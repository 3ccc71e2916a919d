"""Make `tools/page/math.woff2`, the letters and signs of formulas, from STIX Two Math (SIL Open Font License 1.1).

    python -m tools.math_font STIXTwoMath-Regular.ttf

Browsers stretch brackets and sums by a font's table for formulas, which few systems have a font with. The font is in
the package `ziamath`; writing woff2 needs the package `brotli`. Neither is needed to use what this leaves.
"""

# ruff: noqa: RUF001  (signs of mathematics that look like letters)
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

_RANGES = (
    (0x20, 0x7F),  # ASCII
    (0x391, 0x3CA),  # Greek
    (0x2190, 0x219A),  # arrows
    (0x1D400, 0x1D468),  # bold and italic letters
    (0x1D49C, 0x1D4D0),  # script letters
    (0x1D6FC, 0x1D71C),  # italic Greek
)
_SIGNS = (
    "\xa0¬°±²³·×÷¯ˆ˜ϕϵ‖…′″⃗ℂℊℋℎℐℒℕℚℛℝℤℬℰℱℳ↦⇐⇒⇔∀∂∃∅∇∈∉∏∑−∓∗∘√∝∞∥∧∨∩∪∫∼≃≈≠≡≤≥≪≫⊂⊆⊕⊗⊙⊥⋅⋆⋮⋯⋱⌈⌉⌊⌋⏜⏝⏞⏟⟨⟩"
    "\u0302\u0303\u0304\u2061\u2062\u2063"
)


def make(source: str | Path, target: str | Path) -> None:
    """Write the part of the font `source` that formulas need to `target`, with its table for stretching."""
    options = subset.Options(flavor="woff2", hinting=False, name_IDs=[0, 1, 2, 13, 14], glyph_names=False)
    options.layout_features = ["ssty", "math", "kern"]
    wanted = {*map(ord, _SIGNS), *(code for low, high in _RANGES for code in range(low, high))}
    font = TTFont(source)
    chooser = subset.Subsetter(options)
    chooser.populate(unicodes=wanted)
    chooser.subset(font)
    subset.save_font(font, str(target), options)


if __name__ == "__main__":
    make(sys.argv[1], Path(__file__).parent / "page" / "math.woff2")
