"""A script's nodes as a graph: what leads where, and what is known on the way."""

from collections.abc import Iterator

from dialogs.script.format import Script

Place = tuple[str | int, ...]
"""Keys from the top of the script to one of its parts."""


def jumps(script: Script) -> Iterator[tuple[Place, str]]:
    """Every name of a node that the script goes to, with its place."""
    yield ("start",), script.start
    yield ("no_match", "goto"), script.no_match.goto
    yield ("silence", "goto"), script.silence.goto
    if script.model:
        yield ("model", "end"), script.model.end
    for intent, move in script.global_intents.items():
        if move.goto:
            yield ("global_intents", intent), move.goto
    for name in script.nodes:
        yield from _jumps_from(script, name)


def reachable(script: Script) -> frozenset[str]:
    """The nodes that a call can get to."""
    seen: set[str] = set()
    waiting = _anywhere(script) | {script.start}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting |= {target for _, target in _jumps_from(script, name)} - seen
    return frozenset(seen)


def known_slots(script: Script) -> dict[str, frozenset[str]]:
    """For each reachable node, the slots that hold a value whichever way the call came there."""
    entries = _anywhere(script) | {script.start}
    known = {name: frozenset(script.slots) for name in reachable(script)}
    known |= {name: frozenset[str]() for name in entries}
    changed = True
    while changed:
        changed = False
        for name, slots in list(known.items()):
            capture = script.nodes[name].capture
            for place, target in _jumps_from(script, name):
                captured = {capture.slot} if capture and place[2] == "capture" else set()
                fewer = known[target] & (slots | captured)
                if fewer != known[target]:
                    known[target], changed = fewer, True
    return known


def _anywhere(script: Script) -> set[str]:
    ways = {move.goto for move in script.global_intents.values() if move.goto}
    ends = {script.model.end} if script.model else set()
    return ways | ends | {script.no_match.goto, script.silence.goto}


def _jumps_from(script: Script, name: str) -> Iterator[tuple[Place, str]]:
    node = script.nodes[name]
    for intent, move in node.on.items():
        if move.goto:
            yield ("nodes", name, "on", intent), move.goto
    if node.capture:
        yield ("nodes", name, "capture", "goto"), node.capture.goto
    for key, rule in (("no_match", node.no_match), ("silence", node.silence)):
        if rule:
            yield ("nodes", name, key, "goto"), rule.goto
