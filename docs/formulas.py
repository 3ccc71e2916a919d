r"""Formulas of pages: TeX as MathML, which needs no script, is read aloud, and prints.

latex2mathml writes the MathML. What it does not know, or what browsers draw otherwise than TeX, is mended here.
"""

import html
import re

import latex2mathml.converter

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
