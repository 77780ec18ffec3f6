"""What is not an array of numbers: the message names what came, and the code that it offers works when it is tried."""

import decimal
import re

import numpy as np
import pytest

import npdeep as nd

X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
Y = np.array([0, 1] * 3)


class Sparse:
    """What scipy's matrices have in common, for machines without scipy."""

    def __init__(self, array):
        self.array = array

    def toarray(self):
        return self.array


class Tensor:
    """As PyTorch's: NumPy cannot read it before detach(), cpu(), to_dense() or float() was called."""

    def __init__(self, array, **why):
        self.array, self.why = array, why
        vars(self).update(why)

    def __array__(self, dtype=None, copy=None):
        raise (TypeError if "device" in self.why else RuntimeError)("NumPy cannot read this tensor")

    def detach(self):
        return self.array

    cpu = to_dense = float = detach


class Column:
    """One column of a Frame."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


TEXT = r"column 'b' \(dtype <U1\) holds no numbers; leave it out: x\.drop\(columns=\['b'\]\)"
HEADER = r"only row 0 of column 'a' \('a'\) is not a number: if it is the header, read_csv\(\.\.\., header=0"


class Unknown:
    """Whatever it is, NumPy cannot read it."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError


class Frame:
    """As much of a pandas DataFrame as an error looks at."""

    def __init__(self, **columns):
        self.data = columns
        self.columns, self.iloc = list(columns), self
        self.dtypes = type("Dtypes", (), {"iloc": [np.asarray(c).dtype for c in columns.values()]})

    def __getitem__(self, index):
        return Column(self.data[self.columns[index[1]]])

    def __array__(self, dtype=None, copy=None):
        return np.array(list(map(list, zip(*self.data.values(), strict=True))), object)

    def drop(self, columns):
        return np.array([c for n, c in self.data.items() if n not in columns]).T


def model(width=3):
    return nd.Sequential([nd.Dense(2)], input_size=width, seed=0)


FIELDS = np.array([(1.0, 2.0, 3.0)] * 6, dtype=[("a", "f4"), ("b", "f4"), ("c", "f4")])
NESTED = np.empty(6, object)
NESTED[:] = list(X)
EXAMPLES = {
    "sparse": (Sparse(X), r"it is a sparse matrix; write (x\.toarray\(\))$"),
    "requires a gradient": (Tensor(X, requires_grad=True), r"requires a gradient; write (x\.detach\(\))$"),
    "on another device": (Tensor(X, device="cuda:0"), r"it is a tensor on cuda:0; write (x\.cpu\(\))$"),
    "sparse tensor": (Tensor(X, is_sparse=True), r"it is a sparse tensor; write (x\.to_dense\(\))$"),
    "bfloat16": (Tensor(X), r"no dtype for its numbers; write (x\.float\(\))$"),
    "digits in strings": (X.astype(str), r"got dtype <U\d+; .* with (x\.astype\('float32'\))$"),
    "numbers in a list of strings": (X.astype(str).tolist(), r"with (np\.asarray\(x\)\.astype\('float32'\))$"),
    "numbers as objects": (X.astype(object), r"got dtype object; .* with (x\.astype\('float32'\))$"),
    "decimals": ([[decimal.Decimal(1)] * 3] * 6, r"with (np\.asarray\(x\)\.astype\('float32'\))$"),
    "arrays in an array": (NESTED, r"row 0 holds an array; write (np\.stack\(x\))$"),
    "fields": (FIELDS, r"named fields \('a', 'b', 'c', …\); write (.*)$"),
    "dates": (np.ones((6, 3), "datetime64[D]"), r"dates are not numbers; .* write (x\.astype\('float64'\))$"),
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_code_in_the_message_makes_examples_of_it(kind):
    x, message = EXAMPLES[kind]
    with pytest.raises(TypeError, match=f"^predict: x .*{message}") as raised:
        model().predict(x)
    code = re.search(message, str(raised.value)).group(1)
    assert model().predict(eval(code, {"np": np, "x": x})).shape == (6, 2)


WORDS = ["cat", "dog"] * 3
TARGETS = {
    "words": ("softmax_cross_entropy", WORDS),
    "words, as bytes": ("softmax_cross_entropy", np.array(WORDS).astype(bytes)),
    "words, as objects": ("softmax_cross_entropy", np.array(WORDS, object)),
    "words for bits": ("binary_cross_entropy", WORDS),
    "digits in strings": ("softmax_cross_entropy", ["0", "1"] * 3),
    "sparse": ("softmax_cross_entropy", Sparse(np.eye(2)[Y])),
    "-1 and 1": ("softmax_cross_entropy", 2 * Y - 1),
    "10 and 20": ("softmax_cross_entropy", 10 * Y + 10),
    "-1 and 1 for bits": ("binary_cross_entropy", 2 * Y - 1),
    "1 and 2 for bits": ("binary_cross_entropy", Y + 1),
    "0 and 255 for bits": ("binary_cross_entropy", 255 * Y),
    "a column": ("softmax_cross_entropy", Y[:, None]),
    "a row for a column": ("mean_squared_error", Y),
}
CODE = r"(?:write|with) ((?:np\.|\(?y\b).*?)(?:, or else .*)?$"


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("door", ["fit", "step", "walk", "evaluate"])
def test_the_code_in_the_message_makes_targets_of_it(kind, door):
    loss, targets = TARGETS[kind]
    single = loss != "softmax_cross_entropy"
    trainer = nd.Trainer(nd.Sequential([nd.Dense(1 if single else 2)], input_size=3, seed=0), loss)
    quiet = {"verbose": False} if door == "fit" else {}
    with pytest.raises((TypeError, ValueError), match=CODE) as raised:
        getattr(trainer, door)(X, targets, **quiet)
    assert len(str(raised.value)) < 300
    cured = eval(re.search(CODE, str(raised.value)).group(1), {"np": np, "targets": targets, "y": targets})
    getattr(trainer, door)(X, cured, **quiet)


REST = {
    "a column of words": (Frame(a=[1, 2], b=["u", "v"]), TEXT),
    "a header among the rows": (Frame(a=["a", "2"], b=["b", "3"]), HEADER),
    "a gap in a column": (Frame(a=[1, 2], b=[None, 3]), r"column 'b' .* has gaps; .*: x\.fillna\(0\)\.astype\('float32'\)"),
    "a gap": ([[1, 2], [3, None]], "row 1, column 1 holds None; remove such rows"),
    "a word": ([["1", "2"], ["3", "four"]], "row 1, column 1 holds 'four', which is not a number; leave such columns out"),
    "an object": ([[1, print]], "row 0, column 1 holds an object of type builtin_function_or_method"),
    "a generator": ((i for i in X), r"must give batches of the shape \(n, 2\), got one of shape \(3,\); for an iterable of"),
    "a dict": ({"a": 1}, "it is an object of type dict, not an array"),
    "an unknown tensor": (Unknown(), "make it an array of float32 first; it is of type Unknown$"),
}


@pytest.mark.parametrize("kind", REST)
def test_what_no_code_can_cure_is_named(kind):
    x, message = REST[kind]
    with pytest.raises(TypeError, match=f"^predict: x .*{message}") as raised:
        model(2).predict(x)
    assert len(str(raised.value)) < 300


def test_the_column_of_words_left_out():
    frame = Frame(a=[1, 2], b=["u", "v"], c=[3, 4])
    assert model(2).predict(frame.drop(columns=["b"])).shape == (2, 2)


def test_an_integer_beyond_the_largest_float_is_named():
    with pytest.raises(TypeError, match="x must hold numbers, got dtype object; convert it first"):
        model(1).predict([[10**400]])
