"""Keeps during a call, beside it, what must not be lost with this process."""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime
from typing import Protocol

logger = logging.getLogger(__name__)


class CallJournal(Protocol):
    """Where it is kept."""

    async def answered(self, leg_id: str, ringing_at: datetime | None, answered_at: datetime) -> None:
        """The far end took the call."""

    async def opted_out(self) -> None:
        """The callee asked never to be called again."""


class JournalWriter:
    """Writes one call's journal in tasks of `group`; without a journal it does nothing."""

    def __init__(self, group: asyncio.TaskGroup, journal: CallJournal | None) -> None:
        self._group = group
        self._journal = journal
        self._opt_out_kept = False

    def answered(self, leg_id: str, ringing_at: datetime | None, answered_at: datetime) -> None:
        """The far end took the call."""
        if self._journal:
            self._write(self._journal.answered(leg_id, ringing_at, answered_at))

    def keep_opt_out(self) -> None:
        """The callee asked never to be called again; kept once, at once: whatever happens to us."""
        if self._journal and not self._opt_out_kept:
            self._opt_out_kept = True
            self._write(self._journal.opted_out())

    def _write(self, writing: Awaitable[None]) -> None:
        self._group.create_task(self._written(writing), name="journal")

    async def _written(self, writing: Awaitable[None]) -> None:
        try:
            await writing
        except Exception:
            # The call goes on; its end is written or spooled all the same.
            logger.exception("the journal could not be written")
