"""The fully connected layer."""


from npdeep import constraints, initializers, regularizers
from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.kernels.affine import affine_backward, affine_forward
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer


class Dense(Layer):
    """z = xW + b: every unit is wired to every input.

    Args:
        units: how many outputs.
        use_bias: leave it out (False) where batch normalization follows, which takes off any constant.
        kernel_initializer, bias_initializer: a name or an object of nd.initializers.
        kernel_regularizer, bias_regularizer: None, a name or an object of nd.regularizers.
        kernel_constraint, bias_constraint: None, a name or an object of nd.constraints.
        name: prefix of the variables; numbered "dense", "dense_1", … if not given.

    Parameters: kernel (inputs, units) and bias (units,). Input (n, inputs), output (n, units). There is no activation inside:
    put an `nd.Activation` after it.
    Raises ValueError or TypeError for units that are not integers ≥ 1 and for unknown names.
    Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), chapter 6.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3, name="hidden")], input_size=2)
    >>> model.layer("hidden").kernel.value = [[1, 2, 3], [4, 5, 6]]
    >>> model.layer("hidden").bias.value = [7, 8, 9]
    >>> model.predict([[10, 11]])
    array([[ 61.,  83., 105.]], dtype=float32)
    """

    default_name = "dense"
    letters = ("x", "z")
    forward_formula = Formula("z = xW + b", r"z = xW + b")
    backward_formula = Formula("dW = xᵀdz, db = Σ dz, dx = dz Wᵀ", r"dW = x^\top dz,\ db = \sum_i dz_i,\ dx = dz\,W^\top")
    kernels = (affine_forward, affine_backward)

    def __init__(
        self,
        units: int,
        *,
        use_bias: bool = True,
        kernel_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
        kernel_regularizer: str | regularizers.Regularizer | None = None,
        bias_regularizer: str | regularizers.Regularizer | None = None,
        kernel_constraint: str | constraints.Constraint | None = None,
        bias_constraint: str | constraints.Constraint | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        owner = "Dense" if name is None else f"Dense {name!r}"
        self.units = checks.whole(owner, "units", units)
        self.use_bias = checks.flag(owner, "use_bias", use_bias)
        self.kernel_initializer = initializers.get(owner, "kernel_initializer", kernel_initializer)
        self.bias_initializer = initializers.get(owner, "bias_initializer", bias_initializer)
        self.kernel_regularizer = regularizers.get(owner, "kernel_regularizer", kernel_regularizer)
        self.bias_regularizer = regularizers.get(owner, "bias_regularizer", bias_regularizer)
        self.kernel_constraint = constraints.get(owner, "kernel_constraint", kernel_constraint)
        self.bias_constraint = constraints.get(owner, "bias_constraint", bias_constraint)

    def build(self, input_size: int) -> int:
        """kernel (inputs, units), bias (units,)."""
        self.fans = (input_size, self.units)
        self.kernel = self.add_parameter(
            "kernel",
            (input_size, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_parameter(
                "bias",
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        return self.units

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = x · kernel + bias."""
        return affine_forward(x, self.kernel.value, self.bias.value if self.use_bias else None, self.output)

    def backward(self, grad_output: Array) -> Array | None:
        """The gradients of kernel, bias and input; a frozen parameter and an unwanted input get none."""
        grad_bias = self.bias.wanted if self.use_bias else None
        return affine_backward(self.input, self.kernel.value, grad_output, self.kernel.wanted, grad_bias, self.grad_input)
