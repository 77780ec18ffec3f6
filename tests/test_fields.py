"""The checks that the schema of checkpoint files is made of: what each takes, and the next value that it refuses."""

import io
import json
import math
import re
import zipfile

import numpy as np
import pytest
from helpers_training import examples, plain_trainer

from npdeep.common.checks import LONGEST_NAME
from npdeep.files import encoding, npz, schema
from npdeep.files import fields as f
from npdeep.files.encoding import ENTRIES
from npdeep.layers.names import NESTED
from npdeep.schedules import Warmup

N = "a" * LONGEST_NAME
CHECKS = {
    # the check, values that it takes, values that it refuses, words of the message
    "whole": (f.whole(), [0, 1, 2**53], [-1, 2**53 + 1, 1.0, True, "1", None], "x must be an integer "),
    "whole from 3": (f.whole(3), [3], [2], "x must be an integer of at least 3"),
    "whole up to 7": (f.whole(0, 7), [7], [8], "x must be an integer below 2^3"),
    "number": (
        f.number(),
        [0, -1.5, 2**53, -(2**53), 1e308],
        [math.inf, -math.inf, math.nan, 2**53 + 1, -(2**53) - 1, True, "1", None],
        "x must be a finite number, got",
    ),
    "number in 0 to 1": (
        f.number(0, 1), [0, 1, 0.0, 1.0], [-5e-324, 1 + 2**-52, -1, 2], "x must be a finite number of at least 0 up to 1",
    ),
    "number from -1": (f.number(-1), [-1, 1e9], [-1.5], "x must be a finite number of at least -1, got"),
    "number or infinity": (f.number(finite=False), [math.inf, -math.inf], [math.nan], "x must be a number, got"),
    "number or nan": (f.number(nan=True), [math.nan], [math.inf], "x must be a finite number, got"),
    "measured": (f.measured, [math.nan, math.inf, -math.inf, -1, 0.5], ["nan", None, True, [1.0]], "x must be a number"),
    "flag": (f.flag, [True, False], [0, 1, None, "true"], "x must be true or false"),
    "label": (f.label, ["a", N, "two words"], ["", N + "a", "a\n", "\x1b", 3, None], "x must be a name of up to 100 visible"),
    "text": (f.text("[a-z]+", "a word", 5), ["a", "abcde"], ["", "abcdef", "A", "a b", "a\n", 3, None], "x must be a word"),
    "lines": (f.lines, ["", "a", "a\nb\n", "a" * 100_000], ["a" * 100_001, "\x1b", "a\tb", "a\r\n", 3], "x must be a text of"),
    "choice": (f.choice((1, "a", None), "1 or a"), [1, "a", None, True], [2, "b", [1], {}], "x must be 1 or a"),
    "maybe": (f.maybe(f.flag), [None, True], [0, "None"], "x must be true or false"),
    "items": (f.items(f.whole()), [[], [0], [1, 2, 3]], [(0,), None, {}, "12"], "x must be a list, got"),
    "two items": (f.items(f.whole(), 2), [[0, 1]], [[], [0], [0, 1, 2]], "x must be a list of 2, got"),
    "elements": (f.items(f.whole()), [], [[0, -1], [0, "1"]], "x[1] must be an integer"),
    "mapping": (f.mapping(f.label, f.whole()), [{}, {"a": 1, "b": 2}], [[], None, "a"], "x must be an object"),
    "keys of a mapping": (f.mapping(f.label, f.whole()), [], [{"": 1}, {3: 1}], "a key of x must be a name"),
    "values of a mapping": (f.mapping(f.label, f.whole()), [], [{"b": 1, "a": "1"}, {"a": -1}], "x.a must be an integer"),
    "record": (f.record({"a": f.whole()}, {"b": f.flag}), [{"a": 1}, {"a": 1, "b": True}], [[], None], "x must be an object"),
    "what a record needs": (f.record({"a": f.whole()}, {"b": f.flag}), [], [{}, {"b": True}], "x lacks 'a'"),
    "what a record may have": (f.record({"a": f.whole()}, {"b": f.flag}), [], [{"a": 1, "b": 0}], "x.b must be true or false"),
    "no more in a record": (f.record({"a": f.whole()}), [], [{"a": 1, "c": 1}], "x has the unknown key 'c'"),
    "more in a record": (
        f.record({"a": f.whole()}, others=f.flag), [{"a": 1, "c": True}], [{"a": 1, "c": 1}], "x.c must be true or false",
    ),
    "keys of more": (f.record({}, others=f.flag), [{N: True}], [{N + "a": True}, {"": True}], "a key of x must be a name"),
    "scalar": (f.scalar, [1, 1.5, "a", True, None], [[], {}, np.zeros(1), b"a"], "x must be a number or a text"),
    "rows": (
        f.rows, [np.zeros(0), np.zeros((2, 3)), np.array(["a"])], [np.array(1.0), [1.0], None], "x must be an array of rows",
    ),
    "array": (
        f.array(), [np.zeros(2), np.array(1), np.zeros(2, bool)], [[1.0], np.array(["a"]), None], "x must be an array of real",
    ),
    "array of 1 or 3 axes": (
        f.array(1, 3), [np.zeros(2), np.zeros((1, 1, 1))], [np.zeros(()), np.zeros((2, 2))], "x must be an array of 1 or 3",
    ),
    "tree": (f.tree, [1, None, "a", [1, [2.0]], {"a": {"b": [np.zeros(1)]}, 1: 2, None: 3}], [{1}, b"a", 1j], "x must be p"),
    "in a list of a tree": (f.tree, [], [[1, b"a"]], "x[1] must be plain data"),
    "in an object of a tree": (f.tree, [], [{"a": [b"a"]}], "x.a[0] must be plain data"),
    "keys of a tree": (f.tree, [], [{(1, 2): 1}], "a key of x must be a text or a number"),
    "argument": (
        schema.argument, [2**63, -(2**63), "a" * 1000, 0.5, None, [[1], "a"]], [2**63 + 1, -(2**63) - 1], "x must be an int",
    ),
    "a dict for an argument": (
        schema.argument,
        [{ENTRIES: []}, {ENTRIES: [["a" * 1000, 1], ["", -0.5]]}],
        [{ENTRIES: {}}, {ENTRIES: "a"}, {ENTRIES: None}],
        "x.entries must be a list",
    ),
    "alone": (schema.argument, [], [{ENTRIES: [], "class": "own.A"}], "x has the unknown key 'class'"),
    "an item of it": (schema.argument, [], [{ENTRIES: [["a"]]}, {ENTRIES: [["a", 1, 2]]}, {ENTRIES: [3]}], "x.entries[0] must"),
    "its key": (schema.argument, [], [{ENTRIES: [["a" * 1001, 1]]}, {ENTRIES: [[1, 1]]}], "x.entries[0][0] must be a text of"),
    "its number": (schema.argument, [], [{ENTRIES: [["a", "1"]]}, {ENTRIES: [["a", math.nan]]}], "x.entries[0][1] must be"),
    "a long argument": (schema.argument, [], ["a" * 1001], "x must be a text of up to 1000 characters"),
    "in a list of arguments": (schema.argument, [], [[0, [2**64]]], "x[1][0] must be an integer"),
    "an object for an argument": (
        schema.argument,
        [{"class": "schedules.Constant", "arguments": {"value": 0.1}}, {"class": "own.A1_b", "arguments": {}}],
        [{"class": name, "arguments": {}} for name in ("os.system", "own.1", f"own.{N}a", "own", "schedules.")],
        "x.class must be a class of",
    ),
    "a loss": (
        schema.loss, [{"own": "Mine"}, {"class": "losses.Huber", "arguments": {}}], [{"own": ""}], "x.own must be a name",
    ),
    "a loss by class": (schema.loss, [], [{"class": "layers.Dense", "arguments": {}}], "x.class must be a class of losses"),
    "a layer's name": (
        schema.LAYER_NAME,
        ["a", "a/b", "a-1.b_c", "/".join("a" * 31), N],
        ["", "/a", "a//b", "a b", "/".join("a" * 32), N + "a"],
        "x must be the name of a layer",
    ),
    "a variable's name": (
        schema.VARIABLE_NAME, ["a/kernel", "a/b/c"], ["kernel", "a/", "a/b c"], "x must be the name of a variable",
    ),
    "a generator": (
        schema.PCG64,
        [{"bit_generator": "PCG64", "state": {"state": 2**128 - 1, "inc": 2**128 - 1}, "has_uint32": 1, "uinteger": 2**32 - 1}],
        [{"bit_generator": "PCG64", "state": {"state": 2**128, "inc": 0}, "has_uint32": 0, "uinteger": 0}],
        "x.state.state must be an integer",
    ),
    "the increment": (
        schema.PCG64,
        [],
        [{"bit_generator": "PCG64", "state": {"state": 0, "inc": 2**128}, "has_uint32": 0, "uinteger": 0}],
        "x.state.inc must be an integer",
    ),
    "half a word": (
        schema.PCG64,
        [],
        [{"bit_generator": "PCG64", "state": {"state": 0, "inc": 0}, "has_uint32": 2, "uinteger": 0}],
        "x.has_uint32 must be 0 or 1",
    ),
    "its rest": (
        schema.PCG64,
        [],
        [{"bit_generator": "PCG64", "state": {"state": 0, "inc": 0}, "has_uint32": 0, "uinteger": 2**32}],
        "x.uinteger must be an integer",
    ),
    "seed": (schema.SEED, [0, 2**1024], [-1, 2**1024 + 1], "x must be an integer"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_what_a_check_takes_and_what_it_refuses(name):
    check, taken, refused, words = CHECKS[name]
    for value in taken:
        check("x", value)
    for value in refused:
        with pytest.raises(ValueError, match=rf"^{re.escape(words)}"):
            check("x", value)


def test_the_whole_header_is_called_it():
    for check, value, words in (
        (f.whole(), "x", "it must be an integer"),
        (f.record({"a": f.whole()}), {}, "it lacks 'a'"),
        (f.record({}), {"a": 1}, "it has the unknown key 'a'"),
    ):
        with pytest.raises(ValueError, match=f"^{words}"):
            check("", value)
    with pytest.raises(ValueError, match=r"^a must be an integer"):
        f.record({"a": f.whole()})("", {"a": "x"})


NUMBERS = {
    # array, arguments, words where it is refused
    "float32": (np.ones(2, np.float32), {}, ""),
    "float64": (np.ones(2), {}, ""),
    "float16": (np.ones(2, np.float16), {}, "must hold float32 or float64 numbers, got dtype float16"),
    "integers": (np.ones(2, np.int64), {}, "must hold float32 or float64 numbers, got dtype int64"),
    "complex": (np.ones(2, np.complex64), {}, "must hold float32 or float64 numbers, got dtype complex64"),
    "shape": (np.ones((2, 1)), {}, r"must have the shape (2,), got (2, 1)"),
    "infinite": (np.array([1.0, -np.inf]), {}, "holds -inf: the run had diverged"),
    "infinities allowed": (np.array([1.0, np.inf]), {"infinite": True}, ""),
    "nan": (np.array([np.nan, 1.0]), {"infinite": True}, "holds nan: the run had diverged"),
    "negative": (np.array([1.0, -1.0]), {}, ""),
    "never negative": (np.array([1.0, -0.5]), {"never_negative": True}, "holds -0.5, but it is made of squares"),
    "never negative but 0": (np.array([0.0, 1.0]), {"never_negative": True}, ""),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_which_arrays_can_be_those_of_a_network(name):
    array, arguments, words = NUMBERS[name]
    if not words:
        schema.check_numbers("a/kernel", array, (2,), **arguments)
        return
    with pytest.raises(ValueError, match=re.escape(f"a/kernel {words}")):
        schema.check_numbers("a/kernel", array, (2,), **arguments)


# ── how deep, and what is no array of a file ──────────────────────────────────────────────────────────────────────────
def nested(kind, depth):
    """A list in a list in …, a dict in a dict, a schedule in a schedule: so many, one within the other."""
    value = 0.5
    for _ in range(depth):
        value = {"list": lambda x: [x], "dict": lambda x: {"a": x}, "schedule": lambda x: Warmup(x, 3)}[kind](value)
    return value


@pytest.mark.parametrize("kind", ["list", "dict", "schedule"])
def test_what_lies_as_deep_as_a_reader_goes_is_encoded_and_no_more(kind):
    deepest = encoding.DEEPEST
    encoding.encode(nested(kind, deepest), "it")
    with pytest.raises(ValueError, match=rf"checkpoint: .* is nested more than {deepest} deep and cannot be stored"):
        encoding.encode(nested(kind, deepest + 1), "it")


def test_arrays_of_objects_and_one_called_header_are_refused_before_anything_is_written(tmp_path):
    path = tmp_path / "a.npz"
    for arrays, error in (({"w": np.array([None])}, TypeError), ({"header": np.zeros(1)}, ValueError)):
        with pytest.raises(error, match=r"^checkpoint: "):
            npz.write(path, {}, arrays)
    assert not list(tmp_path.iterdir())


def test_a_header_that_no_reader_would_take_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"a\.npz: model lacks .name."):
        schema.write(tmp_path / "a.npz", {"model": {"input_size": 0}}, {})
    assert not list(tmp_path.iterdir())


def header(depth):
    """A header whose text is nested so deep."""
    value = {}
    for _ in range(depth - 3):                # within the object of the file and the content's
        value = [value]
    return {"a": value}


def test_a_header_may_be_as_deep_as_a_reader_goes(tmp_path):
    deepest = npz.write(tmp_path / "a.npz", header(npz.DEEPEST), {})
    assert npz.read(deepest)[0] == header(npz.DEEPEST)
    with pytest.raises(ValueError, match=rf"nested more than {npz.DEEPEST} deep"):
        npz.write(tmp_path / "b.npz", header(npz.DEEPEST + 1), {})
    assert not (tmp_path / "b.npz").exists()


def test_names_and_faults_are_cut_where_they_are_too_long_and_not_before():
    assert npz.visible("a" * 110) == "a" * 110
    assert npz.visible("a" * 111) == "…" + "a" * 109
    assert str(npz.fault("a.npz", "checkpoint: " + "b" * 149)) == f"checkpoint a.npz: {'b' * 149}"
    assert len(str(npz.fault("a.npz", "b" * 1000))) <= len("checkpoint a.npz: ") + 150


@pytest.mark.parametrize(
    "state", [{encoding.ARRAY: "w", "more": 1}, {encoding.ARRAY: 3}, {encoding.ARRAY: ["w"]}, {encoding.ARRAY: "v"}],
)  # fmt: skip
def test_what_refers_to_an_array_names_one_that_is_there_and_nothing_else(state):
    with pytest.raises(ValueError, match=r"it refers to an array .* that the file does not hold"):
        encoding.join_arrays({"a": [state]}, {"w": np.zeros(2)})


def test_arguments_that_do_not_fit_are_named_with_their_place():
    for arguments in ({"value": -1}, {"worth": 1}, {}):
        with pytest.raises(ValueError, match=r"^trainer\.optimizer: "):
            encoding.decode({"class": "schedules.Constant", "arguments": arguments}, None, "trainer.optimizer")


# ── the archive and its header ────────────────────────────────────────────────────────────────────────────────────────
def npy(shape, dtype, size):
    """An .npy file that says this of its contents."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text = text.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(size)


@pytest.mark.parametrize(
    ("shape", "dtype", "size"),
    [((3,), "<f8", 23), ((3,), "<f8", 25), ((10**12,), "|S0", 0), ((0,), "|S0", 0), ((2,), "<f4", 0)],
)
def test_an_array_has_the_bytes_that_it_claims(shape, dtype, size):
    with pytest.raises(ValueError, match=rf"does not have {size} bytes"):
        npz.read_member(npy(shape, dtype, size))
    assert npz.read_member(npy((3,), "<f8", 24)).tolist() == [0, 0, 0]


def test_an_archive_that_unpacks_to_too_much_is_named_with_both_sizes():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy((10_000,), "<f8", 80_000))
    size = len(file.getvalue())
    with pytest.raises(ValueError, match=rf"it unpacks to 80,128 bytes, more than 4 times its own {size:,}"):
        npz.read_members(file)


def test_no_member_is_pickled():
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        npz.write_members(io.BytesIO(), {"a": np.array([None])})


@pytest.mark.parametrize(
    "value", [{1: 0.5}, {1: 0.5, "a": 2}, {"a": 2, None: 3}, {"float": 1}, {"mapping": []}, {}, {"float": math.inf, "b": [{}]}],
)  # fmt: skip
def test_what_json_has_no_words_for_comes_back(value):
    assert npz.revived(npz.plain(value)) == value


@pytest.mark.parametrize(
    "pairs", [3, "ab", {}, [3], ["ab"], [[1]], [[1, 2], [3]], [[1, 2], "ab"], [[1, 2, 3]], [{"a": 1, "b": 2}]]
)
def test_a_mapping_is_a_list_of_pairs(pairs):
    with pytest.raises(ValueError, match="damaged: a mapping in its header is not a list of pairs"):
        npz.revived({"mapping": pairs})


@pytest.mark.parametrize("key", [[1], {"a": 1}])
def test_a_key_of_a_mapping_is_a_text_or_a_number(key):
    with pytest.raises(ValueError, match="damaged: a key of a mapping in its header is neither"):
        npz.revived({"mapping": [[1, 2], [key, 3]]})


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"[1]", "does not say 'npdeep checkpoint'"), (b'{"format": "other"}', "does not say 'npdeep checkpoint'"),
        (b'{"format": "npdeep checkpoint", "version": 2}', "has version 2 of the format, this npdeep reads version 1"),
        (b'{"format": "npdeep checkpoint", "version": true}', "has version True of the format"),
        (b'{"format": "npdeep checkpoint", "version": 1}', "its header is incomplete"),
        (b'{"format": "npdeep checkpoint", "version": 1, "content": [], "checksum": ""}', "its header is incomplete"),
        (b'{"format": "npdeep checkpoint", "version": 1, "content": {}, "checksum": 3}', "its header is incomplete"),
        (b'{"format": "npdeep checkpoint", "version": 1, "content": {}, "checksum": "", "x": 1}', "more than belongs into it"),
    ],
)  # fmt: skip
def test_a_header_says_what_it_is(header, message):
    with pytest.raises(ValueError, match=message):
        npz.parse_header(np.frombuffer(header, np.uint8))


def test_a_state_has_no_key_that_files_use_themselves():
    with pytest.raises(ValueError, match=r"checkpoint: callbacks/0 has the key 'array in this file', which checkpoints use"):
        encoding.split_arrays({encoding.ARRAY: 1}, "callbacks/0", {})


@pytest.mark.parametrize(
    ("raw", "depth"), [(b"", 0), (b"3", 0), (b"]]", 0), (b"[]", 1), (b"[[],[[]],[]]", 3), (b"[][[]]", 2), (b'{"[": ["]"]}', 2)],
)  # fmt: skip
def test_nesting_is_counted_without_parsing(raw, depth):
    assert npz.nesting(raw) == depth


def test_objects_may_lie_deeper_than_layers_may():
    """A layer in lists of branches is three deeper than the one around it; with arguments of its own."""
    assert encoding.DEEPEST == 3 * NESTED + 9 == 45


@pytest.mark.parametrize("number", ["x", "NaN", "1.5", 1.5, None, ["nan"]])
def test_what_stands_for_a_number_that_is_not_finite_is_one_of_three(number):
    with pytest.raises(ValueError, match="stands for a number that is not finite"):
        npz.revived({"float": number})


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_are_no_json_are_refused(constant):
    with pytest.raises(ValueError, match=rf"damaged: its header is not JSON: {constant} is not a number"):
        npz.parse_json(f'{{"a": {constant}}}'.encode())


def test_a_content_that_comes_to_a_number_is_incomplete(tmp_path):
    content = {"float": "inf"}
    stored = {"format": npz.FORMAT, "version": npz.VERSION, "content": content, "checksum": npz.digest(content, {})}
    with open(tmp_path / "a.npz", "wb") as file:
        npz.write_members(file, {npz.HEADER: np.frombuffer(json.dumps(stored).encode(), np.uint8)})
    with pytest.raises(ValueError, match=r"a\.npz: damaged: its header is incomplete"):
        npz.read(tmp_path / "a.npz")


# ── a whole file ──────────────────────────────────────────────────────────────────────────────────────────────────────
def put(place, value):
    """Sets what is at this place of a content to the value."""

    def change(content, arrays):
        *way, last = place
        for key in way:
            content = content[key]
        assert last in content
        content[last] = value

    return change


def rename(content, arrays):
    arrays["a\nb"] = arrays.pop("outputs/kernel")


FAULTS = {
    "the name of an array": rename,
    "state.epoch": put(("state", "epoch"), "3"),
    "history.records": put(("history", "records", 0, "accuracy"), "good"),
    "trainer.optimizer": put(("trainer", "optimizer", "arguments", "learning_rate"), -1.0),
    "trainer.metrics[0]": put(("trainer", "metrics", 0, "object", "arguments"), {"no": "argument"}),
}


@pytest.mark.parametrize("named", FAULTS)
def test_every_part_of_a_file_is_looked_at(named, tmp_path):
    trainer = plain_trainer(metrics=["accuracy"])
    trainer.fit(*examples(20), verbose=False)
    content, arrays = schema.read(trainer.save(tmp_path / "a.npz"))
    FAULTS[named](content, arrays)
    with pytest.raises(ValueError, match=re.escape(named)):
        schema.checked(content, arrays)


def test_the_first_number_that_is_none_is_told():
    with pytest.raises(ValueError, match=r"^w holds nan: the run had diverged"):
        schema.check_numbers("w", np.array([0.5, np.nan, np.inf]), (3,))


@pytest.mark.parametrize("half", [0xD800, 0xDFFF])
def test_of_texts_only_those_with_half_a_character_cannot_be_stored(half):
    assert npz.not_in_json({"name": "text \ud7ff\ue000", "a": {1, 2}}).startswith("a is an object of type set")
    assert npz.not_in_json({"name": "text", "a": f"b{chr(half)}"}).startswith("a is ")
