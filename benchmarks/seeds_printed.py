"""What UBC's two notebooks and the chapter's print, and how far from it a run of ours may be.

UBC: "UBCS3 Machine Learning", two notebooks of 2018 on chapter 11 of Géron, *Hands-On Machine Learning* (2017); values are of
the one that trains, its cells by their In numbers. The chapter: 11_deep_learning.ipynb of github.com/ageron/handson-ml
(b705159), which those two condense, its cells by their place in the file, from 0. The line that is printed for epoch e stands
behind e + 1 epochs of training.

The bands were set before anything was run, and none was widened afterwards. One printed value is one run on one machine;
where the sources ran the same recipe twice, the two differ by up to 0.004 (max-norm), which gives the bands that hold unless a
recipe has its own:

    epochs 0 to 2      ±0.010    the curve is steep
    later epochs       ±0.005
    a batch of 50      ±3 √(p (1 − p)/50), p the validation accuracy printed beside it: three standard deviations of a count
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

EARLY, LATE = 0.010, 0.005
EARLY_EPOCHS = 3
BATCH_ROWS = 50


@dataclass(frozen=True)
class Printed:
    """A printed sequence.

    Attributes:
        source: where it is printed. recipe: the key of the recipe in seeds.py that it is compared with.
        measured: "validation", "test" or "batch", accuracies; or "figures", numbers by name.
        values: printed values by epoch, or by name. bands: half widths where they are not those of above, and why says why.
        beside: for a batch, the validation accuracies that were printed with it.
        compared: False for a curve that is drawn and not judged epoch by epoch.
        first_seed_only: only our seed 0 draws the numbers that the source drew.
    """

    source: str
    recipe: str
    measured: str
    values: Mapping[int | str, float]
    bands: Mapping[int | str, float] = field(default_factory=dict)
    why: str = ""
    beside: Mapping[int | str, float] = field(default_factory=dict)
    compared: bool = True
    first_seed_only: bool = False

    def band(self, epoch: int | str) -> float:
        """How far from the printed value ours may be."""
        if epoch in self.bands:
            return self.bands[epoch]
        if self.measured == "batch":
            p = self.beside[epoch]
            return 3 * (p * (1 - p) / BATCH_ROWS) ** 0.5
        assert isinstance(epoch, int), f"{self.recipe}: {epoch} needs a band of its own"
        return EARLY if epoch < EARLY_EPOCHS else LATE


def every(step: int, *values: float) -> dict[int | str, float]:
    """Values of epoch 0, step, 2·step, …

    >>> every(5, 0.9, 0.95)
    {0: 0.9, 5: 0.95}
    """
    return {step * i: value for i, value in enumerate(values)}


def alike(epochs: Sequence[int | str], band: float) -> dict[int | str, float]:
    """The same band for these."""
    return dict.fromkeys(epochs, band)


LEAKY_SEED = every(5, 0.9044, 0.951, 0.9666, 0.9722, 0.9748, 0.9768, 0.9778, 0.9796)
LEAKY_CHAPTER = every(5, 0.9044, 0.9496, 0.9654, 0.971, 0.9764, 0.9778, 0.978, 0.9788)
# The cell with the swapped constants came with commit c167d8a of 2019-02-17, which left these values as they were: they are
# what the cell printed while it had SELU right.
SELU = every(5, 0.923, 0.9578, 0.9664, 0.9682, 0.9694, 0.9688, 0.9694, 0.97)

STEEP = {0: 0.312, 1: 0.1, 2: 0.05}
STEEP_WHY = (
    "the network has just left the plateau on which it began: from one epoch to the next it gains 0.51, 0.09 and 0.03; at "
    "epoch 0 anything below 0.6 will do"
)
REUSED = alike([0, 1, 2], 0.02)
REUSED_WHY = "the source ran it twice, and the two differ by 0.010 at epoch 0"

DEPTH = [f"{what} of layer {layer}" for what in ("mean", "deviation") for layer in range(0, 1000, 100)]
DEPTH_PRINTED = [-0.00, 0.02, 0.01, -0.02, 0.05, 0.01, 0.02, -0.02, 0.05, 0.02]
DEPTH_PRINTED += [1.00, 0.96, 0.90, 0.92, 0.89, 0.93, 0.92, 0.90, 0.83, 1.00]

COLLAPSED = [22.01, 18.73, 22.01, 19.27, 20.91, 22.01, 22.01, 18.73, 20.91, 20.91, 20.91, 19.08, 19.27, 18.73, 19.08, 22.01]
COLLAPSED += [22.01, 18.73, 19.27]

PRINTED = [
    Printed("UBC, cell 15", "leaky_relu", "validation", LEAKY_SEED),
    Printed("UBC, cell 15", "leaky_relu", "batch", every(5, 0.86, 0.94, 0.96, 1, 1, 1, 0.98, 0.96), beside=LEAKY_SEED),
    Printed("chapter, cell 33", "leaky_relu", "validation", LEAKY_CHAPTER),
    Printed("chapter, cell 33", "leaky_relu", "batch", every(5, 0.86, 0.94, 0.92, 0.94, 1, 1, 0.98, 1), beside=LEAKY_CHAPTER),
    Printed(
        "chapter, cell 46", "selu_depth", "figures", dict(zip(DEPTH, DEPTH_PRINTED, strict=True)), alike(DEPTH, 0.005001),
        "the same random numbers are drawn, so that all printed digits must come out: half a unit of the last",
        first_seed_only=True,
    ),
    Printed("chapter, cell 53", "selu", "validation", SELU),
    Printed("chapter, cell 53", "selu", "batch", every(5, 0.88, 0.98, 1, 0.96, 1, 1, 1, 1), beside=SELU),
    Printed("UBC, cell 24", "bn_he", "test", every(
        1, 0.8665, 0.8963, 0.9128, 0.9229, 0.9277, 0.9344, 0.9382, 0.9422, 0.9445, 0.947, 0.9504, 0.9536, 0.9571, 0.9568, 0.96,
        0.9599, 0.9622, 0.9619, 0.9636, 0.9638,
    )),
    Printed("chapter, cell 64", "bn_lecun", "validation", every(
        1, 0.8952, 0.9202, 0.9318, 0.9422, 0.9468, 0.954, 0.9568, 0.96, 0.962, 0.9638, 0.9662, 0.9682, 0.9672, 0.9696, 0.9706,
        0.9704, 0.9718, 0.9726, 0.9738, 0.9742,
    )),
    Printed("UBC, cell 35", "bn_continued_frozen", "test", every(
        1, 0.9636, 0.965, 0.9661, 0.9664, 0.9667, 0.9679, 0.9686, 0.9691, 0.9691, 0.9698, 0.9709, 0.9707, 0.9706, 0.9714,
        0.9712, 0.9707, 0.9713, 0.9715, 0.9722, 0.9716,
    )),
    Printed("chapter, cell 80", "clipping", "validation", every(
        1, 0.288, 0.7936, 0.8798, 0.906, 0.9164, 0.9218, 0.9296, 0.9358, 0.9382, 0.9414, 0.9456, 0.9474, 0.9478, 0.9534, 0.9568,
        0.9566, 0.9574, 0.959, 0.9622, 0.9612,
    ), STEEP, STEEP_WHY),
    Printed("chapter, cell 102", "clipping_continued", "validation", every(
        1, 0.9636, 0.9632, 0.9658, 0.9652, 0.9646, 0.965, 0.969, 0.9682, 0.9682, 0.9684, 0.9704, 0.971, 0.9668, 0.97, 0.9712,
        0.9726, 0.9718, 0.971, 0.9712, 0.9712,
    )),
    Printed("chapter, cell 106", "clipping_continued", "validation", every(
        1, 0.9642, 0.963, 0.9656, 0.9652, 0.9642, 0.965, 0.9686, 0.9686, 0.9684, 0.9684, 0.9702, 0.9716, 0.9676, 0.97, 0.9706,
        0.9724, 0.972, 0.9712, 0.9712, 0.9708,
    )),
    Printed("chapter, cell 110", "new_layers", "validation", every(
        1, 0.9126, 0.9374, 0.946, 0.9498, 0.953, 0.9528, 0.9564, 0.96, 0.9616, 0.9612, 0.9634, 0.9626, 0.9648, 0.9656, 0.9664,
        0.967, 0.968, 0.9678, 0.9684, 0.9678,
    ), REUSED, REUSED_WHY),
    Printed("chapter, cell 114", "new_layers", "validation", every(
        1, 0.9024, 0.9332, 0.943, 0.947, 0.9516, 0.9532, 0.9558, 0.9592, 0.9586, 0.9608, 0.9626, 0.962, 0.964, 0.9662, 0.966,
        0.9662, 0.9672, 0.9674, 0.9682, 0.9678,
    ), REUSED, REUSED_WHY),
    Printed("chapter, cell 130", "frozen", "validation", every(
        1, 0.8964, 0.9298, 0.94, 0.9442, 0.948, 0.951, 0.9508, 0.9538, 0.9554, 0.957, 0.9562, 0.9566, 0.9572, 0.9578, 0.959,
        0.9576, 0.9574, 0.9602, 0.9592, 0.9602,
    ), REUSED, REUSED_WHY),
    Printed("chapter, cells 135 and 139", "cached", "validation", every(
        1, 0.902, 0.9302, 0.9438, 0.9478, 0.9514, 0.9522, 0.9524, 0.9556, 0.9556, 0.9558, 0.957, 0.9552, 0.9572, 0.9582, 0.9582,
        0.957, 0.9566, 0.9578, 0.9594, 0.958,
    ), REUSED, REUSED_WHY),
    Printed("chapter, cell 155", "decay", "validation", every(1, 0.959, 0.9688, 0.9726, 0.9804, 0.982)),
    Printed("UBC, cell 39", "l1", "test", every(
        1, 0.8347, 0.8713, 0.8832, 0.8907, 0.8959, 0.8978, 0.9015, 0.9035, 0.9033, 0.9064, 0.906, 0.907, 0.9076, 0.9068, 0.9065,
        0.9076, 0.9068, 0.9063, 0.9064, 0.9066,
    )),
    Printed("chapter, cell 164", "l1", "validation", every(
        1, 0.831, 0.871, 0.8838, 0.8934, 0.8966, 0.8988, 0.9016, 0.9044, 0.9058, 0.906, 0.9068, 0.9054, 0.907, 0.9084, 0.9088,
        0.9064, 0.9066, 0.9066, 0.9066, 0.9052,
    )),
    Printed("chapter, cell 174", "l1_deep", "validation", every(
        1, 0.8274, 0.8766, 0.8952, 0.9016, 0.908, 0.9096, 0.9126, 0.9154, 0.9178, 0.919, 0.92, 0.9224, 0.9212, 0.9228, 0.9224,
        0.9216, 0.9218, 0.9228, 0.9216, 0.9214,
    )),
    Printed("chapter, cell 180", "dropout", "validation", every(
        1, 0.9264, 0.9446, 0.9488, 0.9556, 0.9612, 0.9598, 0.9616, 0.9674, 0.967, 0.9706, 0.9674, 0.9678, 0.9698, 0.97, 0.971,
        0.9702, 0.9718, 0.9716, 0.9734, 0.972,
    )),
    Printed("UBC, cell 45", "max_norm_rows", "test", every(
        1, 0.9525, 0.9688, 0.9732, 0.9755, 0.975, 0.9769, 0.9795, 0.9778, 0.979, 0.9792, 0.9811, 0.9802, 0.9826, 0.9816, 0.9824,
        0.9817, 0.9823, 0.9827, 0.9829, 0.9827,
    )),
    Printed("UBC, cell 51", "max_norm_rows", "test", every(
        1, 0.9534, 0.9657, 0.9729, 0.9718, 0.9752, 0.9749, 0.9777, 0.9796, 0.9791, 0.9801, 0.9792, 0.9801, 0.9811, 0.9815,
        0.9802, 0.982, 0.9805, 0.9813, 0.9813, 0.9812,
    )),
    Printed("chapter, cell 192", "max_norm_rows", "validation", every(
        1, 0.9568, 0.9696, 0.972, 0.9768, 0.9784, 0.9786, 0.9816, 0.9808, 0.981, 0.983, 0.9822, 0.9854, 0.9822, 0.9842, 0.984,
        0.9852, 0.984, 0.9844, 0.9844, 0.9844,
    )),
    Printed("chapter, cell 201", "max_norm_rows", "validation", every(
        1, 0.9556, 0.9698, 0.9726, 0.9744, 0.9762, 0.9772, 0.979, 0.9816, 0.9814, 0.9812, 0.9818, 0.9816, 0.9802, 0.9822, 0.982,
        0.9812, 0.9824, 0.9836, 0.9824, 0.9826,
    )),
    Printed("chapter, cell 217", "collapse", "validation", every(
        1, 0.9758, 0.9711, 0.9386, 0.9754, 0.9535, *(percent / 100 for percent in COLLAPSED)
    ), compared=False),
    Printed(
        "chapter, cell 217", "collapse", "figures",
        {"best validation loss": 0.107346, "test accuracy of the best": 0.9726, "validation accuracy at the end": 0.1927},
        {"best validation loss": 0.03, "test accuracy of the best": 0.01, "validation accuracy at the end": 0.05},
        "one run, of which the best and the end are kept; guessing gives 0.187 to 0.220, as the classes are frequent",
    ),
    Printed(
        "chapter, cells 281 to 307", "digits_5_to_9", "figures",
        {"five frozen": 0.6402, "five frozen, cached": 0.6116, "four frozen": 0.6910, "top two unfrozen": 0.7809,
         "all unfrozen": 0.9134, "from scratch": 0.848},
        alike(["five frozen", "five frozen, cached", "four frozen", "top two unfrozen", "all unfrozen", "from scratch"], 0.05),
        "the source ran five frozen layers twice, on the same base, and the two differ by 0.029; our base is another one",
    ),
]  # fmt: skip
