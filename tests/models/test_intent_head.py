"""The trained head on made-up embeddings: each intent is a cluster on the unit sphere."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.intent.cache import read_arrays
from models.intent.embedding import DIMENSIONS, CachedEmbedder, Embeddings
from models.intent.head import OUT_OF_SCOPE, IntentHead, decide, train

INTENTS = ("affirm", "ask_price", "deny")
CLASSES = (*INTENTS, OUT_OF_SCOPE)
CENTRES = np.random.default_rng(7).normal(size=(len(CLASSES), DIMENSIONS))


def near(intent: str, count: int, seed: int, spread: float = 0.6) -> Embeddings:
    """float32 [count, 384]"""
    noise = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)) * spread
    vectors = CENTRES[CLASSES.index(intent)] + noise
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def trained(each: int = 8) -> IntentHead:
    vectors = np.concatenate([near(intent, each, seed) for seed, intent in enumerate(INTENTS)])
    return train(vectors, [intent for intent in INTENTS for _ in range(each)], near(OUT_OF_SCOPE, 20, 90))


def test_unseen_neighbours_get_their_intent_and_strangers_none() -> None:
    head = trained()
    for intent in INTENTS:
        for row in head.probabilities(near(intent, 10, 50)):
            assert decide(row, head.classes, INTENTS, 0.7).intent == intent
    for row in head.probabilities(near(OUT_OF_SCOPE, 10, 51)):
        assert decide(row, head.classes, INTENTS, 0.7).intent is None


@pytest.mark.parametrize("each", [1, 2])
def test_one_or_two_examples_an_intent_are_enough_to_train(each: int) -> None:
    head = trained(each)
    assert np.allclose(head.probabilities(near("deny", 3, 4)).sum(axis=1), 1)
    assert decide(head.probabilities(near("deny", 1, 5))[0], head.classes, INTENTS, 0.5).intent == "deny"


def test_a_single_intent_can_be_trained() -> None:
    head = train(near("deny", 6, 1), ["deny"] * 6, near(OUT_OF_SCOPE, 20, 2))
    assert decide(head.probabilities(near("deny", 1, 3))[0], head.classes, ["deny"], 0.7).intent == "deny"
    stranger = head.probabilities(near(OUT_OF_SCOPE, 1, 3))[0]
    assert decide(stranger, head.classes, ["deny"], 0.7).intent is None


def test_small_talk_that_the_script_uses_as_an_intent_belongs_to_the_script() -> None:
    hold_on = near("deny", 6, 1)
    head = train(hold_on, ["deny"] * 6, np.concatenate([near(OUT_OF_SCOPE, 20, 2), hold_on]))
    assert decide(head.probabilities(hold_on[:1])[0], head.classes, ["deny"], 0.7).intent == "deny"


def test_no_examples_and_the_reserved_name_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        train(near("deny", 0, 1), [], near(OUT_OF_SCOPE, 5, 2))
    with pytest.raises(ValueError, match="reserved"):
        train(near("deny", 1, 1), [OUT_OF_SCOPE], near(OUT_OF_SCOPE, 5, 2))


def test_a_sure_intent_that_is_not_allowed_does_not_make_another_sure() -> None:
    row = np.array([0.02, 0.97, 0.005, 0.005])
    result = decide(row, CLASSES, ["affirm", "deny"], 0.5)
    assert result.intent is None
    assert result.confidence < 0.1


@given(
    st.lists(st.floats(0.001, 1), min_size=4, max_size=4),
    st.sets(st.sampled_from([*INTENTS, "unheard_of"])),
    st.floats(0, 1),
)
def test_a_decision_is_a_ranking_of_what_is_allowed(
    weights: list[float], allowed: set[str], threshold: float
) -> None:
    row = np.array(weights) / sum(weights)
    result = decide(row, CLASSES, allowed, threshold)
    assert {name for name, _ in result.ranked} == allowed
    chances = [chance for _, chance in result.ranked]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) <= 1 + 1e-9
    assert all(chance >= 0 for chance in chances)
    assert result.confidence == (chances[0] if chances else 0)
    if result.intent is not None:
        assert result.intent == result.ranked[0][0]
    assert (result.intent is not None) == (bool(allowed) and result.confidence >= threshold)


def test_a_head_comes_back_from_its_file(tmp_path: Path) -> None:
    head = trained()
    head.save(tmp_path / "cache" / "head.npz")
    again = IntentHead.stored(tmp_path / "cache" / "head.npz")
    assert again is not None
    assert again.classes == head.classes
    queries = near("affirm", 4, 9)
    assert np.array_equal(again.probabilities(queries), head.probabilities(queries))


class CountingEmbedder:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Embeddings:
        self.asked += texts
        return np.stack([near("deny", 1, len(text))[0] for text in texts])


def test_embeddings_are_computed_once_and_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "embeddings.npz"
    first, second = CountingEmbedder(), CountingEmbedder()
    fresh = CachedEmbedder(first, "model 1", file).embed(["one", "three", "one"])
    kept = CachedEmbedder(second, "model 1", file).embed(["one", "three", "one"])
    assert first.asked == ["one", "three"]
    assert second.asked == []
    assert fresh.shape == (3, DIMENSIONS)
    assert np.array_equal(fresh, kept)
    CachedEmbedder(second, "model 2", file).embed(["one"])
    assert second.asked == ["one"]


@pytest.mark.parametrize("damage", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_a_damaged_cache_is_replaced(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "embeddings.npz"
    file.write_bytes(damage)
    CachedEmbedder(CountingEmbedder(), "model", file).embed(["one"])
    assert len(read_arrays(file)["keys"]) == 1


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    embedder = CachedEmbedder(CountingEmbedder(), "model", tmp_path / "file" / "embeddings.npz")
    assert embedder.embed(["one"]).shape == (1, DIMENSIONS)
