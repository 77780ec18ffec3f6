"""The peers that `python benchmarks/peers.py` knows, and what each needs."""

import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass

KERAS = "train_on_batch and fit"
TORCH = "pip install torch"
SMALL = "pip install -e '.[bench]'"


@dataclass(frozen=True)
class Entry:
    """A peer: the module here that trains with it, the packages it needs, the command that installs them."""

    name: str
    about: str
    module: str
    kind: str
    needs: tuple[str, ...]
    install: str

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [package for package in self.needs if importlib.util.find_spec(IMPORTED.get(package, package)) is None]


IMPORTED = {"scikit-learn": "sklearn"}
"""Packages that are imported under another name."""

ALL = [
    Entry("npdeep", "trainer.step and trainer.fit", "npdeep_", "NPDeep", ("numpy",), ""),
    Entry("textbook NumPy", "as a book writes it", "textbook", "Textbook", ("numpy",), ""),
    Entry("floor", "the bare matrix products of a step", "floor", "Floor", ("numpy",), ""),
    Entry("PyTorch", "a loop tuned by hand", "pytorch", "Tuned", ("torch",), TORCH),
    Entry("torch.compile", "the same, forward and backward pass compiled", "pytorch", "Compiled", ("torch",), TORCH),
    Entry("DataLoader", "PyTorch, batches from its DataLoader", "pytorch", "Loader", ("torch",), TORCH),
    Entry("JAX step", "one step jitted", "jax_", "Step", ("jax",), "pip install jax"),
    Entry("JAX scan", "a whole epoch in lax.scan", "jax_", "Scan", ("jax",), "pip install jax"),
    Entry("Keras on JAX", KERAS, "keras_", "KerasOnJAX", ("keras", "jax"), "pip install keras jax"),
    Entry("Keras on TF", KERAS, "keras_", "KerasOnTF", ("keras", "tensorflow"), "pip install keras tensorflow"),
    Entry("Keras on torch", KERAS, "keras_", "KerasOnTorch", ("keras", "torch"), "pip install keras torch"),
    Entry("TF1 session", "TensorFlow's v1 session, fed", "tensorflow1", "Session", ("tensorflow",), "pip install tensorflow"),
    Entry("scikit-learn", "MLPClassifier.partial_fit", "scikit_learn", "Classifier", ("scikit-learn",), SMALL),
    Entry("thinc", "begin_update and finish_update", "thinc_", "Thinc", ("thinc",), SMALL),
]
PEERS = {entry.name: entry for entry in ALL}


def load(name: str) -> type:
    """The class that trains with this peer; imports its framework."""
    entry = PEERS[name]
    kind: type = getattr(importlib.import_module(f"frameworks.{entry.module}"), entry.kind)
    return kind


def versions() -> dict[str, str]:
    """What is installed of all that is needed; tensorflow may come as tensorflow-cpu."""
    names = sorted({package for entry in ALL for package in entry.needs} | {"jaxlib", "matplotlib"})
    found, distributions = {}, importlib.metadata.packages_distributions()
    for name in names:
        providers = distributions.get(IMPORTED.get(name, name), [])
        if providers:
            found[name] = importlib.metadata.version(name if name in providers else providers[0])
    return found
