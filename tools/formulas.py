r"""Formulas of pages: TeX as MathML, which needs no script, is read aloud, and prints; and the font to draw it with.

latex2mathml writes the MathML. What it does not know, or what browsers draw otherwise than TeX, is mended here.
"""

import base64
import functools
import html
import re
from pathlib import Path

import latex2mathml.converter

_FONT = Path(__file__).parent / "page" / "math.woff2"
_ENVIRONMENTS = {"aligned": "align*", "gathered": "gather*"}
_BEFORE_A_SIGN = r"<mo[^>]*>&#x000(?:28|3D|2C);</mo>(?:<mspace[^>]*/>)*"  # a bracket, an equals sign, a comma
_MENDED = (
    (r"<mi>(&#x0230[89AB];)</mi>", r'<mo stretchy="false">\1</mo>'),  # floor and ceiling
    (rf"({_BEFORE_A_SIGN})<mo>&#x02212;</mo>", r'\1<mo form="prefix">&#x02212;</mo>'),  # a sign, not a difference
    (r'<mtable([^>]*) columnspacing="0em 2em"', r'<mtable\1 class="aligned"'),
    (r' columnalign="(left|right|center)"', r' style="text-align: \1"'),  # browsers take CSS alone
    (r' (?:columnalign|rowspacing|columnspacing)="[^"]*"', ""),
)


def mathml(tex: str, display: str = "inline") -> str:
    """Return the formula `tex` as a `math` element; `display` is "inline" or "block"."""
    source = tex.strip()
    for name, known in _ENVIRONMENTS.items():
        source = re.sub(rf"\\(begin|end){{{name}}}", rf"\\\1{{{known}}}", source)
    formula = latex2mathml.converter.convert(source, display=display)
    for pattern, mended in _MENDED:
        formula = re.sub(pattern, mended, formula)
    return formula.replace("<math ", f'<math alttext="{html.escape(tex.strip())}" ', 1)


@functools.cache
def style() -> str:
    """Return the rules of style for formulas, the font among them, so that a page is complete in itself."""
    font = base64.b64encode(_FONT.read_bytes()).decode()
    return (
        f'@font-face {{ font-family: "Formulas"; src: url("data:font/woff2;base64,{font}"); }}\n'
        'math { font-family: "Formulas", math; font-size: 1.05em; }\n'
        ".aligned mtd { padding-left: 0; padding-right: 0; }\n"
    )
