"""What an explanation is made of: equations and sums with numbers plugged in, each beside the number that the engine had."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from npdeep.common.events import Formula
from npdeep.common.expressions import Value, evaluate, parse
from npdeep.common.notation import CONDITION, IMPORTS, PRODUCT, SYMBOLS, Latex, Notation, Python, short
from npdeep.common.printing import fold, printable


class Symbol:
    """A name with indices: dW[3, 0] in text, dW_3_0 in Python.

    >>> name = Symbol("dW", 3, 0)
    >>> str(name), name.python, name.latex
    ('dW[3, 0]', 'dW_3_0', 'dW_{3,0}')
    """

    def __init__(self, base: str, *indices: int) -> None:
        self.base, self.indices = base, indices

    def __str__(self) -> str:
        text = SYMBOLS.get(self.base, (self.base.replace("_", " "),))[0]
        return f"{text}[{', '.join(map(str, self.indices))}]" if self.indices else text

    @property
    def python(self) -> str:
        """A name that Python takes."""
        return "_".join([self.base, *map(str, self.indices)])

    @property
    def latex(self) -> str:
        """With the indices below."""
        base = Latex().name(self.base)
        return f"{base}_{{{','.join(map(str, self.indices))}}}" if self.indices else base


class Statement:
    """Base of equations and sums: a name, the engine's number, and what the printed numbers come to.

    Attributes:
        name: what is computed. value: the engine's number, or None where the engine keeps none.
        sum: what the printed numbers come to, worked out in double precision.
        bound: how far rounding in the engine's dtype may take value from sum.
    """

    name: Symbol
    value: float | None
    sum: float
    bound: float

    @property
    def best(self) -> Value:
        """The engine's number, or where there is none ours, with what rounding may have done to the engine's."""
        return (self.sum, self.bound) if self.value is None else (self.value, 0.0)

    @property
    def agrees(self) -> bool:
        """Do the engine's number and the printed ones agree, as far as rounding goes? Numbers that are not finite: yes."""
        if self.value is None or not (math.isfinite(self.value) and math.isfinite(self.sum)):
            return True
        return abs(self.value - self.sum) <= self.bound

    def result(self) -> str:
        """The value in short; where the engine had another number, both."""
        if self.agrees:
            return short(self.best[0])
        return f"{short(self.sum)}, but the engine has {short(self.best[0])}"

    def check(self) -> str:
        """A comment for the full form: the engine's number and how near it is."""
        if self.value is None:
            return ""
        return f"  # the engine: {self.value!r}, off by {self.value - self.sum:.1e}; rounding allows {self.bound:.1e}"

    def text(self) -> list[str]:
        """Lines for a terminal."""
        raise NotImplementedError

    def python(self) -> list[str]:
        """Lines of Python that compute it, with all digits."""
        raise NotImplementedError

    def latex(self) -> list[str]:
        """Lines of an aligned block."""
        raise NotImplementedError


Number = float | Statement
"""What may be plugged into a formula: a number, or what was computed before."""


def plugged(numbers: Mapping[str, Number]) -> dict[str, Value]:
    """Each number with what rounding may have done to it before."""
    return {name: n.best if isinstance(n, Statement) else (float(n), 0.0) for name, n in numbers.items()}


class Equation(Statement):
    """A formula with a few numbers: a = max(z, 0) = max(−0.31, 0) = 0.

    Args:
        name: of what is computed, a `Symbol` or a string.
        formula: a Python expression in the names of numbers.
        numbers: by name; what was computed before may stand for its number.
        value: the engine's result, or None. eps: the distance of its numbers at 1. tiny: what to allow besides.
        words: a remark after it. arrow: it overwrites what is there, m ← β·m − η·g.

    >>> print(*Equation("z", "x*W + b", {"x": 0.5, "W": -3.0, "b": 1.0}, -0.5).text())
    z = x·W + b = 0.5·(−3) + 1 = −0.5
    """

    def __init__(
        self,
        name: Symbol | str,
        formula: str,
        numbers: Mapping[str, Number],
        value: Any = None,
        eps: float = 2.3e-16,
        words: str = "",
        tiny: float = 0.0,
        arrow: bool = False,
    ) -> None:
        self.name = Symbol(name) if isinstance(name, str) else name
        self.formula, self.numbers = formula, plugged(numbers)
        self.value = None if value is None else float(value)
        self.words, self.arrow = words, arrow
        self.sum, self.bound = evaluate(formula, self.numbers, eps)
        self.bound += 2 * eps * abs(self.sum) + tiny    # constants that a kernel has worked out beforehand

    def text(self) -> list[str]:
        """name = formula = formula with numbers = value."""
        chain = self.chain(Notation(), self.result())
        sign = "←" if self.arrow else "="
        return [f"{self.name} {sign} {chain}" + (f"   ({self.words})" if self.words else "")]

    def python(self) -> list[str]:
        """name = expression."""
        remark = f"  # {self.words}" if self.words and not self.check() else ""
        return [f"{self.name.python} = {Python().show(self.formula, self.numbers)}{self.check()}{remark}"]

    def latex(self) -> list[str]:
        """The same in LaTeX."""
        sign = r"\leftarrow" if self.arrow else "="
        return [f"{self.name.latex} &{sign} " + self.chain(Latex(), Latex().number(self.best[0])[0])]

    def chain(self, printer: Notation, result: str) -> str:
        """formula = formula with numbers = result, without saying the same twice."""
        shown = [printer.within(parse(self.formula), None, CONDITION + 1), printer.show(self.formula, self.numbers), result]
        return " = ".join(part for i, part in enumerate(shown) if i == 0 or part != shown[i - 1])


class Term:
    """One term of a sum, with a label that says which: where it comes from, in words.

    >>> term = Term("x*W", {"x": 2.0, "W": -0.5}, "k = 3")
    >>> term.sum, Notation().show(term.formula, term.numbers)
    (-1.0, '2·(−0.5)')
    """

    def __init__(
        self, formula: str, numbers: Mapping[str, Number], label: str, eps: float = 2.3e-16, last: bool = False
    ) -> None:
        self.formula, self.numbers, self.label, self.last = formula, plugged(numbers), label, last
        self.sum, self.error = evaluate(formula, self.numbers, eps)

    def row(self) -> tuple[str, str, str]:
        """Product, number and label for the short form; a single number is there once, beside its label."""
        if self.formula.isidentifier():
            return self.label, short(self.sum), ""
        return Notation().show(self.formula, self.numbers), short(self.sum), self.label


class Sum(Statement):
    """A sum of many terms, divided by `over`: those of largest magnitude one by one, the others in one exact sum.

    bound = (n · eps · Σ|terms| + the rounding inside the terms)/over for n terms.

    Args:
        name: of what is computed. symbolic: its formula. terms: all of them.
        value: the engine's result. shown: how many to print one by one; terms with last=True (a bias) are printed always.
        eps: the distance of the engine's numbers at 1. tiny: its smallest normal number.

    >>> terms = [Term("x*W", {"x": x, "W": 2.0}, f"k = {k}") for k, x in enumerate([0.5, -3.0, 0.25])]
    >>> print(*Sum(Symbol("z", 0), Formula("Σₖ xₖ·Wₖ"), terms, -4.5, shown=1).text(), sep="\\n")
    z[0] = Σₖ xₖ·Wₖ
      (−3)·2                     −6    k = 1
      the other 2 terms         1.5
      together                 −4.5
    """

    def __init__(
        self,
        name: Symbol,
        symbolic: Formula,
        terms: Sequence[Term],
        value: Any = None,
        eps: float = 2.3e-16,
        shown: int = 6,
        over: float = 1,
        tiny: float = 0.0,
    ) -> None:
        self.name, self.symbolic, self.terms = name, symbolic, list(terms)
        self.over = int(over) if over == int(over) else over
        self.value = None if value is None else float(value)
        self.sum = exact_sum([t.sum for t in terms]) / over
        self.absolute = exact_sum([abs(t.sum) for t in terms]) / over
        inner = exact_sum([t.error for t in terms]) / over
        self.bound = len(self.terms) * eps * self.absolute + inner + eps * abs(self.sum) + (len(self.terms) + 1) * tiny
        ordered = sorted((t for t in terms if not t.last), key=lambda t: -abs(t.sum) if t.sum == t.sum else -math.inf)
        self.largest, self.others = ordered[:shown], ordered[shown:]
        if len(self.others) == 1:             # one line in any case
            self.largest, self.others = ordered, []
        self.final = [t for t in terms if t.last]

    @property
    def rest(self) -> float:
        """The exact sum of the terms that the short form does not show one by one."""
        return exact_sum([t.sum for t in self.others])

    def text(self) -> list[str]:
        """A line a term, its number in a column of its own."""
        rows = [t.row() for t in self.largest]
        if self.others:
            rows.append((f"the other {len(self.others)} terms", short(self.rest), ""))
        rows += [(t.label, short(t.sum), "") for t in self.final]
        rows.append((f"together, over {self.over}" if self.over != 1 else "together", self.result(), ""))
        width = max(22, *(len(row[0]) for row in rows))
        lines = [f"  {a:<{width}}  {b:>9}    {c}".rstrip() for a, b, c in rows]
        return [f"{self.name} = {self.symbolic}", *lines]

    def python(self) -> list[str]:
        """name = ( a term a line, with its label )."""
        lines = [f"    + {_in_sum(t, Python())}  # {t.label}" for t in self.terms]
        over = f"/{self.over}" if self.over != 1 else ""
        return [f"{self.name.python} = (", *(lines or ["    0.0"]), f"){over}{self.check()}"]

    def latex(self) -> list[str]:
        """The largest terms, the others as one number with a brace under it."""
        terms = [_in_sum(t, Latex()) for t in self.largest]
        if self.others:
            number = Latex().number(self.rest)
            inner = f"({number[0]})" if number[1] == 1 else number[0]
            terms.append(rf"\underbrace{{{inner}}}_{{{len(self.others)}\ \text{{others}}}}")
        terms += [_in_sum(t, Latex()) for t in self.final]
        total = " + ".join(terms) or "0"
        if self.over != 1:
            total = rf"\tfrac{{1}}{{{self.over}}} \left({total}\right)"
        return [
            rf"{self.name.latex} &= {self.symbolic.latex}",
            rf"&= {total} = {Latex().number(self.best[0])[0]}",
        ]


def _in_sum(term: Term, printer: Notation) -> str:
    return printer.within(parse(term.formula), term.numbers, PRODUCT)


def exact_sum(numbers: Sequence[float]) -> float:
    """Σ without rounding on the way (math.fsum); NaN and infinities as arrays have them.

    >>> exact_sum([1e100, 1.0, -1e100])
    1.0
    """
    try:
        return math.fsum(numbers)
    except (ValueError, OverflowError):       # inf − inf; or finite numbers whose sum is not
        return sum(numbers)


class Explanation:
    """An operation with its numbers plugged in. `str()` is for a terminal, `.latex` for a notebook, `.full()` has all digits.

    Attributes:
        title: which layer, unit and row. parts: headings and remarks (strings), equations and sums.
        main: the main equation, the first if no other was named. value: the engine's number there.
        sum: what its printed terms come to. bound: how far rounding may take the two apart.

    `explanation["dW[3, 0]"]` is one of its equations, by name.

    >>> e = Explanation("demo", ["forward", Equation("a", "max(z, 0)", {"z": -0.5}, 0.0)])
    >>> print(e)
    demo
    forward
      a = max(z, 0) = max(−0.5, 0) = 0
    >>> print(e.full())
    # demo
    from math import erfc, exp, expm1, inf, log, log1p, nan, sqrt, tanh
    <BLANKLINE>
    # forward
    a = max(-0.5, 0)  # the engine: 0.0, off by 0.0e+00; rounding allows 0.0e+00
    """

    def __init__(self, title: str, parts: Sequence[str | Statement], main: Statement | None = None) -> None:
        self.title, self.parts = title, list(parts)
        self.main = self.equations[0] if main is None else main

    @property
    def equations(self) -> list[Statement]:
        """All equations and sums, in order."""
        return [part for part in self.parts if isinstance(part, Statement)]

    @property
    def value(self) -> float:
        """The engine's number of the main equation."""
        return self.main.best[0]

    @property
    def sum(self) -> float:
        """What its printed terms come to."""
        return self.main.sum

    @property
    def bound(self) -> float:
        """How far rounding may take value and sum apart."""
        return self.main.bound

    @property
    def agrees(self) -> bool:
        """Do all printed numbers agree with the engine's, as far as rounding goes?"""
        return all(equation.agrees for equation in self.equations)

    def __getitem__(self, name: str) -> Statement:
        """The equation of this name, "dW[3, 0]" or "dW_3_0"."""
        for equation in self.equations:
            if name in (str(equation.name), equation.name.python):
                return equation
        raise KeyError(f"{name!r}; there are {', '.join(str(e.name) for e in self.equations)}")

    def __str__(self) -> str:
        """The short form: the largest terms, and the others in one sum."""
        lines = [self.title]
        for part in self.parts:
            lines += [fold(part)] if isinstance(part, str) else [f"  {line}" for line in part.text()]
        return printable("\n".join(lines))

    __repr__ = __str__

    def full(self) -> str:
        """Every term with all its digits, as a program that Python runs: each name gets the value that is explained."""
        lines = [f"# {self.title}", IMPORTS, ""]
        for part in self.parts:
            lines += [f"# {part}"] if isinstance(part, str) else part.python()
        return "\n".join(lines)

    @property
    def latex(self) -> str:
        """The short form in LaTeX, an aligned block."""
        lines = [rf"&\textbf{{{_words(self.title)}}}"]
        for part in self.parts:
            lines += [rf"&\text{{{_words(part)}}}"] if isinstance(part, str) else part.latex()
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"


def _words(text: str) -> str:
    """Words inside LaTeX."""
    return re.sub(r"([#$%&_{}])", r"\\\1", text).replace("^", r"\^{}")
