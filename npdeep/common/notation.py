"""How a formula is written: as text for a terminal, as Python, and as LaTeX, with names or with numbers in their place."""

import ast
from collections.abc import Mapping
from typing import Any

from npdeep.common.events import Formula
from npdeep.common.expressions import Value, holds, parse

SYMBOLS = {
    "alpha": ("α", r"\alpha"),
    "beta": ("β", r"\beta"),
    "beta_1": ("β₁", r"\beta_1"),
    "beta_2": ("β₂", r"\beta_2"),
    "gamma": ("γ", r"\gamma"),
    "delta": ("δ", r"\delta"),
    "epsilon": ("ε", r"\varepsilon"),
    "rho": ("ρ", r"\rho"),
    "mu": ("μ", r"\mu"),
    "next_mu": ("μ'", r"\mu'"),
    "mu_product": ("Πμ", r"\Pi\mu"),
    "tau": ("τ", r"\tau"),
    "variance": ("σ²", r"\sigma^2"),
    "lambda_": ("λ", r"\lambda"),
    "weight_decay": ("λ", r"\lambda"),
    "learning_rate": ("η", r"\eta"),
    "momentum": ("β", r"\beta"),
    "next_momentum": ("β'", r"\beta'"),
    "ell": ("ℓ", r"\ell"),
    "step": ("Δ", r"\Delta"),
    "x_hat": ("x̂", r"\hat x"),
    "m_hat": ("m̂", r"\hat m"),
    "v_hat": ("v̂", r"\hat v"),
    "largest_v": ("v max", r"v_{\max}"),
    "negative_slope": ("α", r"\alpha"),
    "noise": ("ε", r"\varepsilon"),
    "pi": ("π", r"\pi"),
    "correction_1": ("c₁", "c_1"),
    "correction_2": ("c₂", "c_2"),
    "dalpha": ("dα", r"d\alpha"),
    "dbeta": ("dβ", r"d\beta"),
    "dgamma": ("dγ", r"d\gamma"),
}
"""What a name looks like in text and in LaTeX; other names stand for themselves."""

IMPORTS = "from math import erfc, exp, expm1, inf, log, log1p, nan, sqrt, tanh"
"""What a printed program needs."""

CONDITION, SUM, PRODUCT, POWER, ATOM = range(5)
"""How tightly a printed piece holds together: looser ones need parentheses inside tighter ones."""

RAISED = {"z": "eᶻ", "−z": "e⁻ᶻ", "a": "eᵃ"}
"""Powers that there are small letters for."""

Piece = tuple[str, int]


class Notation:
    """Formulas for a terminal: 0.31·0.52 + √(2 + ε). Numbers have four digits; of a case distinction the case that holds.

    >>> Notation().show("x*W + b", {"x": (2.0, 0.0), "W": (-3.0, 0.0), "b": (1.0, 0.0)})
    '2·(−3) + 1'
    >>> Notation().show("z if z > 0 else alpha*expm1(z)")
    'z where z > 0, else α(eᶻ − 1)'
    """

    times, minus = "·", "−"
    beside: str | tuple[str, ...] = "("
    """What a name is beside without a sign: a(1 − a)."""

    def show(self, formula: str, numbers: Mapping[str, Value] | None = None) -> str:
        """The formula, with numbers where there are some, else with its names."""
        return self.piece(parse(formula), numbers)[0]

    def name(self, name: str) -> str:
        """A symbol."""
        return SYMBOLS.get(name, (name, name))[0]

    def number(self, value: float) -> Piece:
        """A number; a negative one gets parentheses in products and behind plus and minus."""
        return short(value), SUM if value < 0 else ATOM

    def piece(self, node: Any, numbers: Mapping[str, Value] | None) -> Piece:
        """A branch of the tree."""
        match node:
            case ast.Constant():
                constant: Any = node.value
                return self.number(constant)
            case ast.Name():
                return (self.name(node.id), ATOM) if numbers is None else self.number(numbers[node.id][0])
            case ast.UnaryOp():
                return self.minus + self.within(node.operand, numbers, PRODUCT), SUM
            case ast.BinOp():
                return self.binary(node, numbers)
            case ast.IfExp():
                return self.cases(node, numbers)
            case ast.Compare():
                sides = [self.piece(side, numbers)[0] for side in (node.left, *node.comparators)]
                signs = [self.sign(op) for op in node.ops]
                return " ".join([sides[0], *(f"{s} {b}" for s, b in zip(signs, sides[1:], strict=True))]), CONDITION
        return self.call(node.func.id, node.args, numbers)

    def sign(self, op: Any) -> str:
        """> < ≥ ≤"""
        return {ast.Gt: ">", ast.Lt: "<", ast.GtE: "≥", ast.LtE: "≤"}[type(op)]

    def within(self, node: Any, numbers: Mapping[str, Value] | None, least: int) -> str:
        """A branch, in parentheses where it holds together less tightly than that."""
        text, tightness = self.piece(node, numbers)
        return text if tightness >= least else f"({text})"

    def binary(self, node: Any, numbers: Mapping[str, Value] | None) -> Piece:
        """a + b, a − b, a·b, a/b, a²."""
        if isinstance(node.op, ast.Pow):
            return self.power(self.within(node.left, numbers, ATOM), self.within(node.right, numbers, ATOM)), POWER
        if isinstance(node.op, ast.Add | ast.Sub):
            sign = "+" if isinstance(node.op, ast.Add) else self.minus
            return f"{self.within(node.left, numbers, SUM)} {sign} {self.within(node.right, numbers, PRODUCT)}", SUM
        if isinstance(node.op, ast.Div):
            return self.fraction(node, numbers)
        left, right = (self.within(side, numbers, PRODUCT) for side in (node.left, node.right))
        beside = numbers is None and isinstance(node.left, ast.Name | ast.Constant) and right.startswith(self.beside)
        return f"{left}{'' if beside else self.times}{right}", PRODUCT

    def power(self, base: str, exponent: str) -> str:
        """Squares, cubes, and other powers."""
        return base + {"2": "²", "3": "³"}.get(exponent, f"^{exponent}")

    def fraction(self, node: Any, numbers: Mapping[str, Value] | None) -> Piece:
        """a/b."""
        return f"{self.within(node.left, numbers, PRODUCT)}/{self.within(node.right, numbers, POWER)}", PRODUCT

    def cases(self, node: Any, numbers: Mapping[str, Value] | None) -> Piece:
        """With numbers: the case that holds. With names: all of them."""
        if numbers is not None:
            return self.piece(node.body if holds(node.test, numbers) else node.orelse, numbers)
        body, test, rest = (self.piece(part, None)[0] for part in (node.body, node.test, node.orelse))
        return f"{body} where {test}, else {rest}", CONDITION

    def call(self, function: str, arguments: Any, numbers: Mapping[str, Value] | None) -> Piece:
        """√( ), | |, e^( ), and names with parentheses."""
        inner = ", ".join(self.piece(a, numbers)[0] for a in arguments)
        if function == "abs":
            return f"|{inner}|", ATOM
        if function in ("exp", "expm1"):
            power = RAISED.get(inner) or (f"e^{inner}" if inner.isalnum() else f"e^({inner})")
            return (power, POWER) if function == "exp" else (f"{power} {self.minus} 1", SUM)
        if function == "log1p":
            return f"log(1 + {inner})", ATOM
        if function == "sqrt":
            return (f"√{inner}" if len(inner) <= 2 or inner.replace(".", "").isdigit() else f"√({inner})"), POWER
        return f"{function}({inner})", ATOM


def as_formula(expression: str, start: str = "") -> Formula:
    """A formula in text and LaTeX.

    >>> as_formula("alpha*expm1(z)", "a = ").latex
    'a = \\\\alpha(e^{z} - 1)'
    """
    return Formula(start + Notation().show(expression), start + Latex().show(expression))


class Python(Notation):
    """Formulas to paste into Python, with all digits and all cases.

    >>> Python().show("x*W + b", {"x": (2.0, 0.0), "W": (-3.0, 0.0), "b": (0.1, 0.0)})
    '2.0*(-3.0) + 0.1'
    """

    times, minus, beside = "*", "-", ()

    def number(self, value: float) -> Piece:
        """A number with all its digits."""
        digits = repr(value)
        return digits, SUM if digits.startswith("-") else ATOM

    def name(self, name: str) -> str:
        """The name itself."""
        return name

    def sign(self, op: Any) -> str:
        """> < >= <="""
        return {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<="}[type(op)]

    def power(self, base: str, exponent: str) -> str:
        """base**exponent."""
        return f"{base}**{exponent}"

    def cases(self, node: Any, numbers: Mapping[str, Value] | None) -> Piece:
        """All of them."""
        body, test, rest = (self.piece(part, numbers)[0] for part in (node.body, node.test, node.orelse))
        return f"{body} if {test} else {rest}", CONDITION

    def call(self, function: str, arguments: Any, numbers: Mapping[str, Value] | None) -> Piece:
        """function(…)."""
        return f"{function}({', '.join(self.piece(a, numbers)[0] for a in arguments)})", ATOM


class Latex(Notation):
    r"""Formulas for a notebook.

    >>> Latex().show("a/sqrt(v + epsilon)")
    '\\frac{a}{\\sqrt{v + \\varepsilon}}'
    """

    times, minus = r" \cdot ", "-"

    def number(self, value: float) -> Piece:
        """Four digits, powers of ten written out."""
        text = short(value).replace("−", "-").replace("inf", r"\infty").replace("nan", r"\mathrm{NaN}")
        mantissa, power, exponent = text.partition("e")
        if power:
            return rf"{mantissa} \cdot 10^{{{int(exponent)}}}", SUM if value < 0 else PRODUCT
        return text, SUM if value < 0 else ATOM

    def name(self, name: str) -> str:
        """A Greek letter, a letter, or a word in upright letters."""
        if name in SYMBOLS:
            return SYMBOLS[name][1]
        return name if len(name) <= 2 else rf"\mathrm{{{name}}}".replace("_", r"\_")

    def sign(self, op: Any) -> str:
        """> < ≥ ≤"""
        return {ast.Gt: ">", ast.Lt: "<", ast.GtE: r"\ge", ast.LtE: r"\le"}[type(op)]

    def power(self, base: str, exponent: str) -> str:
        """base^{exponent}."""
        return f"{base}^{{{exponent}}}"

    def fraction(self, node: Any, numbers: Mapping[str, Value] | None) -> Piece:
        """One above the other."""
        above, below = (self.piece(side, numbers)[0] for side in (node.left, node.right))
        return rf"\frac{{{above}}}{{{below}}}", PRODUCT

    def cases(self, node: Any, numbers: Mapping[str, Value] | None) -> Piece:
        """As in text, with words set as words."""
        if numbers is not None:
            return super().cases(node, numbers)
        body, test, rest = (self.piece(part, None)[0] for part in (node.body, node.test, node.orelse))
        return rf"{body}\ \text{{where}}\ {test},\ \text{{else}}\ {rest}", CONDITION

    def call(self, function: str, arguments: Any, numbers: Mapping[str, Value] | None) -> Piece:
        """Roots, powers, logarithms."""
        inner = ", ".join(self.piece(a, numbers)[0] for a in arguments)
        if function in ("exp", "expm1"):
            return (f"e^{{{inner}}}", POWER) if function == "exp" else (f"e^{{{inner}}} - 1", SUM)
        if function == "log1p":
            return rf"\log(1 + {inner})", ATOM
        forms = {"sqrt": r"\sqrt{%s}", "abs": "|%s|", "erfc": r"\mathrm{erfc}(%s)", "sign": r"\mathrm{sign}(%s)"}
        return forms.get(function, rf"\{function}(%s)") % inner, ATOM


def short(value: float) -> str:
    """Four digits, with a proper minus sign.

    >>> short(-0.123456), short(1234567.0), short(-1e-9)
    ('−0.1235', '1.235e+06', '−1e-09')
    """
    text = f"{value:.4g}"
    return "−" + text[1:] if text.startswith("-") else text
