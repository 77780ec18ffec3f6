"""Wrong solutions that were not written for the catalogue of mistakes: the answer to each is the one that helps."""

import sys
from pathlib import Path

import numpy as np
import pytest

import npdeep as nd
from npdeep.teaching.exercises import catalogue

sys.path.append(str(Path(__file__).parents[1] / "tutorials"))
from make_exercises_table import WORTH, unseen

SOLUTIONS = unseen()


@pytest.mark.parametrize("solution", SOLUTIONS, ids=[f"{one.exercise}-{one.mistake}" for one in SOLUTIONS])
def test_the_answer_helps(solution):
    assert solution.said in solution.answer()
    assert solution.before in WORTH


def test_they_are_many_and_none_is_there_twice():
    assert len({one.code for one in SOLUTIONS}) == len(SOLUTIONS) > 150
    assert len({one.exercise for one in SOLUTIONS}) > 30


# ── the kinds behind them ─────────────────────────────────────────────────────────────────────────────────────────────
def answer(name, function):
    with pytest.raises(AssertionError) as raised:
        nd.exercises.check(name, function)
    return str(raised.value)


def test_a_mistake_that_would_spoil_what_is_right_is_not_named():
    """v is that of betas exchanged, but then m would be wrong too."""
    said = answer("adam", lambda w, g, m, v, t, r, b1, b2, e: (b1 * m + (1 - b1) * g, b1 * v + (1 - b1) * g * g, w))
    assert "- m" not in said
    assert "beta_1 and beta_2 are exchanged" not in said


def test_a_guard_against_overflow_does_not_hide_a_mistake():
    said = answer("softmax_cross_entropy_forward", lambda z, y: softmax_over_columns(z.clip(-20, 20), y))
    assert "- the softmax runs down the columns" in said


def softmax_over_columns(z, y):
    e = np.exp(z)
    return -np.log((e / e.sum(0))[np.arange(len(y)), y]).mean()


@pytest.mark.parametrize("seed", range(5))
def test_a_random_mistake_is_named_whatever_is_drawn(seed):
    """Fewer throws than elements: what is measured varies more than the tolerance."""

    def shared(x, rate, rng):
        for _ in range(seed):
            rng.random()
        mask = (rng.random(x.shape[1]) >= rate) / (1 - rate) + 0 * x
        return x * mask, mask

    assert "- all rows drop the same units" in answer("inverted_dropout", shared)


def test_what_cannot_be_repeated_is_seen_in_the_numbers():
    """What is measured of two draws may be the same."""

    def drawn(x, rate, rng):
        drawn.calls += 1
        mask = np.roll(rng.random(x.shape) >= rate, drawn.calls, axis=0) / (1 - rate)
        return x * mask, mask

    drawn.calls = 0
    assert "it returns something else in every call" in answer("inverted_dropout", drawn)


def test_the_order_is_named_though_another_output_is_wrong_too():
    said = answer("rmsprop", lambda w, g, s, r, rho, e: (-w, rho * s + (1 - rho) * g * g))
    assert "- w is what s should be: are the outputs in another order?" in said


def test_chance_is_not_called_a_mistake():
    """The mean of weights drawn in another way is never exactly that of the solution's."""
    said = answer("glorot_uniform", lambda i, o, rng: rng.choice([-1, 1], (i, o)) * np.sqrt(6 / (i + o)))
    assert "the mean of W" not in said
    assert "the number of different values in W" in said
    said = answer("inverted_dropout", lambda x, rate, rng: (x * (mask := rng.normal(1, rate, x.shape)), mask))
    assert "fractions" not in said


@pytest.mark.parametrize("name", ["glorot_uniform", "he_normal", "inverted_dropout"])
def test_numbers_that_are_not_drawn_from_the_given_generator_are_no_solution(name):
    exercise = catalogue.find(name)
    said = answer(name, lambda *given: exercise.solution(*given[:-1], np.random.default_rng(0)))
    assert "it returns the same numbers whatever rng is" in said


def test_weights_in_one_row_are_told_their_shape():
    said = answer("he_normal", lambda i, o, rng: rng.normal(0, np.sqrt(2 / i), i * o))
    assert "W must have the shape (fan_in, fan_out), (" in said


def test_a_factor_of_one_is_no_answer():
    def clipped(gradients, limit):
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        return [g * min(1, limit / (norm + 1e-6)) for g in gradients]

    assert "right to some 4 digits: is a small number, such as 1e-8, added" in answer("clip_by_global_norm", clipped)


def test_two_single_integers_are_not_exchanged_for_one_list_alone():
    def last_of_equals(losses, patience):
        best, last = catalogue.find("early_stopping").solution(losses, patience)
        return max(i for i in range(last + 1) if losses[i] == losses[best]), last

    said = answer("early_stopping", last_of_equals)
    assert "another order" not in said
