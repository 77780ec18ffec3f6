"""The optimizers' rules: expressions that `explain_update` works out, and the formulas that events show.

A rule says what is computed, in order: names and expressions. A name stands for its old number until it is computed again.
"""

from npdeep.common.events import Formula
from npdeep.common.expressions import check, names_in, substituted
from npdeep.common.notation import Latex, Notation

Rule = tuple[tuple[str, str], ...]

MEAN = ("m", "beta_1*m + (1 - beta_1)*g")
SQUARES = ("v", "beta_2*v + (1 - beta_2)*g**2")
FADING = ("s", "rho*s + (1 - rho)*g**2")
M_HAT = ("m_hat", "m/correction_1")
LAST = ("w", "w - step")
ARROW = r"\leftarrow"
SHOWN_LATER = ("m_hat", "v_hat")
"""What a formula names and does not spell out."""


def adam(amsgrad: bool = False, decay: bool = False) -> Rule:
    """Adam, AdamW, and both with AMSGrad."""
    first = (("w", "w*(1 - learning_rate*weight_decay)"),) if decay else ()
    largest = (("largest_v", "max(largest_v, v)"), ("v_hat", "largest_v/correction_2"))
    v_hat = largest if amsgrad else (("v_hat", "v/correction_2"),)
    return (*first, MEAN, SQUARES, M_HAT, *v_hat, ("step", "learning_rate*m_hat/(sqrt(v_hat) + epsilon)"), LAST)


def rmsprop(centered: bool = False, velocity: bool = False) -> Rule:
    """RMSProp, with its two options."""
    mean = (("mean", "rho*mean + (1 - rho)*g"),) if centered else ()
    spread = "max(s - mean**2, 0)" if centered else "s"
    last = (("m", "momentum*m + step"), ("w", "w - m")) if velocity else (LAST,)
    return (FADING, *mean, ("step", f"learning_rate*g/sqrt({spread} + epsilon)"), *last)


def check_rule(owner: str, rule: object) -> None:
    """Raise ValueError where the rule of a custom optimizer is none.

    >>> check_rule("Lion", "w - eta*g")
    Traceback (most recent call last):
    ValueError: Lion: rule must be pairs of a name and an expression, the last of them w: \
rule = (("m", "0.9*m + g"), ("w", "w - learning_rate*m"))
    """
    pairs = rule if isinstance(rule, tuple | list) else ()
    fit = pairs and all(isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs)
    if not fit or pairs[-1][0] != "w":
        raise ValueError(
            f"{owner}: rule must be pairs of a name and an expression, the last of them w: "
            'rule = (("m", "0.9*m + g"), ("w", "w - learning_rate*m"))'
        )
    for name, formula in pairs:
        check(f"{owner}: rule of {name}", formula)


def as_formula(rule: Rule) -> Formula:
    """A rule in text and LaTeX; a step that is used once is put in where it is used.

    >>> as_formula((("m", "momentum*m + g"), ("step", "learning_rate*m"), ("w", "w - step")))
    'm ← β·m + g, w ← w − η·m'
    """
    steps = dict(rule)
    inside = [name for name in steps if name == "step" and sum(name in names_in(formula) for _, formula in rule) == 1]
    text, latex = [], []
    for name, formula in rule:
        if name in inside or name in SHOWN_LATER:
            continue
        whole = substituted(formula, {step: steps[step] for step in inside})
        kept = name != "step"                 # a slot or the weight: it was there before
        text.append(f"{Notation().name(name)} {'←' if kept else '='} {Notation().show(whole)}")
        latex.append(rf"{Latex().name(name)} {ARROW if kept else '='} {Latex().show(whole)}")
    return Formula(", ".join(text), r",\ ".join(latex))
