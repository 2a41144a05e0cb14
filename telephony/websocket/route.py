"""What a request to the bridge's server is after. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

_PATH = re.compile(
    r"(?:/[A-Za-z0-9._~-]{1,64}){0,8}/(?P<name>media|answer|status)(?:/(?P<token>[\w-]{16,64}))?"
)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
_LONGEST = 4_096
_MOST_FIELDS = 64


@dataclass(frozen=True, slots=True)
class Route:
    """`name` is media, answer or status; `tail` is what follows the public address."""

    name: str
    token: str
    tail: str
    query: Mapping[str, str]


def parse_route(target: str) -> Route | None:
    """Read `/media/TOKEN` or `/media?token=TOKEN`, behind any prefix of a proxy; None for all else."""
    if len(target) > _LONGEST:
        return None
    path, mark, query_text = target.partition("?")
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    try:
        query = dict(parse_qsl(query_text, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return None
    token = found["token"] or query.get("token", "")
    if not _TOKEN.fullmatch(token):
        return None
    tail = path[found.start("name") - 1 :] + mark + query_text
    return Route(found["name"], token, tail, query)
