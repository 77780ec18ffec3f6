"""For every kind of finding: what to try, and where to read about it."""

from collections.abc import Collection

NORMALIZE = ("normalization", "Put nd.BatchNormalization before every activation.")
INITIALIZE = ("initializer", "Initialize for the activation (nd.initializers.for_activation).")
CLIP = ("clipping", "Clip the gradient (nd.clipping.ClipByGlobalNorm(1.0)).")
LEAKY = ("leaky", "Use leaky_relu or elu.")
RATE = ("", "Lower the learning rate (nd.debug.learning_rate_range suggests one).")

ADVICE: dict[str, tuple[tuple[str, str], ...]] = {
    "constant": (
        ("", "Look at how these rows were made: was one row repeated, or the wrong column cut out?"),
    ),
    "unscaled_inputs": (
        ("", "Bring every feature to mean 0 and standard deviation 1, or to 0 … 1 (pixels: divide by 255)."),
        ("first_normalization", "Or let nd.BatchNormalization be the first layer."),
    ),
    "unscaled_targets": (
        ("", "Train on (y − m)/s with m = y.mean(axis=0) and s = y.std(axis=0); predictions times s, plus m, are y again."),
    ),
    "mismatched_labels": (
        ("", "Look at some rows beside their labels; shuffle and cut x and y by the same index."),
    ),
    "labels_from_one": (("", "Train on y − 1, with one output fewer."),),
    "classes_as_numbers": (("", "End with as many outputs as there are classes, under softmax_cross_entropy."),),
    "hidden_softmax": (("", 'Put nd.Activation("relu") there; a softmax belongs on top, and only where the loss has none.'),),
    "output_range": (("", "End the network with a Dense layer, without an activation, or scale the targets into its range."),),
    "no_activation": (("", 'Put nd.Activation("relu") or another after every Dense layer but the last.'),),
    "symmetric": (
        ("", "Begin with random weights that fit the activation, nd.initializers.for_activation(name); biases of 0 will do."),
    ),
    "overregularized": (
        ("", "Take a tenth of the penalty or decay until it learns (usual: 1e-5 to 1e-3), or a wider constraint (1 to 4)."),
        ("", "Add it only where validation is far worse than training."),
    ),
    "too_much_noise": (
        ("", "Take less: the rate of a Dropout is the share that is dropped, 0.2 in small networks, 0.5 in large ones."),
        ("", "Let the network fit the rows without noise first."),
    ),
    "single_rows": (
        ("", "Train with batches of 16 rows or more, and choose them so that the last one of an epoch has more than a few."),
    ),
    "exploding": (INITIALIZE, CLIP, NORMALIZE),
    "update_too_large": (RATE, ("warmup", "Begin with a warm-up (nd.schedules.Warmup)."), CLIP),
    "nan": (
        ("terminate", "Stop at the first bad number next time (nd.callbacks.TerminateOnNaN()), and resume from a checkpoint."),
    ),
    "saturated": (
        ("small_weights", "Initialize with smaller weights (glorot_uniform)."),
        ("scaled", "Scale the inputs."),
        NORMALIZE,
        ("unsaturating", "Use an activation that does not saturate (relu, elu)."),
    ),
    "dead": (RATE, LEAKY, NORMALIZE),
    "vanishing": (
        INITIALIZE,
        ("unsaturating", "Use an activation that does not saturate (relu, elu)."),
        NORMALIZE,
        ("shortcut", "Put a shortcut around each hidden layer (nd.Residual)."),
    ),
    "nearly_dead": (("", "Watch whether they become fewer; if not, lower the learning rate."), LEAKY, NORMALIZE),
    "always_on": (
        ("", "Such units only add another linear map."),
        ("zero_bias", "Begin with biases of 0."),
        ("centred", "Centre the inputs."),
        NORMALIZE,
    ),
    "update_too_small": (
        ("", "Raise the learning rate (nd.debug.learning_rate_range suggests one), and look at its schedule."),
        ("adaptive", "Use an optimizer that finds its own scale (nd.optimizers.Adam)."),
    ),
    "imbalance": (
        ("weights", "Weight the rows (sample_weight, 1/frequency of their class), or draw the classes equally often."),
        ("", "Shuffle before you split, and judge by more than accuracy."),
    ),
    "cold_statistics": (
        ("", "Train longer before you evaluate, or use a smaller momentum: after k updates momentum^k of the start is left."),
    ),
    "chance_level": (
        ("labels", "Check that rows and labels belong together."),
        ("", "Try other learning rates (nd.debug.learning_rate_range suggests one), another seed, and more units."),
        NORMALIZE,
    ),
}
"""The steps to try, each under the name of what it would add ("" for what is always worth trying): advice leaves out what the
network already has. Causes stand before their effects, and findings are reported in this order."""

_PROBLEM = 'chapter 11, "Vanishing/Exploding Gradients Problems"'
_SCALES = "LeCun et al. (1998), Efficient BackProp, section 4.3"

READ = {
    "nan": 'chapter 11, "Gradient Clipping"; Pascanu et al. (2013), On the difficulty of training recurrent neural networks',
    "chance_level": f"{_PROBLEM}, and exercise 8 of the chapter, where a network collapses to chance",
    "symmetric": "chapter 10, on backpropagation: why weights begin at random; Goodfellow et al. (2016), section 8.4",
    "vanishing": f"{_PROBLEM}; Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward networks",
    "exploding": 'chapter 11, "Xavier and He Initialization" and "Gradient Clipping"; Pascanu et al. (2013)',
    "saturated": 'chapter 11, "Xavier and He Initialization"; Glorot & Bengio (2010), section 3',
    "dead": 'chapter 11, "Nonsaturating Activation Functions"; Lu et al. (2019), Dying ReLU and initialization',
    "nearly_dead": 'chapter 11, "Nonsaturating Activation Functions"; Maas et al. (2013), Rectifier nonlinearities',
    "always_on": 'chapter 11, "Nonsaturating Activation Functions" and "Batch Normalization"; Clevert et al. (2016), section 3',
    "update_too_large": 'chapter 11, "Learning Rate Scheduling"; Smith (2017), Cyclical learning rates',
    "update_too_small": 'chapter 11, "Faster Optimizers" and "Learning Rate Scheduling"',
    "cold_statistics": 'chapter 11, "Batch Normalization"; Ioffe & Szegedy (2015), section 3.1',
    "single_rows": 'chapter 11, "Batch Normalization"; Ioffe (2017), Batch renormalization, section 1',
    "overregularized": 'chapter 11, "Avoiding Overfitting Through Regularization"; Goodfellow et al. (2016), section 7.1',
    "too_much_noise": "Srivastava et al. (2014), Dropout, appendix A.4: dropout rates",
    "constant": "Goodfellow et al. (2016), section 11.5, Debugging strategies",
    "imbalance": "He & Garcia (2009), Learning from imbalanced data",
    "unscaled_inputs": f'{_SCALES}; chapter 11, "Batch Normalization"',
    "unscaled_targets": f"{_SCALES}; Bishop (1995), Neural networks for pattern recognition, section 8.2",
    "mismatched_labels": "Zhang et al. (2017), Understanding deep learning requires rethinking generalization",
    "labels_from_one": "the docstring of nd.losses.SoftmaxCrossEntropy: labels are 0 … classes − 1",
    "classes_as_numbers": "Goodfellow et al. (2016), section 6.2.2.3, Softmax units",
    "hidden_softmax": "Goodfellow et al. (2016), section 6.2.2.3, Softmax units",
    "output_range": "Goodfellow et al. (2016), section 6.2.2, Output units",
    "no_activation": "chapter 10, on multilayer perceptrons: why activation functions; Goodfellow et al. (2016), section 6.1",
}
"""Where to read, by kind of finding."""


def steps(kind: str, there: Collection[str] = ()) -> str:
    """What to try against a kind of finding, without what is there already.

    >>> steps("update_too_small", there={"adaptive"})
    'Raise the learning rate (nd.debug.learning_rate_range suggests one), and look at its schedule.'
    """
    left = [text for needed, text in ADVICE[kind] if not needed or needed not in there]
    return " ".join(left or [f"Everything that usually helps is there already: {ADVICE[kind][0][1]}"])
