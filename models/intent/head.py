"""The trained head: from the embedding of a sentence to a calibrated probability of each intent.

Score of an intent = logistic regression + how close its nearest example is; both, because a dozen examples
an intent are too few for either alone. One temperature makes the scores probabilities (Guo et al. 2017, "On
Calibration of Modern Neural Networks"), fitted on sentences that the fold's head did not see. What belongs
to no intent has a class of its own, out-of-scope, learnt from a list of small talk.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.intent import IntentResult
from models.intent.cache import read_arrays, write_arrays
from models.intent.embedding import Embeddings

OUT_OF_SCOPE = "out_of_scope"

INVERSE_REGULARISATION = 100.0
NEAREST_WEIGHT = 40.0
"""Cosines of e5 lie between 0.75 and 1, so a difference of 0.1 in nearness counts 4 in the score."""
FORBIDDEN_WEIGHT = 0.3
"""Share of the probability of intents that are not allowed here which is left as doubt. 0 would make a sure
'ask_price' a sure 'affirm' where prices are not expected; 1 would doubt a 'yes please' as 'interested'."""
DUPLICATE_COSINE = 0.95
FOLDS = 5

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class IntentHead:
    """`classes` ends with OUT_OF_SCOPE. `weights` [classes, 384], `bias` [classes], `examples` [n, 384],
    `labels` [n] index into `classes`."""

    classes: tuple[str, ...]
    weights: Scores
    bias: Scores
    examples: Embeddings
    labels: NDArray[np.intp]
    temperature: float = 1.0

    def save(self, file: Path) -> None:
        arrays = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        write_arrays(file, arrays)

    @classmethod
    def stored(cls, file: Path) -> Self | None:
        """What `save` wrote; None when there is none."""
        arrays = read_arrays(file)
        if not arrays:
            return None
        return cls(
            classes=tuple(arrays["classes"].tolist()),
            temperature=float(arrays["temperature"]),
            **{name: arrays[name] for name in ("weights", "bias", "examples", "labels")},
        )

    def scores(self, embeddings: Embeddings) -> Scores:
        """[n, classes], before the temperature."""
        cosines = embeddings @ self.examples.T
        nearest = np.stack(
            [
                cosines[:, self.labels == label].max(axis=1, initial=-1.0)
                for label in range(len(self.classes))
            ],
            axis=1,
        )
        return np.asarray(embeddings @ self.weights.T + self.bias + NEAREST_WEIGHT * nearest)

    def probabilities(self, embeddings: Embeddings) -> Scores:
        """[n, classes], rows sum to 1."""
        return np.exp(_log_softmax(self.scores(embeddings) / self.temperature))


def decide(
    probabilities: Scores, classes: Sequence[str], allowed: Collection[str], threshold: float
) -> IntentResult:
    """The best of `allowed`, or None when its share of the probability is below `threshold`."""
    share = {
        name: float(value) for name, value in zip(classes, probabilities, strict=True) if name != OUT_OF_SCOPE
    }
    total = float(probabilities.sum())
    inside = sum(share.get(name, 0.0) for name in set(allowed))
    outside = float(probabilities[list(classes).index(OUT_OF_SCOPE)])
    mass = inside + outside + FORBIDDEN_WEIGHT * max(0.0, total - inside - outside)
    ranked = tuple(
        sorted(
            ((name, share.get(name, 0.0) / mass) for name in set(allowed)),
            key=lambda item: (-item[1], item[0]),
        )
    )
    if not ranked:
        return IntentResult(None, 0.0)
    best, confidence = ranked[0]
    return IntentResult(best if confidence >= threshold else None, confidence, ranked)


def train(embeddings: Embeddings, intents: Sequence[str], out_of_scope: Embeddings) -> IntentHead:
    """`embeddings` [n, 384] of the examples of `intents`. Raises ValueError when there is none."""
    if not len(intents):
        raise ValueError("no example sentences: give each intent of the script at least one")
    if OUT_OF_SCOPE in intents:
        raise ValueError(f"'{OUT_OF_SCOPE}' is reserved: name the intent differently")
    classes = (*sorted(set(intents)), OUT_OF_SCOPE)
    # A script may use as an intent what the list holds as small talk ('hold on a second'): the script wins.
    unlike = (out_of_scope @ embeddings.T).max(axis=1, initial=-1.0) < DUPLICATE_COSINE
    if not unlike.any():
        raise ValueError("no out-of-scope sentence differs from the examples")
    small_talk = out_of_scope[unlike]
    labels = np.array([classes.index(name) for name in intents] + [len(classes) - 1] * len(small_talk))
    vectors = np.concatenate([embeddings, small_talk])
    head = _fit(classes, vectors, labels)
    temperature = _temperature(*_unseen_scores(classes, vectors, labels))
    return IntentHead(head.classes, head.weights, head.bias, head.examples, head.labels, temperature)


def _fit(classes: tuple[str, ...], vectors: Embeddings, labels: NDArray[np.intp]) -> IntentHead:
    # Imported here: it takes a second, and who only applies a head does not need it.
    from sklearn.linear_model import LogisticRegression

    centre = vectors.mean(axis=0)
    regression = LogisticRegression(C=INVERSE_REGULARISATION, class_weight="balanced", max_iter=1000)
    regression.fit(vectors - centre, labels)
    weights, bias = regression.coef_, regression.intercept_
    if len(classes) == 2:  # scikit-learn keeps one row for two classes.
        weights, bias = np.vstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return IntentHead(classes, weights, bias - weights @ centre, vectors, labels)


def _unseen_scores(
    classes: tuple[str, ...], vectors: Embeddings, labels: NDArray[np.intp]
) -> tuple[Scores, NDArray[np.intp]]:
    """Cross-validated scores and their labels. An intent's only example is never left out."""
    fold = np.zeros(len(labels), dtype=int)
    for label in range(len(classes)):
        own = np.flatnonzero(labels == label)
        fold[own] = np.arange(len(own)) % FOLDS if len(own) > 1 else -1
    held_out = [np.flatnonzero(fold == number) for number in range(FOLDS)]
    scores = []
    for number, unseen in enumerate(held_out):
        seen = fold != number
        scores.append(_fit(classes, vectors[seen], labels[seen]).scores(vectors[unseen]))
    order = np.concatenate(held_out)
    return np.concatenate(scores), labels[order]


def _temperature(scores: Scores, labels: NDArray[np.intp]) -> float:
    """The one that makes the labels most likely, intents counted equally. Searched on a grid: the likelihood
    has one maximum and three digits would be false precision."""
    weight = 1.0 / np.bincount(labels)[labels]
    candidates = np.geomspace(0.3, 10.0, 60)

    def loss(temperature: float) -> float:
        logs = _log_softmax(scores / temperature)[np.arange(len(labels)), labels]
        return float(-(weight * logs).sum())

    return float(min(candidates, key=loss))


def _log_softmax(scores: Scores) -> Scores:
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
