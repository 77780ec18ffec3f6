"""What the steps of a trainer work on, until something else is frozen or thawed."""

from typing import Any

from npdeep.common.events import StepEvent
from npdeep.layers.chain import Chain
from npdeep.models.sequential import Sequential
from npdeep.parameters import Parameter, trainable_spans
from npdeep.training.frozen_outputs import check_still_frozen
from npdeep.training.penalties import Piece, parameter_event, penalty_pieces


class Plan:
    """Who is at work in each stage of a step. It holds for one version of the model's arena, which counts freezes and thaws.

    A step compares that one number. For how many rows there are buffers is no part of the plan: each layer knows it (`ready`),
    and makes others in a pass that brings another number.

    Args:
        version: that of the arena; −1: nothing is planned yet.
        first_layer: the lowest layer that a step goes through; above 0 while `fit` trains on cached outputs of frozen layers.
    """

    chain: Chain
    penalized: list[Piece]
    constrained: list[Parameter]
    penalty_event: StepEvent
    constrain_event: StepEvent

    def __init__(self, version: int = -1, first_layer: int = 0) -> None:
        self.version, self.first_layer = version, first_layer

    @classmethod
    def of(cls, model: Sequential, optimizer: Any, clipping: Any, first_layer: int = 0) -> "Plan":
        """The plan for what is trained now; model, optimizer and clipping make theirs.

        Raises ValueError where there is nothing to train.
        """
        trainable = [p for p in model.parameters if p.trainable]
        if not trainable:
            if not any(p.has_grad for p in model.parameters):
                raise ValueError("Trainer: no layer of the model has parameters, there is nothing to train")
            raise ValueError("Trainer: every parameter is frozen, there is nothing to train; see model.unfreeze(...)")
        if first_layer > 0:
            check_still_frozen(model, first_layer)
        if model.planned != model.arena.version:
            model.plan()
        optimizer.plan(trainable_spans(trainable))
        if clipping is not None:
            clipping.plan(trainable)
        plan = cls(model.arena.version, first_layer)
        plan.chain = Chain(model.layers[first_layer:])
        regularized = [p for p in model.parameters if p.regularizer is not None]
        plan.penalized, plan.penalty_event = penalty_pieces(regularized), parameter_event("penalty", regularized, "regularizer")
        plan.constrained = [p for p in trainable if p.constraint is not None]
        plan.constrain_event = parameter_event("constrain", plan.constrained, "constraint")
        return plan
