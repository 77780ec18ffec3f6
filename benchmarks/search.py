"""A search over hyperparameters on several processes or machines, through joblib, equal bit for bit to that of one process.

    python benchmarks/search.py                              one process, loky (two processes), Dask (two processes of its own)
    python benchmarks/search.py --scheduler tcp://HOST:8786  the third on the cluster of this scheduler
    python benchmarks/search.py --quick                      smaller: does it run?

Two searches: a loop of one's own over `train`, and scikit-learn's GridSearchCV over an NpdeepClassifier. Neither says where it
runs; `joblib.parallel_config` around it does. A cluster is begun with `dask scheduler` on one machine and `dask worker
tcp://HOST:8786 --nthreads 1` on each; npdeep must be installed on all of them, with one version of NumPy. Processors of other
kinds round in other ways, so that on such a cluster the last digits may differ.

Every process computes with one thread of BLAS: there are as many processes as cores already. Needs scikit-learn, which brings
joblib, and Dask: python -m pip install 'npdeep[sklearn,dask]'.
"""

import argparse
import contextlib
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import npdeep as nd
from npdeep.common.tables import Table
from npdeep.interop.optional import needed

PROCESSES = 2
UNITS, RATES = (20, 50, 100), (1e-3, 3e-3)
Search = Callable[[int, int], np.ndarray]
"""A search on so many rows for so many epochs; returns all the numbers it found."""


def one_thread() -> None:
    """Let BLAS use one thread in this process from now on: each BLAS that is loaded, scikit-learn's too."""
    needed("benchmarks/search.py", "npdeep.interop.sklearn", "sklearn")
    needed("benchmarks/search.py", "threadpoolctl", "sklearn").threadpool_limits(1)    # for good: nothing puts it back


def threads() -> int:
    """How many threads of linear algebra this process uses at most."""
    return max(library["num_threads"] for library in needed("threads", "threadpoolctl", "sklearn").threadpool_info())


# ── the searches ──────────────────────────────────────────────────────────────────────────────────────────────────────
def train(units: int, rate: float, rows: int, epochs: int) -> list[float]:
    """One network of the search: loss and accuracy on other rows, and a checksum of every bit of the weights."""
    (x, y), (x_test, y_test) = nd.datasets.mnist_sample()
    layers = [nd.Dense(units), nd.BatchNormalization(), nd.Activation("elu"), nd.Dropout(0.2), nd.Dense(10)]
    model = nd.Sequential(layers, input_size=784, seed=1)
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(rate), metrics=["accuracy"])
    trainer.fit(x[:rows], y[:rows], epochs=epochs, batch_size=50, verbose=False)
    return [*trainer.evaluate(x_test, y_test).values(), zlib.crc32(model.flat_values.tobytes())]


def own_loop(rows: int, epochs: int) -> np.ndarray:
    """Every pair of width and learning rate."""
    joblib = needed("benchmarks/search.py", "joblib", "sklearn")
    call = joblib.delayed(train)
    return np.array(joblib.Parallel()(call(units, rate, rows, epochs) for units in UNITS for rate in RATES))


def grid_search(rows: int, epochs: int) -> np.ndarray:
    """The same pairs through GridSearchCV: the scores of every fold."""
    from sklearn.model_selection import GridSearchCV

    from npdeep.interop.sklearn import NpdeepClassifier

    (x, y), _ = nd.datasets.mnist_sample()
    network = NpdeepClassifier(normalization="batch", dropout=0.2, epochs=epochs, batch_size=50, random_state=1)
    grid = {"hidden_layer_sizes": [(units,) for units in UNITS], "learning_rate": list(RATES)}
    found = GridSearchCV(network, grid, cv=2, scoring=["accuracy", "neg_log_loss"], refit="accuracy").fit(x[:rows], y[:rows])
    scores = [key for key in found.cv_results_ if key.startswith("split")]
    return np.array([found.cv_results_[key] for key in scores])


SEARCHES: dict[str, Search] = {"a loop of one's own": own_loop, "GridSearchCV": grid_search}


# ── where they run ────────────────────────────────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def on_loky() -> Iterator[str]:
    """Two processes of joblib's own; what it is."""
    joblib = needed("benchmarks/search.py", "joblib", "sklearn")
    with joblib.parallel_config(backend="loky", n_jobs=PROCESSES, inner_max_num_threads=1):
        yield f"loky, {PROCESSES} processes"


@contextlib.contextmanager
def cluster(scheduler: str | None) -> Iterator[Any]:
    """A client of the cluster of this scheduler, or of one of two processes that ends with the block."""
    distributed = needed("benchmarks/search.py", "distributed", "dask")
    own: Any = contextlib.nullcontext(scheduler)
    if scheduler is None:
        own = distributed.LocalCluster(n_workers=PROCESSES, threads_per_worker=1, processes=True, dashboard_address=None)
    with own as address, distributed.Client(address) as client:
        client.wait_for_workers(1)
        client.run(one_thread)
        yield client


@contextlib.contextmanager
def on_dask(client: Any) -> Iterator[str]:
    """Dask's backend on this client's cluster; what it is."""
    joblib = needed("benchmarks/search.py", "joblib", "sklearn")
    with joblib.parallel_config(backend="dask"):
        yield f"dask, {len(client.nthreads())} processes at {client.scheduler.address}"


def measured(search: Search, rows: int, epochs: int) -> tuple[np.ndarray, float]:
    """What a search found, and its seconds."""
    began = time.perf_counter()
    found = search(rows, epochs)
    return found, time.perf_counter() - began


def threads_there() -> str:
    """How many threads the processes of this place use, asked more often than there are processes."""
    joblib = needed("benchmarks/search.py", "joblib", "sklearn")
    return str(max(joblib.Parallel()(joblib.delayed(threads)() for _ in range(4 * PROCESSES))))


def compared(found: np.ndarray, serial: np.ndarray) -> str:
    """Equal or not, and by how much."""
    return "yes" if np.array_equal(found, serial) else f"no, by {np.max(np.abs(found - serial)):.1e}"


def parse() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://192.0.2.1:8786")
    parser.add_argument("--quick", action="store_true", help="smaller")
    return parser.parse_args()


def main() -> None:
    """Search in three places, and compare."""
    given = parse()
    rows, epochs = (300, 2) if given.quick else (4000, 10)
    one_thread()
    with cluster(given.scheduler) as client:
        serial = {name: measured(search, rows, epochs) for name, search in SEARCHES.items()}
        lines = [[name, "one process", threads_there(), f"{seconds:.1f}", ""] for name, (_, seconds) in serial.items()]
        for place in (on_loky(), on_dask(client)):
            with place as title:
                for name, search in SEARCHES.items():
                    found, seconds = measured(search, rows, epochs)
                    lines.append([name, title, threads_there(), f"{seconds:.1f}", compared(found, serial[name][0])])
    print(Table(["search", "where", "threads", "seconds", "equal bit for bit"], lines))
    if any(line[-1].startswith("no") for line in lines):
        raise SystemExit("results differ from those of one process")


if __name__ == "__main__":
    try:
        main()
    except (ImportError, OSError) as error:   # OSError: there is no such scheduler
        raise SystemExit(str(error)) from None
