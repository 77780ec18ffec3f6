"""New examples out of old ones: images shifted, turned, zoomed, mirrored, cropped and recoloured at random.

Each augmentation is an object that is called with a batch of images and returns changed ones, in the same form:

    (n, height, width)               grey
    (n, height, width, channels)     colours along the last axis
    (n, height·width·channels)       flat rows, for which the augmentation is told the `shape` of an image

Every image gets random numbers of its own. Floats keep their dtype; integers, such as uint8, become float32 of the same size.
`trainer.fit(augment=...)` and `nd.batches(augment=...)` pass a generator; elsewhere an augmentation draws from its own.
A range is one number r, meaning −r … r (for factors 1 − r … 1 + r), or a pair (low, high). A range of 0 changes nothing.
Geometric changes use inverse mapping with bilinear interpolation. Beyond the border lies `fill`, and less than one pixel beyond
it a mixture of the two (SciPy calls this border "grid-constant"). Colours must lie between 0 and 1, and stay there.
"""

from npdeep.augmentation.base import Augmentation
from npdeep.augmentation.colours import Brightness, Contrast, Hue, Saturation
from npdeep.augmentation.geometric import Compose, Crop, Flip, Rotate, Shift, Zoom

__all__ = [
    "Augmentation",
    "Brightness",
    "Compose",
    "Contrast",
    "Crop",
    "Flip",
    "Hue",
    "Rotate",
    "Saturation",
    "Shift",
    "Zoom",
]
