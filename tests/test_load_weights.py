"""Restoring by names alone: what is matched, skipped and left, and the words where nothing fits. No network is made."""

import re
from pathlib import Path

import numpy as np
import pytest

from npdeep.files.load_weights import LoadReport, check_complete, check_rename, nothing_restored, restore_weights
from npdeep.parameters import Parameter, allocate

PATH = Path("a.npz")


def restored(shapes, stored, scope=None, rename=None):
    """The report, and the variables of the model by name: 0 where they were left."""
    parameters = [Parameter(name, shape) for name, shape in shapes.items()]
    allocate(parameters, np.dtype("float64"))
    for p in parameters:
        p.value = np.zeros(p.shape)
    arrays = {name: np.full(shape, i + 1.0) for i, (name, shape) in enumerate(stored.items())}
    report = restore_weights(parameters, arrays, scope, rename, PATH)
    return report, {p.name: p.value.flat[0] for p in parameters}


MODEL = {"a/kernel": (2, 3), "a/bias": (3,), "b/kernel": (3, 1)}


def test_all_of_the_same_names_is_restored():
    report, values = restored(MODEL, MODEL)
    assert report == LoadReport([(name, name) for name in MODEL])
    assert values == {"a/kernel": 1, "a/bias": 2, "b/kernel": 3}


def test_a_scope_selects_names_in_the_file():
    report, values = restored(MODEL, MODEL, scope="a")
    assert report == LoadReport([("a/kernel", "a/kernel"), ("a/bias", "a/bias")], untouched=["b/kernel"])
    assert values == {"a/kernel": 1, "a/bias": 2, "b/kernel": 0}


def test_a_renamed_layer_takes_the_place_of_the_one_of_that_name():
    stored = {"a/kernel": (3, 1), "b/kernel": (3, 1), "c/kernel": (9,)}
    report, values = restored({"b/kernel": (3, 1), "d/kernel": (2,)}, stored, rename={"a": "b"})
    assert report == LoadReport([("a/kernel", "b/kernel")], skipped=["b/kernel", "c/kernel"], untouched=["d/kernel"])
    assert values == {"b/kernel": 1, "d/kernel": 0}


def test_layers_in_layers_are_renamed_by_the_innermost_name():
    stored = {"block/a/kernel": (1,), "block/b/kernel": (1,)}
    report, _ = restored({"x/b/kernel": (1,), "y/kernel": (1,)}, stored, rename={"block": "x", "block/a": "y"})
    assert report.restored == [("block/a/kernel", "y/kernel"), ("block/b/kernel", "x/b/kernel")]


def test_a_layer_inside_of_one_that_is_renamed_to_is_skipped():
    stored = {"a/in/kernel": (1,), "b/in/kernel": (1,)}
    report, _ = restored({"b/in/kernel": (1,)}, stored, rename={"a": "b"})
    assert (report.restored, report.skipped) == ([("a/in/kernel", "b/in/kernel")], ["b/in/kernel"])


def test_other_shapes_are_reported_and_left():
    report, values = restored(MODEL, {"a/kernel": (2, 4), "a/bias": (3,)}, scope=".*")
    assert report == LoadReport([("a/bias", "a/bias")], [], [("a/kernel", "a/kernel", (2, 4), (2, 3))], ["b/kernel"])
    assert values == {"a/kernel": 0, "a/bias": 2, "b/kernel": 0}


@pytest.mark.parametrize(
    "stored", [{"a/kernel": (2, 3), "a/bias": (3,)}, {**MODEL, "c/kernel": (1,)}, {**MODEL, "a/bias": (4,)}]
)
def test_without_scope_or_rename_the_file_is_of_the_same_network(stored):
    with pytest.raises(ValueError, match=r"load_weights: a\.npz is of another network"):
        restored(MODEL, stored)


def test_a_scope_that_leaves_out_a_renamed_layer_is_too_narrow():
    with pytest.raises(ValueError, match="rename names layer 'b', but scope 'a' selects nothing of it; widen the scope"):
        restored(MODEL, MODEL, scope="a", rename={"b": "b"})


def test_nothing_restored_is_an_error_that_changes_nothing():
    with pytest.raises(ValueError, match=r"load_weights: nothing in a\.npz could be restored: c/kernel has no partner"):
        restored(MODEL, {"c/kernel": (1,)}, scope="c")


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def other(name):
    """A variable of another shape."""
    return (name, name, (1,), (2,))


CURE = 'to restore what fits, write scope=".*", or name the layers with rename={"in the file": "in the model"}'
SAID = [
    (LoadReport(mismatched=[other("a")]), "a is (1,) in the file, (2,) here"),
    (LoadReport(mismatched=[other("a"), other("b")]), "a is (1,) in the file, (2,) here; 1 more"),
    (LoadReport(skipped=["s1", "s2", "s3"]), "s1 is only in the file; 2 more"),
    (LoadReport(untouched=["u1", "u2"]), "u1 is only in the model; 1 more"),
    (LoadReport(skipped=["s"], untouched=["u"]), "s is only in the file; u is only in the model"),
    (
        LoadReport(mismatched=[other("a"), other("b")], skipped=["s", "t"], untouched=["u", "v"]),
        "a is (1,) in the file, (2,) here; s is only in the file; u is only in the model; 3 more",
    ),
]


@pytest.mark.parametrize(("report", "said"), SAID)
def test_one_of_each_kind_is_named_and_the_others_are_counted(report, said):
    with pytest.raises(ValueError, match=f"^{re.escape(f'load_weights: a.npz is of another network: {said}; {CURE}')}$"):
        check_complete(report, PATH)


def test_a_complete_report_is_none_to_complain_of():
    check_complete(LoadReport([("a", "a")]), PATH)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (LoadReport(mismatched=[other("a"), other("b"), other("c")]), "a is (1,) in the file, (2,) in the model; 2 more"),
        (LoadReport(skipped=["s"]), "s has no partner in the model"),
        (
            LoadReport(mismatched=[other("a")], skipped=["s", "t"]),
            "a is (1,) in the file, (2,) in the model; s has no partner in the model; 1 more",
        ),
    ],
)
def test_why_nothing_was_restored_names_one_of_each_kind(report, said):
    cure = 'say which layer is which: rename={"in the file": "in the model"}'
    assert nothing_restored(report, PATH) == f"load_weights: nothing in a.npz could be restored: {said}; {cure}"


def test_long_names_of_files_are_cut_at_40_characters():
    for length, shown in ((40, "f" * 36 + ".npz"), (41, None)):
        path = Path("f" * (length - 4) + ".npz")
        for message in (nothing_restored(LoadReport(skipped=["s"]), path), complaint(LoadReport(skipped=["s"]), path)):
            assert (path.name in message) == (shown is not None)


def complaint(report, path):
    """What `check_complete` says."""
    with pytest.raises(ValueError, match="another network") as error:
        check_complete(report, path)
    return str(error.value)


@pytest.mark.parametrize(
    ("rename", "error", "message"),
    [
        ([("a", "b")], TypeError, "rename must be a dict"),
        ({"x": "c"}, ValueError, "unknown layer in the file"),
        ({"a": "x"}, ValueError, "unknown layer in the model"),
        ({"a": "c", "b": "c"}, ValueError, "rename gives the name 'c' to two layers of the file"),
    ],
)
def test_a_rename_that_cannot_be_is_refused(rename, error, message):
    with pytest.raises(error, match=message):
        check_rename("load_weights", rename, {"a", "b"}, {"c", "d"})
    assert check_rename("load_weights", {"a": "c", "b": "d"}, {"a", "b"}, {"c", "d"}) == {"a": "c", "b": "d"}
    assert check_rename("load_weights", None, {"a"}, {"c"}) == {}


def test_a_report_is_a_table_of_everything_that_happened():
    report = LoadReport([("a/kernel", "a/kernel"), ("b/kernel", "c/kernel")], ["d/kernel"], [other("e/kernel")], ["f/kernel"])
    table = report.table()
    assert table.rows == [
        ["a/kernel", "restored", ""],
        ["c/kernel", "restored", "from b/kernel"],
        ["e/kernel", "shape mismatch", "e/kernel is (1,), the model's is (2,)"],
        ["d/kernel", "skipped", "in the file, without a partner in the model"],
        ["f/kernel", "left as it was", "in the model, not restored"],
    ]
    assert table.notes == ["2 restored, 1 of another shape, 1 skipped, 1 left as they were"]
    assert "b/kernel" in repr(report)
    assert "LoadReport(" not in repr(report)
