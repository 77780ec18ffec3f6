"""For every kind of finding: which technique of the chapter to try, and where to read about it."""

ADVICE = {
    "nan": "Stop at the first bad number next time (nd.callbacks.TerminateOnNaN()), and go on from a checkpoint before it.",
    "chance_level": (
        "Look at the other findings first, they are the likely cause; else check that rows and labels belong together, "
        "lower the learning rate, and normalize the batches (nd.BatchNormalization)."
    ),
    "symmetric": (
        "Begin with random weights that fit the activation, nd.initializers.for_activation(its name); biases of 0 will do."
    ),
    "vanishing": (
        "Initialize for the activation (nd.initializers.for_activation), take an activation that does not saturate "
        "(relu, elu), put nd.BatchNormalization before every activation."
    ),
    "exploding": (
        "Initialize for the activation (nd.initializers.for_activation), clip the gradient "
        "(nd.clipping.ClipByGlobalNorm(1.0)), put nd.BatchNormalization before every activation."
    ),
    "saturated": (
        "Initialize with smaller weights (glorot_uniform), scale the inputs, put nd.BatchNormalization before the "
        "activation, or take one that does not saturate (relu, elu)."
    ),
    "dead": (
        "Lower the learning rate, begin with biases of 0 and he_normal, take leaky_relu or elu, "
        "or put nd.BatchNormalization before the activation."
    ),
    "nearly_dead": (
        "Watch whether they become fewer; if not, lower the learning rate, take leaky_relu or elu, "
        "or put nd.BatchNormalization before the activation."
    ),
    "always_on": (
        "Such units only add another linear map: begin with biases of 0, centre the inputs, "
        "or put nd.BatchNormalization before the activation."
    ),
    "update_too_large": (
        "Lower the learning rate (nd.debug.learning_rate_range suggests one), begin with a warm-up (nd.schedules.Warmup), "
        "or clip the gradient (nd.clipping.ClipByGlobalNorm(1.0))."
    ),
    "update_too_small": (
        "Raise the learning rate (nd.debug.learning_rate_range suggests one), look at its schedule, "
        "or take an optimizer that finds its own scale (nd.optimizers.Adam)."
    ),
    "cold_statistics": (
        "Train longer before you evaluate, or take a smaller momentum: after k updates momentum^k of the start is left."
    ),
    "imbalance": (
        "Weigh the rows (sample_weight, 1/frequency of their class), draw the classes equally often, "
        "shuffle before you split, and judge by more than accuracy."
    ),
    "unscaled_inputs": (
        "Bring every feature to mean 0 and standard deviation 1, or to 0 … 1 (pixels: divide by 255), "
        "or let nd.BatchNormalization be the first layer."
    ),
}
"""What to try, by kind of finding."""

_PROBLEM = 'chapter 11, "Vanishing/Exploding Gradients Problems"'

READ = {
    "nan": 'chapter 11, "Gradient Clipping"; Pascanu et al. (2013), On the difficulty of training recurrent neural networks',
    "chance_level": f"{_PROBLEM}, and exercise 8 of the chapter, where a network collapses to chance",
    "symmetric": 'chapter 10, on backpropagation: why weights begin at random; Goodfellow et al. (2016), section 8.4',
    "vanishing": f"{_PROBLEM}; Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward networks",
    "exploding": 'chapter 11, "Xavier and He Initialization" and "Gradient Clipping"; Pascanu et al. (2013)',
    "saturated": 'chapter 11, "Xavier and He Initialization"; Glorot & Bengio (2010), section 3',
    "dead": 'chapter 11, "Nonsaturating Activation Functions"; Lu et al. (2019), Dying ReLU and initialization',
    "nearly_dead": 'chapter 11, "Nonsaturating Activation Functions"; Maas et al. (2013), Rectifier nonlinearities',
    "always_on": 'chapter 11, "Nonsaturating Activation Functions" and "Batch Normalization"; Clevert et al. (2016), section 3',
    "update_too_large": 'chapter 11, "Learning Rate Scheduling"; Smith (2017), Cyclical learning rates',
    "update_too_small": 'chapter 11, "Faster Optimizers" and "Learning Rate Scheduling"',
    "cold_statistics": 'chapter 11, "Batch Normalization"; Ioffe & Szegedy (2015), section 3.1',
    "imbalance": "He & Garcia (2009), Learning from imbalanced data",
    "unscaled_inputs": "LeCun et al. (1998), Efficient BackProp, section 4.3; chapter 11, \"Batch Normalization\"",
}
"""Where to read, by kind of finding."""
