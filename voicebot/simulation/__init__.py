"""People to call: personas that answer, talk, interrupt and hang up, over real SIP in their own process."""

from pathlib import Path

DEMO = Path(__file__).parent / "demo"
"""Contact list and do-not-call list of the demo campaign."""
