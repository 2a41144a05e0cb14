"""How an utterance is written before it is compared: the same for what is heard and for the examples."""

import re

MAX_CHARACTERS = 240
"""The embedder needs about 1 ms a word; of a longer monologue its end is taken, where the request comes."""

_NOT_WORDS = re.compile(r"[^\w\s']|_")
_LEADING_FILLERS = re.compile(
    r"^(?:(?:u+m+|u+h+|erm?|a+h+|o+h+|h+m+|well|so|like|sorry|hello|hi|hey)\s+(?!huh\b)|[嗯呃额啊哦喂哎]+\s*)+(?=\S)"
)


def normalise(text: str) -> str:
    """Lower case, no punctuation, no fillers in front ('um, well, yes' -> 'yes'); fillers alone stay."""
    words = " ".join(_NOT_WORDS.sub(" ", text[-MAX_CHARACTERS:].lower().replace("\u2019", "'")).split())
    return _LEADING_FILLERS.sub("", words)
