"""What layers have that normalize by the mean and variance of the batch, npdeep's and custom ones alike."""

from typing import ClassVar

from npdeep.common import checks
from npdeep.common.described import Described
from npdeep.kernels.arrays import Array
from npdeep.parameters import Parameter


class BatchStatistics(Described):
    """Base of all layers. One that says `batch_statistics = True` is frozen, looked at and diagnosed like BatchNormalization.

    >>> import npdeep as nd
    >>> nd.BatchNormalization().batch_statistics, nd.Dense(3).batch_statistics
    (True, False)
    """

    batch_statistics: ClassVar[bool] = False
    """Does a training pass normalize by the mean and variance of the batch, unless `use_moving_statistics` says otherwise?"""
    decided: bool | None = None
    """What use_moving_statistics was set to."""
    parameters: list[Parameter]

    @property
    def use_moving_statistics(self) -> bool:
        """Of a layer with batch statistics: are the moving ones used in training too? If nobody says: where it is frozen."""
        if self.decided is not None:
            return self.decided
        return self.batch_statistics and self.has_weights and not any(p.trainable for p in self.parameters)

    @use_moving_statistics.setter
    def use_moving_statistics(self, value: bool | None) -> None:
        if not self.batch_statistics:
            kind, cure = type(self).__name__, "a custom layer that has some says batch_statistics = True"
            raise AttributeError(f"{kind}: use_moving_statistics cannot be set, because it has no statistics; {cure}")
        self.decided = value if value is None else checks.flag(type(self).__name__, "use_moving_statistics", value)

    @property
    def has_weights(self) -> bool:
        """Has it parameters that can be trained?"""
        return any(p.has_grad for p in self.parameters)

    def statistics(self) -> tuple[Array, Array] | None:
        """Mean and variance of the batch in the last pass, or None; with moving_mean, moving_variance, momentum and epsilon
        beside them `diagnose` compares the two.
        """
        return None
