"""History and tables: records, CSV files, alignment, HTML."""

import copy
import csv
import json
import math
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npdeep as nd
from npdeep.common.tables import Table

RECORDS = [{"epoch": 1, "loss": 0.5, "val_loss": 0.123456789}, {"epoch": 2, "loss": 0.25, "extra": "yes"}]


@pytest.fixture
def history():
    history = nd.History()
    for record in RECORDS:
        history.append(record)
    return history


def test_a_history_is_a_list_of_epochs_and_a_list_for_each_quantity(history):
    assert list(history) == history.records == RECORDS
    assert history.keys == ["epoch", "loss", "val_loss", "extra"]
    assert history["loss"] == [0.5, 0.25]
    assert history["extra"] == [None, "yes"]
    assert history.last == RECORDS[1]
    assert len(history) == 2
    assert "val_loss" in history
    assert "accuracy" not in history
    with pytest.raises(KeyError, match="'accuracy' was not recorded; there are epoch, loss, val_loss, extra"):
        history["accuracy"]


def test_a_new_history_is_empty():
    empty = nd.History()
    assert (len(empty), empty.last, empty.keys, list(empty)) == (0, {}, [], [])
    assert repr(empty) == "History: no epoch yet"
    with pytest.raises(KeyError, match="there are no records yet"):
        empty["loss"]


NUMBERS = st.floats(allow_nan=False) | st.integers(-(10**12), 10**12)
RECORD = st.fixed_dictionaries({"epoch": NUMBERS, "loss": NUMBERS}, optional={"val_loss": NUMBERS})


@given(st.lists(RECORD, min_size=1, max_size=5))
def test_a_csv_file_keeps_every_digit(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("csv") / "history.csv"
    history = nd.History(records)
    history.to_csv(path)
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == history.keys
    for row, record in zip(rows, records, strict=True):
        assert {key: float(value) for key, value in row.items() if value} == record


def test_odd_names_and_values_survive_a_csv_file(tmp_path):
    nd.History([{'a,"b"': 'x,"y"', "loss": math.nan, "other": math.inf}]).to_csv(str(tmp_path / "h.csv"))
    with open(tmp_path / "h.csv", newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [['a,"b"', "loss", "other"], ['x,"y"', "nan", "inf"]]


@given(st.lists(RECORD, min_size=1, max_size=5))
def test_a_json_file_keeps_every_bit(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("json") / "history.json"
    nd.History(records).to_json(path)
    back = json.loads(path.read_text(encoding="utf-8"))
    assert [{key: float(value).hex() for key, value in record.items()} for record in back] == [
        {key: float(value).hex() for key, value in record.items()} for record in records
    ]


def test_what_json_has_no_word_for_is_a_text_that_float_reads(tmp_path):
    odd = {"a": math.nan, "b": -math.inf, "c": np.float32(0.1), "d": np.int64(7), "é": "yes", "f": np.float32("inf")}
    nd.History([odd]).to_json(tmp_path / "h.json")

    def refused(name):
        raise AssertionError(name)

    (back,) = json.loads((tmp_path / "h.json").read_text(encoding="utf-8"), parse_constant=refused)
    assert (back["a"], back["b"], back["d"], back["é"], back["f"]) == ("NaN", "-Infinity", 7, "yes", "Infinity")
    assert np.float32(back["c"]) == np.float32(0.1)
    assert float(back["b"]) == -math.inf


def test_a_history_becomes_a_frame_of_pandas(history):
    pandas = pytest.importorskip("pandas")
    frame = history.to_frame()
    assert list(frame.columns) == history.keys
    assert frame["loss"].tolist() == [0.5, 0.25]
    assert frame["val_loss"][0] == 0.123456789
    assert math.isnan(frame["val_loss"][1])
    assert isinstance(nd.History().to_frame(), pandas.DataFrame)


def test_without_pandas_the_frame_says_how_to_get_it(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"to_frame needs pandas: python -m pip install 'npdeep\[pandas\]'"):
        history.to_frame()


def test_a_history_prints_as_a_table_with_the_reason_for_stopping(history):
    vars(history)["stopped_because"] = "enough"
    assert repr(history).splitlines() == [
        "epoch  loss  val_loss  extra",
        "─────  ────  ────────  ─────",
        "    1   0.5    0.1235",
        "    2  0.25            yes",
        "enough",
    ]
    assert history._repr_html_().startswith("<table>")


def test_columns_of_numbers_stand_to_the_right_and_words_to_the_left():
    table = Table(["name", "n", "mixed"], [["a", 1, "x"], ["bcd", -22.5, "3"]], title="Title", notes=["note 1", "note 2"])
    assert str(table) == repr(table)
    assert str(table).splitlines() == [
        "Title",
        "name      n  mixed",
        "────  ─────  ─────",
        "a         1  x",
        "bcd   -22.5  3",
        "note 1",
        "note 2",
    ]


CELL = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=6)


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=4)))
def test_every_cell_of_a_column_begins_or_ends_at_the_same_place(rows):
    header = [f"column {i}" for i in range(len(rows[0]))]
    head, rule, *body = str(Table(header, rows)).split("\n")
    assert len(body) == len(rows)
    start = 0
    for column, (title, dashes) in enumerate(zip(header, rule.split("  "), strict=True)):
        end = start + len(dashes)
        assert head[start:end].strip() == title
        cells = [line[start:end].ljust(len(dashes)) for line in body]
        assert [cell.strip() for cell in cells] == [row[column] for row in rows]
        assert cells == [cell.strip().ljust(len(dashes)) for cell in cells] or cells == [
            cell.strip().rjust(len(dashes)) for cell in cells
        ]
        start = end + 2


def test_a_table_without_rows_is_a_header():
    assert str(Table(["a", "bcd"], [])).splitlines() == ["a  bcd", "─  ───"]
    assert "<tbody></tbody>" in Table(["a"], [])._repr_html_()


def test_html_is_escaped_and_aligned_like_the_text():
    html = Table(["<b>", "n"], [["a & b", "1"]], title="x < y", notes=['"quoted" > all'])._repr_html_()
    assert html == (
        "<table><caption>x &lt; y</caption>"
        '<thead><tr><th style="text-align:left">&lt;b&gt;</th><th style="text-align:right">n</th></tr></thead>'
        '<tbody><tr><td style="text-align:left">a &amp; b</td><td style="text-align:right">1</td></tr></tbody></table>'
        "<p>&quot;quoted&quot; &gt; all</p>"
    )


def test_a_models_summary_is_a_table_in_a_notebook_too():
    html = nd.Sequential([nd.Activation("leaky_relu")], 3).summary()._repr_html_()
    assert "<caption>sequential: input (n, 3), float32</caption>" in html
    assert html.count("<tr>") == 2


# ── as other libraries ask ────────────────────────────────────────────────────────────────────────────────────────────
def long_history(epochs):
    return nd.History([{"epoch": e, "updates": 10 * e, "loss": 1 / e} for e in range(1, epochs + 1)])


@pytest.mark.parametrize(("epochs", "lines"), [(1, 3), (20, 22), (21, 24), (3000, 24)])
def test_a_long_history_prints_its_first_and_its_last_epochs(epochs, lines):
    history = long_history(epochs)
    assert len(str(history).splitlines()) == lines
    assert history._repr_html_().count("<tr>") == lines - 1 - (epochs > 20)
    assert len(str(history.table()).splitlines()) == epochs + 2
    if epochs > 20:
        rows = [line.split()[0] for line in str(history).splitlines()[2:-1]]
        assert rows == [*map(str, range(1, 11)), "…", *map(str, range(epochs - 9, epochs + 1))]
        assert str(history).endswith(f"{epochs} epochs; history.table() shows them all")
        assert len(history._repr_html_()) < 10_000


def test_keys_may_be_called_and_a_history_becomes_a_dict():
    history = long_history(3)
    assert history.keys == history.keys() == ["epoch", "updates", "loss"]
    assert dict(history)["updates"] == {**history}["updates"] == [10, 20, 30]


def test_what_evaluate_gives_is_a_dict_that_is_not_unpacked_by_mistake():
    x, y = np.eye(4), np.arange(4) % 2
    trainer = nd.Trainer(nd.Sequential([nd.Dense(2)], 4, seed=0), "softmax_cross_entropy", metrics=["accuracy"])
    measured = trainer.evaluate(x, y)
    with pytest.raises(TypeError, match=r"write loss, accuracy = trainer\.evaluate\(x, y\)\.values\(\)"):
        loss, accuracy = trainer.evaluate(x, y)
    with pytest.raises(TypeError, match="evaluate gives a dict"):
        _first, *_rest = measured
    loss, accuracy = trainer.evaluate(x, y).values()
    assert measured == {"loss": loss, "accuracy": accuracy}
    assert list(measured) == [*measured] == [name for name in measured] == ["loss", "accuracy"]  # noqa: C416
    assert {**measured} == dict(measured) == json.loads(json.dumps(measured)) == copy.copy(measured) == measured
    assert pickle.loads(pickle.dumps(measured)) == measured
    assert sorted(measured) == ["accuracy", "loss"]
    assert {f"val_{name}": value for name, value in measured.items()}["val_loss"] == loss
    assert isinstance(measured, dict)


@pytest.mark.parametrize("write", [nd.History([{"loss": 1.0}]).to_csv, nd.History([{"loss": 1.0}]).to_json])
def test_a_name_that_no_file_can_have_is_refused(write):
    with pytest.raises(ValueError, match=r"to_\w+: path must be the name of a file or folder, got 'a\\ud800', which"):
        write("a\ud800")
