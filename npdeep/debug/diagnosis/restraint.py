"""Does what is to keep a network from overfitting keep it from learning at all?"""

import copy
import math

import numpy as np

from npdeep.debug.diagnosis.causes import listed
from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.present import spread_of
from npdeep.debug.diagnosis.probe import UPDATES, Probe, kernel_layers, kernel_of

POOR = 0.7
"""With seven tenths of what guessing loses still left, the network has hardly learnt."""

HELD = 0.3
"""Weights whose norm is below three tenths of what they were drawn with: an L1 penalty that suits the digits leaves half."""

NOISY = 0.9
"""With its noise the network is as good as guessing."""


def overregularized(probe: Probe) -> list[Finding]:
    """Penalties, constraints or weight decay that hold the weights near 0, in a network that does not learn."""
    if probe.trainer.iteration < UPDATES or probe.works or not probe.left_now >= POOR:
        return []
    decay = float(getattr(probe.trainer.optimizer, "weight_decay", 0.0))
    found = []
    for layer in kernel_layers(probe.twin.model):
        kernel, name = kernel_of(layer), str(layer.name)
        holders = [repr(holder) for holder in (kernel.regularizer, kernel.constraint) if holder is not None]
        holders += [f"weight decay of {decay:g}"] if decay > 0 and kernel.trainable else []
        drawn, norm = spread_of(layer) * math.sqrt(kernel.size), probe.kernels[name].weight
        if holders and math.isfinite(drawn) and norm < HELD * drawn:
            words = (
                f"the weights have a norm of {norm:.2g}, those that were drawn about {drawn:.2g}: {listed(holders)} holds them "
                f"down, and the loss is still {probe.calm:.3g} (guessing: {probe.guess:.3g})."
            )
            found.append(Finding("overregularized", name, words, {"norm": norm, "drawn": drawn}))
    return found


def too_much_noise(probe: Probe) -> list[Finding]:
    """Dropout or noise that drowns what the rows differ by: with it the network only guesses."""
    drawing = [layer for layer in probe.model.everything() if layer.draws]
    if not drawing or probe.trainer.iteration < UPDATES or probe.works or not probe.left(probe.losses[0]) >= NOISY:
        return []
    model = copy.deepcopy(probe.twin.model)
    first, second = (model.run(probe.batch.x, training=True).astype(np.float64) for _ in range(2))
    noise = math.sqrt(float(np.mean((first - second) ** 2)) / 2)
    signal = math.sqrt(float(np.mean(probe.outputs.astype(np.float64).var(axis=0))))
    if not noise > signal:
        return []
    words = (
        f"in training the outputs of a row vary by {noise:.2g} from draw to draw, without noise those of all rows by "
        f"{signal:.2g}: what {listed([repr(layer) for layer in drawing[:3]])} draws drowns the rows. With it the loss is "
        f"{probe.losses[0]:.3g} (guessing: {probe.guess:.3g})."
    )
    return [Finding("too_much_noise", str(drawing[0].name), words, {"noise": noise, "signal": signal})]
