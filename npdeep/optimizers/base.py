"""What all optimizers have in common: slots beside the parameters, pieces that fit the cache, and a guard against denormals."""

import inspect
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from npdeep import schedules
from npdeep.common import checks, custom
from npdeep.common.described import Described
from npdeep.common.events import Formula
from npdeep.common.hints import OPTIMIZER, by_name
from npdeep.kernels.arrays import Array
from npdeep.kernels.updates.momentum import flush_tiny
from npdeep.optimizers import factors
from npdeep.optimizers.factors import Factored, Factors
from npdeep.optimizers.rules import Rule, as_formula, check_rule
from npdeep.parameters import Arena, Parameter, chunks

LONGEST = 256
"""At most this many steps lie between two searches for denormals."""


class Optimizer(Described):
    """Base of all optimizers.

    Attributes:
        learning_rate: a number or a schedule; a number may be changed at any time between steps.
        slots: the optimizer's memory by symbol ("m", "v", …), each laid out like the model's gradients.

    Every optimizer takes `learning_rate_factors`: {"hidden1": 0.1} multiplies the whole step of the parameters that the name
    selects, as in `model.freeze`: w ← w + f·(u(w) − w), where u(w) is what the optimizer makes of w. For npdeep's optimizers
    that is the learning rate f·η. Numbers above 0; the names are looked up when a Trainer is made.

    >>> Optimizer(0.5, learning_rate_factors={"hidden1": 0.1}).learning_rate_factors
    {'hidden1': 0.1}

    A custom optimizer names its slots and defines `update_piece`, which is called for each piece of the weights, with the
    gradient, its slots and an array t to work in, all flat. `self.eta` is the learning rate of this update, that of a schedule
    too:

    >>> class SignDescent(Optimizer):
    ...     def update_piece(self, step, w, g, t):
    ...         np.sign(g, out=t)
    ...         t *= self.eta
    ...         w -= t
    >>> SignDescent(0.1)
    SignDescent(learning_rate=0.1)
    """

    foreign = by_name(OPTIMIZER)
    offers = "slots slot slot_names update update_piece learning_rate_at formula eta arguments clone"
    formula: Formula = Formula("w ← update(w, g)")
    rule: Rule = ()
    """What update_piece computes: names and expressions in order, which `explain_update` works out; () where it is not said."""
    settled = by_name({"slots pieces arena slot_names": "they belong to the model; make a new optimizer and a new Trainer"})
    slot_names: tuple[str, ...] = ()
    slot_label: ClassVar[str] = ""
    """What TensorFlow 1 calls the slot of a variable, "hidden1/kernel/Momentum"; if not given, like the class."""
    second_scratch: ClassVar[bool] = False
    driven_by: ClassVar[dict[str, str]] = {}
    """Slots that are at rest where another slot is 0; the others are where the gradient is."""
    may_be_scheduled: ClassVar[tuple[str, ...]] = ("learning_rate",)
    """Hyper-parameters that may be schedules."""
    scheduled = True
    """Is one of them? Told by `bind`, and whenever an argument is set."""
    eta: float
    """The learning rate of the update that is being made."""
    kernel: Any = None
    factor_spans: ClassVar[list[tuple[slice, float]]] = []
    factored: ClassVar[Factored] = []
    """Whose whole step is multiplied by a factor: places that `bind` finds, and the arrays that an update works on."""
    learning_rate_factors: Factors = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        """A class that computes something else has another rule; the formula comes from the rule."""
        super().__init_subclass__(**keywords)
        if "update_piece" in vars(cls) and "rule" not in vars(cls):
            cls.rule = ()
        if vars(cls).get("rule"):
            check_rule(cls.__name__, cls.rule)
        if vars(cls).get("rule") and "formula" not in vars(cls):
            cls.formula = as_formula(cls.rule)

    def __init__(self, learning_rate: float | schedules.Schedule = 0.01, *, learning_rate_factors: Factors = None) -> None:
        self.learning_rate = schedules.rate(type(self).__name__, "learning_rate", learning_rate, minimum=0)
        self.learning_rate_factors = factors.check_factors(type(self).__name__, learning_rate_factors)
        self.arena: Arena | None = None
        self.slots: dict[str, Array] = {}
        self.pieces: list[tuple[Array, ...]] = []
        self.flush_every = LONGEST
        self.unproven = custom.is_custom(self)

    def arguments(self, kind: type | None = None) -> dict[str, Any]:
        """Those of `Described`; without factors where there are none."""
        given = super().arguments(kind)
        return {name: value for name, value in given.items() if name != factors.NAME or value}

    def say(self, rule: Rule) -> None:
        """Another rule, by the arguments that were given; not where a class derived from npdeep's computes something else."""
        if self.rule:
            self.rule, self.formula = rule, as_formula(rule)

    def has_schedules(self) -> bool:
        """Is a hyper-parameter a schedule?"""
        return any(isinstance(getattr(self, name), schedules.Schedule) for name in self.may_be_scheduled)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of the update that follows `step` updates.

        >>> Optimizer(schedules.PowerDecay(0.1, 100)).learning_rate_at(100)
        0.05
        """
        return schedules.value_at(self.learning_rate, step)

    def read_rates(self, step: int) -> None:
        """Take the values of this step, once for all pieces: eta is the learning rate, others have a momentum beta too."""
        vars(self)["eta"] = self.learning_rate_at(step)

    def check_schedules(self, step: int) -> None:
        """Evaluate the schedules for the next update: one that fails is to fail before anything has changed."""
        for name in self.may_be_scheduled if self.scheduled else ():    # fit asks at every step
            schedules.value_at(getattr(self, name), step)

    # ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def initial_slot(self, name: str) -> float:
        """What a slot is filled with before the first step."""
        return 0.0

    def bind(self, arena: Arena) -> None:
        """Make the slots for a model. An optimizer serves one trainer: its slots know the steps that were made there."""
        custom.check_begun("Trainer: optimizer", self, "flush_every", "learning_rate")
        if self.unproven:
            custom.check_not_hidden(type(self).__name__, self)
            names: Any = self.slot_names
            taken = {"step", "w", "g", "t", "u", "eta", "values", "grads"}
            if not isinstance(names, tuple | list) or len({*names} - taken) < len(names):
                raise ValueError(
                    f"{type(self).__name__}: slot_names must be a tuple of names such as ('m',), each different, none of "
                    f"{', '.join(sorted(taken))}; got {checks.shortened(checks.safe_repr(names))}"
                )
            scratch = ("t", "u") if self.second_scratch else ("t",)
            takes = ("step", "w", "g", *self.slot_names, *scratch)
            custom.check_takes(type(self).__name__, "update_piece", self.update_piece, takes)
        if self.arena is not None:
            raise ValueError(
                f"this {type(self).__name__} already serves a Trainer, and its memory belongs to the steps made there; "
                "make a new one"
            )
        self.check_epsilon(getattr(self, "epsilon", None), arena)
        largest = float(np.finfo(arena.grads.dtype).max)
        for start in map(self.initial_slot, self.slot_names):
            if start > largest:
                named = "initial_accumulator_value" if hasattr(self, "initial_accumulator_value") else "initial_slot"
                precision = arena.grads.dtype
                raise ValueError(f"{type(self).__name__}: {named} must be at most {largest:.1e} in {precision}, got {start:g}")
        self.arena = arena
        self.scheduled = self.has_schedules()
        self.slots = {name: np.full_like(arena.grads, self.initial_slot(name)) for name in self.slot_names}
        self.flush_every = self.flush_interval()

    def check_epsilon(self, epsilon: float | None, arena: Arena) -> None:
        """Raise ValueError where ε is lost in the precision of the model, and is needed."""
        if epsilon is not None and not all(self.initial_slot(name) for name in self.slot_names):
            checks.epsilon(type(self).__name__, epsilon, arena.grads.dtype, "a gradient of 0 would give 0/0")

    def why_settled(self, name: str) -> str:
        """The slots have been filled."""
        if name == factors.NAME and self.arena is not None:
            return "the trainer has looked its names up; make a new optimizer and a new Trainer (with the same model)"
        if name == factors.NAME and name not in inspect.signature(type(self)).parameters:
            return f"a file keeps what __init__ takes: let it take {name}=None too and pass it to super().__init__"
        filled = name == "initial_accumulator_value" and self.arena is not None
        new = "the slots have been filled with it; make a new optimizer and a new Trainer"
        return new if filled else super().why_settled(name)

    def check_changes(self, name: str, changes: Mapping[str, Any]) -> None:
        """Raise where the slots that there are would not do."""
        if self.arena is not None and changes.get("slot_names", self.slot_names) != self.slot_names:
            needed, there = (", ".join(names) for names in (changes["slot_names"], self.slot_names))
            raise ValueError(
                f"{type(self).__name__}: {name}={changes[name]!r} needs the slots {needed}, and this optimizer was made with "
                f"{there}; make a new optimizer and a new Trainer with the same model"
            )
        if self.arena is not None and "epsilon" in changes:
            self.check_epsilon(changes["epsilon"], self.arena)

    def changed(self) -> None:
        """Slots that shrink faster are searched for denormals more often."""
        if self.arena is not None:
            self.flush_every, self.scheduled = self.flush_interval(), self.has_schedules()

    def plan(self, spans: list[slice]) -> None:
        """Cut what is trainable into pieces: for each the weights, the gradient, the slots and the scratch."""
        assert self.arena is not None
        arena = self.arena
        if self.second_scratch:
            self.spare = np.empty_like(arena.scratch)
        self.pieces = []
        for piece in chunks(spans):
            n = piece.stop - piece.start
            scratch = (arena.scratch[:n], self.spare[:n]) if self.second_scratch else (arena.scratch[:n],)
            slots = (self.slots[name][piece] for name in self.slot_names)
            self.pieces.append((arena.values[piece], arena.grads[piece], *slots, *scratch))
        if self.factor_spans:
            vars(self)["factored"] = factors.planned(self.factor_spans, spans, arena.values)

    def slot(self, name: str, parameter: Parameter) -> Array:
        """The part of a slot that belongs to one parameter, in its shape (a view)."""
        return self.slots[name][parameter.span].reshape(parameter.shape)

    def factor_of(self, parameter: Parameter) -> float:
        """By what the whole step of a parameter is multiplied."""
        return next((factor for span, factor in self.factor_spans if span.start <= parameter.start < span.stop), 1.0)

    def label(self, name: str) -> str:
        """The slot's name in lists of variables, after TensorFlow 1: Adam, Adam_1, …"""
        i, label = self.slot_names.index(name), self.slot_label or type(self).__name__
        return label if i == 0 else f"{label}_{i}"

    # ── one step ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def update(self, step: int) -> None:
        """Move all trainable weights by their gradients. step: how many updates there were before."""
        if not self.pieces:
            missing = "it knows no model: make a trainer, nd.Trainer(model, loss, optimizer)"
            if self.arena is not None:
                missing = "it does not know yet what to update: call trainer.prepare(len(x)) once, as step and fit do"
            raise ValueError(f"{type(self).__name__}: {missing}")
        self.read_rates(step)
        if self.unproven or self.factored:
            self.update_watched(step)
        else:
            for piece in self.pieces:
                self.update_piece(step, *piece)
        if (step + 1) % self.flush_every == 0:
            self.flush()

    def update_watched(self, step: int) -> None:
        """An update that is proved to be one, or whose steps are multiplied by factors."""
        factors.keep(self.factored)
        if self.unproven:
            self.prove(step)
        else:
            for piece in self.pieces:
                self.update_piece(step, *piece)
        factors.multiply(self.factored)

    def prove(self, step: int) -> None:
        """The first update of a custom optimizer: where it fails, or does nothing, the weights are put back and it is named."""
        assert self.arena is not None
        arena, name = self.arena, type(self).__name__
        before = [(array, array.copy()) for array in self.arrays().values()]
        (_, values), (_, grads), *_ = before
        try:
            for piece in self.pieces:
                self.update_piece(step, *piece)
            custom.check_no_nan(f"{name}: update_piece wrote into the weights", arena.values, values, grads)
            wanted = any(np.any(w - self.eta * g != w) for w, g in ((piece[0], piece[1]) for piece in self.pieces))
            changed = any(array.tobytes() != old.tobytes() for array, old in before)
            if wanted and not changed:
                raise ValueError(f"{name}: update_piece changed no weight; change w in place: w -= ..., not w = w - ...")
        except Exception as error:
            for array, old in before:
                array[...] = old
            if isinstance(self.learning_rate, schedules.Schedule) and isinstance(error, TypeError):
                raise TypeError(
                    f"{name}: update_piece failed under a schedule: {error}; self.learning_rate is the schedule itself, "
                    "self.eta is the learning rate of this update"
                ) from error
            raise
        self.unproven = False

    if TYPE_CHECKING:

        def update_piece(self, *args: Any, **kwargs: Any) -> None:
            """For mypy: a subclass takes (step, w, g), an argument for each of its slots, and t."""

    else:

        def update_piece(self, step: int, w: Array, g: Array, *slots_and_scratch: Array) -> None:
            """Move the piece w by its gradient g, in place."""
            raise NotImplementedError(f"{type(self).__name__} must define update_piece(step, w, g, *slots, t)")

    # ── denormals ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def decaying_slots(self) -> dict[str, tuple[float, float]]:
        """Slots that shrink by a factor when the gradient is 0: name → (that factor, what is too small to matter)."""
        return {}

    def flush_interval(self) -> int:
        """How many steps may pass between two flushes so that nothing reaches the denormals in between.

        A slot just above its threshold τ and shrinking by β a step stays normal while β^k τ > tiny: k < log(tiny/τ)/log β.
        """
        steps = [math.log(self.tiny() / tau) / math.log(beta) for beta, tau in self.decaying_slots().values() if beta]
        return max(1, min([LONGEST, *(int(k) for k in steps)]))

    def flush(self) -> None:
        """Set to 0 what is at rest and has become too small to matter, before processors slow down on it."""
        scratch = -2 if self.second_scratch else -1
        for name, (_, tau) in self.decaying_slots().items():
            for piece in self.pieces:
                flush_tiny(piece[self.place(name)], piece[self.place(self.driven_by.get(name, "g"))], piece[scratch], tau)

    def place(self, name: str) -> int:
        """Where in a piece the gradient "g" or a slot is."""
        return 1 if name == "g" else 2 + self.slot_names.index(name)

    def too_small(self, factor: float, harmless: float, alone: bool = False) -> float:
        """The size below which an element of a slot at rest is set to 0.

        harmless: below it, compared with ε, it moves no weight that anybody could tell. But ε may be as small as it likes, and
        a slot that shrinks by `factor` a step needs room to do so between two flushes, above the smallest normal number: there
        ends what is kept. What then still matters is beside a first moment that is not 0, and is left alone for that; a
        slot on its own gets no such room but is looked at every step.
        """
        if factor == 0:                       # nothing is left of the step before
            return harmless
        tiny, harmless = self.tiny(), min(1e-20, harmless)
        room = min(1e6, 1.1 * max(factor, 0.9) ** -LONGEST)    # 0.05^-256 is no float
        if alone and harmless < room * tiny:
            room = 1.1 / factor
        return max(room * tiny, harmless)

    def tiny(self) -> float:
        """The smallest number with all digits in the precision of the slots."""
        assert self.arena is not None
        return float(np.finfo(self.arena.grads.dtype).tiny)

    # ── copies and files ──────────────────────────────────────────────────────────────────────────────────────────────
    def state(self) -> dict[str, float]:
        """Numbers besides the slots that a checkpoint must hold."""
        return {}

    def set_state(self, state: dict[str, float]) -> None:
        """Take them back."""

    def __getstate__(self) -> dict[str, Any]:
        """Copies leave the pieces, which are views, behind."""
        return {name: value for name, value in vars(self).items() if name not in ("pieces", "spare", "factored")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Without pieces; the trainer plans again."""
        vars(self).update(state)
        self.pieces = []

    def arrays(self) -> dict[str, Array]:
        """What the update event shows: all values, all gradients and the slots, flat."""
        assert self.arena is not None
        return {"values": self.arena.values, "grads": self.arena.grads, **self.slots}
