"""Formulas for the site: those that parts of npdeep carry in LaTeX, and those that only a docstring has, turned into LaTeX."""

import inspect
import re
from typing import Any

from npdeep.common.events import Formula

SIGNS = re.compile(r"[=~←≤≥√Σ∂‖·²|⊙^]| / ")
"""What a part of a sentence has in it that is a formula."""

LETTERS = dict(
    pair.split(" ")
    for pair in r"""α \alpha;β \beta;γ \gamma;δ \delta;ε \varepsilon;ζ \zeta;η \eta;θ \theta;λ \lambda;μ \mu;π \pi;ρ \rho;
σ \sigma;τ \tau;φ \varphi;Δ \Delta;Σ \sum;Π \prod;Φ \Phi;Ω \Omega;∂ \partial;∞ \infty;∇ \nabla;ℓ \ell;· \cdot;⊙ \odot;
← \leftarrow;→ \to;≤ \le;≥ \ge;− -;× \times;‖ \Vert;∈ \in;… \dots;½ \tfrac12;⅓ \tfrac13;~ \sim""".replace("\n", "").split(";")
)
RAISED = dict(zip("²³ᵀᵗᶻ⁻", ["2", "3", r"\top", "t", "z", "-"], strict=True))
LOWERED = dict(zip("₀₁₂ₖⱼₜ", "012kjt", strict=True))
FUNCTIONS = ("max", "min", "log", "exp", "cos", "tanh", "cosh", "arg", "Var")


def of(part: Any) -> list[str]:
    """The formulas of a class of npdeep in LaTeX, one per line: those it carries, else that of its docstring's first line."""
    carried = []
    for name in ("formula", "forward_formula", "backward_formula"):
        formula = inspect.getattr_static(part, name, None)
        inherited = any(vars(kind).get(name) is formula for kind in part.__mro__[1:]) and name not in vars(part)
        if isinstance(formula, Formula) and not (inherited and placeholder(formula)):
            carried += lines(formula)
    return carried or in_words(inspect.getdoc(part) or "")


def placeholder(formula: Formula) -> bool:
    """A base class's: it names what is computed, and no more."""
    return formula.latex == formula.unicode and "(" in formula


def lines(formula: Formula) -> list[str]:
    """The equations of a formula, one per line."""
    latex = formula.latex if formula.latex != formula.unicode else to_latex(formula.unicode)
    return [line for line in re.split(r"[,;]\\ (?!\\text\{else\})", latex) if line]


def in_words(text: str) -> list[str]:
    """The first part of the first sentence that is a formula, if there is any.

    >>> in_words("A factor: w ← w/2. More.")
    ['w \\\\leftarrow w/2']
    """
    first = text.partition("\n")[0].replace("`", "")
    for part in re.split(r"(?<=[\w)])[:.] ", first.removesuffix(".")):
        if SIGNS.search(part):
            return [to_latex(part if "…" in part else Formula(part).lines[0])]
    return []


def to_latex(text: str) -> str:
    """A formula of a docstring in LaTeX.

    >>> to_latex("η(t) = initial · decay_rate^(t/decay_steps)")
    '\\\\eta (t) = \\\\mathrm{initial} \\\\cdot \\\\mathrm{decay\\\\_rate}^{t/\\\\mathrm{decay\\\\_steps}}'
    """
    text = grouped(grouped(text, "√", r"\sqrt"), "^", "^")
    text = re.sub(r"(\w)\u0302", r"\\hat{\1}", text)
    text = re.sub(r"(?<![\\\w])[A-Za-z][a-z_]+(?: [a-z]{2,}\b)*", word, text)
    for sign, latex in LETTERS.items():
        text = text.replace(sign, f"{latex} ")
    text = re.sub(f"[{''.join(RAISED)}]+", lambda found: f"^{{{''.join(RAISED[sign] for sign in found[0])}}}", text)
    text = re.sub(f"[{''.join(LOWERED)}]+", lambda found: f"_{{{''.join(LOWERED[sign] for sign in found[0])}}}", text)
    return re.sub(r" +", " ", text).strip()


def word(found: re.Match[str]) -> str:
    """A function, a name, or words."""
    text = found[0]
    if text in FUNCTIONS:
        return rf"\operatorname{{{text}}}"
    if " " in text or text in ("with", "where", "and", "in", "for"):
        return rf"\;\text{{{text}}}\;".replace("_", r"\_")
    return text if len(text) == 2 else rf"\mathrm{{{text}}}".replace("_", r"\_")


def grouped(text: str, sign: str, command: str) -> str:
    """√(…) and ^(…) with braces for their parentheses; what is one letter or number long needs none."""
    start = text.find(sign + "(")
    while start >= 0:
        depth, end = 0, start + 1
        while True:
            depth += (text[end] == "(") - (text[end] == ")")
            if depth == 0:
                break
            end += 1
        text = f"{text[:start]}{command}{{{text[start + 2 : end]}}}{text[end + 1 :]}"
        start = text.find(sign + "(")
    return re.sub(rf"{re.escape(sign)}(\w\u0302?)", lambda found: f"{command}{{{found[1]}}}", text) if sign != command else text
