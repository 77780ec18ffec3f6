"""What all optimizers have in common: slots beside the parameters, pieces that fit the cache, and a guard against denormals."""

import math
from typing import Any, ClassVar

import numpy as np

from npdeep import schedules
from npdeep.common import checks
from npdeep.common.described import Described
from npdeep.common.events import Formula
from npdeep.common.hints import OPTIMIZER, by_name
from npdeep.kernels.arrays import Array
from npdeep.kernels.updates.momentum import flush_tiny
from npdeep.parameters import Arena, Parameter, chunks

LONGEST = 256
"""At most so many steps lie between two searches for denormals."""


class Optimizer(Described, base=True):
    """Base of all optimizers.

    Attributes:
        learning_rate: a number or a schedule; a number may be set anew at any time between steps.
        slots: the optimizer's memory by symbol ("m", "v", …), each laid out like the model's gradients.

    An own optimizer names its slots and defines `update_piece`:

    >>> class SignDescent(Optimizer):
    ...     def update_piece(self, step, w, g, t):
    ...         np.sign(g, out=t)
    ...         t *= self.learning_rate
    ...         w -= t
    >>> SignDescent(0.1)
    SignDescent(learning_rate=0.1)
    """

    foreign = by_name(OPTIMIZER)
    formula: Formula = Formula("w ← update(w, g)")
    slot_names: tuple[str, ...] = ()
    slot_label: ClassVar[str] = ""
    """What TensorFlow 1 calls the slot of a variable: "hidden1/kernel/Momentum"."""
    second_scratch: ClassVar[bool] = False
    driven_by: ClassVar[dict[str, str]] = {}
    """Slots that are at rest where another slot is 0; the others are where the gradient is."""
    may_be_scheduled: ClassVar[tuple[str, ...]] = ("_learning_rate",)
    """Hyper-parameters that may be schedules."""
    eta: float
    """The learning rate of the update that is being made."""
    kernel: Any = None

    def __init__(self, learning_rate: float | schedules.Schedule = 0.01) -> None:
        self._learning_rate = schedules.rate(type(self).__name__, "learning_rate", learning_rate, minimum=0)
        self.arena: Arena | None = None
        self.slots: dict[str, Array] = {}
        self.pieces: list[tuple[Array, ...]] = []
        self.flush_every = LONGEST

    @property
    def learning_rate(self) -> float | schedules.Schedule:
        """A number or a schedule."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float | schedules.Schedule) -> None:
        self._learning_rate = schedules.rate(type(self).__name__, "learning_rate", value, minimum=0)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of the update that follows `step` updates.

        >>> Optimizer(schedules.PowerDecay(0.1, 100)).learning_rate_at(100)
        0.05
        """
        return schedules.value_at(self._learning_rate, step)

    def read_rates(self, step: int) -> None:
        """Take the values of this step, once for all pieces: eta is the learning rate, others have a momentum beta too."""
        self.eta = self.learning_rate_at(step)

    def check_schedules(self, step: int) -> None:
        """Evaluate the schedules for the next update: one that fails is to fail before anything has changed."""
        for name in self.may_be_scheduled:
            value = getattr(self, name)
            if isinstance(value, schedules.Schedule):
                schedules.value_at(value, step)

    # ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def initial_slot(self, name: str) -> float:
        """What a slot is filled with before the first step."""
        return 0.0

    def bind(self, arena: Arena) -> None:
        """Make the slots for a model. An optimizer serves one trainer: its slots know the steps that were made there."""
        if self.arena is not None:
            raise ValueError(
                f"this {type(self).__name__} already serves a Trainer, and its memory belongs to the steps made there; "
                "make a new one"
            )
        if not all(self.initial_slot(name) for name in self.slot_names):
            given = getattr(self, "epsilon", 0.0)
            checks.epsilon(type(self).__name__, given, arena.grads.dtype, "a gradient of 0 would give 0/0")
        self.arena = arena
        self.slots = {name: np.full_like(arena.grads, self.initial_slot(name)) for name in self.slot_names}
        self.flush_every = self.flush_interval()

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

    def slot(self, name: str, parameter: Parameter) -> Array:
        """The part of a slot that belongs to one parameter, in its shape (a view)."""
        return self.slots[name][parameter.span].reshape(parameter.shape)

    def label(self, name: str) -> str:
        """The slot's name in lists of variables, after TensorFlow 1: Adam, Adam_1, …"""
        i = self.slot_names.index(name)
        return self.slot_label if i == 0 else f"{self.slot_label}_{i}"

    # ── one step ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def update(self, step: int) -> None:
        """Move all trainable weights by their gradients. step: how many updates there were before."""
        if not self.pieces:
            missing = "it knows no model: make a trainer, nd.Trainer(model, loss, optimizer)"
            if self.arena is not None:
                missing = "it does not know yet what to update: call trainer.prepare(len(x)) once, as step and fit do"
            raise ValueError(f"{type(self).__name__}: {missing}")
        self.read_rates(step)
        for piece in self.pieces:
            self.update_piece(step, *piece)
        if (step + 1) % self.flush_every == 0:
            self.flush()

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
        tiny = float(np.finfo(self.slots[self.slot_names[0]].dtype).tiny) if self.slot_names else 0.0
        steps = [math.log(tiny / tau) / math.log(beta) for beta, tau in self.decaying_slots().values() if 0 < beta < 1]
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
        ends what is kept. What then still matters stands beside a first moment that is not 0, and is left alone for that; a
        slot that stands alone gets no such room but is looked at every step.
        """
        tiny = float(np.finfo(next(iter(self.slots.values())).dtype).tiny)
        harmless = min(1e-20, harmless)
        room = min(1e6, 1.1 * factor**-LONGEST) if factor > 0 else 1.0
        if alone and harmless < room * tiny:
            room = 1.1 / factor if factor > 0 else 1.0
        return max(room * tiny, harmless)

    # ── copies and files ──────────────────────────────────────────────────────────────────────────────────────────────
    def state(self) -> dict[str, float]:
        """Numbers besides the slots that a checkpoint must hold."""
        return {}

    def set_state(self, state: dict[str, float]) -> None:
        """Take them back."""

    def __getstate__(self) -> dict[str, Any]:
        """Copies leave the pieces, which are views, behind."""
        return {name: value for name, value in vars(self).items() if name not in ("pieces", "spare")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Without pieces; the trainer plans anew."""
        vars(self).update(state)
        self.pieces = []

    def arrays(self) -> dict[str, Array]:
        """What the update event shows: all values, all gradients and the slots, flat."""
        assert self.arena is not None
        return {"values": self.arena.values, "grads": self.arena.grads, **self.slots}
