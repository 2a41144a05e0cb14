"""However a JSON object is cut into pieces, its text comes out the same, and nothing breaks the reader."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.llm.json_stream import MAX_CHARACTERS, MAX_DEPTH, JsonTextStream

TEXT = st.text(max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.just("text"), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def cut(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> list[str]:
    text = draw(texts)
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def objects(draw: st.DrawFn) -> str:
    """One JSON object in any legal writing, often with a 'text'."""
    members = draw(st.dictionaries(TEXT, VALUES, max_size=4))
    if draw(st.booleans()):
        members["text"] = draw(TEXT)
    members = dict(draw(st.permutations(list(members.items()))))
    return json.dumps(members, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))


@given(cut(objects()))
def test_any_cut_gives_the_same_text_and_the_same_object(pieces: list[str]) -> None:
    stream = JsonTextStream()
    spoken = "".join(stream.feed(piece) for piece in pieces)
    whole = json.loads("".join(pieces))
    assert stream.finish() == whole
    expected = whole.get("text")
    assert spoken == (expected if isinstance(expected, str) else "")
    assert stream.text_complete == isinstance(expected, str)


@given(cut(st.text(alphabet='{}[]",:\\utextD83dc0 \n1', max_size=60) | st.text(max_size=60)))
def test_rubbish_raises_nothing_but_value_error(pieces: list[str]) -> None:
    def read(parts: list[str]) -> tuple[str, dict[str, Any]]:
        stream = JsonTextStream()
        spoken = "".join(stream.feed(part) for part in parts)
        return spoken, stream.finish()

    try:
        whole = read(["".join(pieces)])
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011
            read(pieces)
    else:
        assert read(pieces) == whole


def test_text_grows_before_the_object_ends() -> None:
    stream = JsonTextStream()
    assert stream.feed('{"act": "say", "te') == ""
    assert stream.feed('xt": "Twenty per') == "Twenty per"
    assert stream.feed(" cent, \\") == " cent, "
    assert stream.feed("u00a3") == "£"
    assert not stream.text_complete
    assert stream.feed('5 off."') == "5 off."
    assert stream.text_complete
    assert stream.feed(', "slots": {"text": "not this"}}') == ""
    assert stream.finish() == {
        "act": "say",
        "text": "Twenty per cent, £5 off.",
        "slots": {"text": "not this"},
    }


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r'{"text": "\ud83d\ude00"}', "\U0001f600"),
        (r'{"text": "a\ud83d"}', "a\ufffd"),
        (r'{"text": "\ude00b"}', "\ufffdb"),
        (r'{"text": "\ud83d\ud83d\ude00"}', "\ufffd\U0001f600"),
        ('{"text": "\ud83d"}', "\ufffd"),
    ],
)
def test_halves_of_surrogate_pairs_become_a_replacement_character(written: str, text: str) -> None:
    stream = JsonTextStream()
    assert "".join(map(stream.feed, written)) == text
    assert stream.finish() == {"text": text}


@pytest.mark.parametrize(
    "written",
    [
        "Sure! Here is the JSON",
        '["text"]',
        '{"text": "a"} {"text": "b"}',
        '{"text": "a\nb"}',
        r'{"text": "\x41"}',
        r'{"text": "\u12G4"}',
        '{"a":' * (MAX_DEPTH + 1),
        '{"text": "' + "a" * MAX_CHARACTERS,
    ],
)
def test_what_cannot_become_an_object_is_refused_at_once(written: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        JsonTextStream().feed(written)


@pytest.mark.parametrize(
    "written", ["", '{"text": "a"', '{"text": "a", "text": "b"}', '{"a": {"b": 1, "b": 2}}']
)
def test_what_is_unfinished_or_ambiguous_is_refused_at_the_end(written: str) -> None:
    stream = JsonTextStream()
    stream.feed(written)
    with pytest.raises(ValueError, match=r".+"):
        stream.finish()
