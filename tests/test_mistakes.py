"""The page of beginners' mistakes: every answer is npdeep's, every cure works."""

import importlib.util
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[1] / "tutorials"


def load():
    spec = importlib.util.spec_from_file_location("make_mistakes", TUTORIALS / "make_mistakes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made():
    return load()


ALL = [mistake for mistakes in load().CHAPTERS.values() for mistake in mistakes]


@pytest.mark.parametrize("title", [mistake.title for mistake in ALL])
def test_a_mistake_is_answered_and_its_cure_works(title):
    mistake = next(mistake for mistake in ALL if mistake.title == title)
    kind, _, words = mistake.answer().partition(": ")
    assert kind in ("ValueError", "TypeError", "AttributeError", "all gradients are 80 times what they should be")
    assert 20 < len(words) < 300
    mistake.cure()
    assert mistake.wrong != mistake.right


def test_there_are_forty_and_the_page_has_them_as_they_are(made):
    assert len(ALL) == len({mistake.title for mistake in ALL}) == 40
    assert made.page() == made.PAGE.read_text(encoding="utf-8"), "run python tutorials/make_mistakes.py"
