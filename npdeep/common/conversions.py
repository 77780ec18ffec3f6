"""What to write where an array of numbers was expected and something else came. Called only when an error is to be raised."""

from typing import Any

import numpy as np

from npdeep.common.words import is_number, place

LABELS = ("y", "targets", "labels")
"""Arguments that hold classes: there, words can be numbered."""


def cure(name: str, value: Any, array: Any) -> str:
    """What makes numbers of `value`, which NumPy takes for `array`: code that works when it is tried, or what is in the way.

    >>> cure("targets", ["cat", "dog"], np.array(["cat", "dog"]))
    'it holds words; number them with np.unique(targets, return_inverse=True)[1]'
    >>> cure("x", [["1.5"]], np.array([["1.5"]]))
    "convert it first, for example with np.asarray(x).astype('float32')"
    """
    if hasattr(value, "toarray"):
        return f"it is a sparse matrix; write {name}.toarray()"
    if array.dtype.kind == "V" and array.dtype.names:
        columns = ", ".join(map(repr, array.dtype.names[:3]))
        return f"it has named fields ({columns}, …); write np.column_stack([{name}[field] for field in {name}.dtype.names])"
    if array.dtype.kind in "mM":
        return f"dates are not numbers; count from a day of your choice, or write {name}.astype('float64')"
    if array.ndim == 0:
        return f"it is an object of type {type(value).__name__}, not an array"
    bad = first_bad(array)
    if bad is None:
        given = name if hasattr(value, "astype") and name not in LABELS else f"np.asarray({name})"    # y may have been a list
        return f"convert it first, for example with {given}.astype('float32')"
    if hasattr(value, "columns") and hasattr(value, "iloc") and len(bad) == 2:
        return _column(name, value, bad[1])
    item = array[bad]
    where = place(bad)
    if is_missing(item):
        return f"{where} holds {item!r}; remove such rows, or put a number there"
    if name in LABELS and array.ndim == 1 and isinstance(item, str | bytes):
        return f"it holds words; number them with np.unique({name}, return_inverse=True)[1]"
    if np.ndim(item) > 0:
        return f"{where} holds an array; write np.stack({name})"
    shown = f"{str(item)[:40]!r}" if isinstance(item, str | bytes) else f"an object of type {type(item).__name__}"
    return f"{where} holds {shown}, which is not a number; leave such columns out, or encode them as numbers"


def _column(name: str, frame: Any, index: int) -> str:
    """The cure for the column of a DataFrame that does not hold numbers."""
    column, kind = frame.columns[index], frame.dtypes.iloc[index]
    values = np.asarray(frame.iloc[:, index], dtype=object)
    if is_missing(values[first_bad(values) or (0,)]):
        return f"column {column!r} (dtype {kind}) has gaps; fill them: {name}.fillna(0).astype('float32')"
    if first_bad(values) == (0,) and len(values) > 1 and first_bad(values[1:]) is None:
        return f"only row 0 of column {column!r} ({values[0]!r}) is not a number: if it is the header, read_csv(..., header=0)"
    return (
        f"column {column!r} (dtype {kind}) holds no numbers; leave it out: {name}.drop(columns=[{column!r}]), "
        f"or encode it: pd.get_dummies({name})"
    )


def first_bad(array: Any) -> tuple[int, ...] | None:
    """Where the first element is that is not a number and cannot be read as one; None where there is none.

    >>> first_bad(np.array([["1", "2"], ["3", "four"]]))
    (1, 1)
    """
    for k, item in enumerate(array.reshape(-1)):
        try:
            float(str(item) if isinstance(item, np.complexfloating) else item)    # NumPy's would leave the imaginary part off
        except OverflowError:                 # an integer beyond the largest float: a number, and named as such elsewhere
            continue
        except (TypeError, ValueError):
            return tuple(int(i) for i in np.unravel_index(k, array.shape))
    return None


def is_missing(item: Any) -> bool:
    """Is it a gap, as None or pandas' NA?

    >>> is_missing(None), is_missing("cat")
    (True, False)
    """
    return item is None or type(item).__name__ in ("NAType", "NaTType")


def tensor_cure(name: str, value: Any) -> str:
    """What makes an array of a tensor that NumPy cannot read.

    >>> class Tensor: requires_grad = True
    >>> tensor_cure("x", Tensor())
    'it is a tensor that requires a gradient; write x.detach()'
    """
    if getattr(value, "requires_grad", False):
        return f"it is a tensor that requires a gradient; write {name}.detach()"
    if str(getattr(value, "device", "cpu")) not in ("cpu", "None"):
        return f"it is a tensor on {value.device}; write {name}.cpu()"
    if hasattr(value, "to_dense") and getattr(value, "is_sparse", False):
        return f"it is a sparse tensor; write {name}.to_dense()"
    if hasattr(value, "float"):               # bfloat16
        return f"NumPy has no dtype for its numbers; write {name}.float()"
    return f"make it an array of float32 first; it is of type {type(value).__name__}"


def called(value: Any, call: str) -> str:
    """What to write where a plain number came in place of an object; "" where it was no number.

    >>> called(0.01, "nd.regularizers.L2"), called("x", "nd.regularizers.L2")
    ('; write nd.regularizers.L2(0.01)', '')
    """
    value = value.item() if isinstance(value, np.generic) else value    # float32 has no 1e300 to be compared with
    return f"; write {call}({float(value):g})" if is_number(value) and abs(value) < 1e300 else ""
