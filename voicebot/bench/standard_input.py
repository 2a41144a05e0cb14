"""How a process of a benchmark is told things: line by line, while its event loop goes on."""

import asyncio
import sys


async def standard_input() -> asyncio.StreamReader:
    """Standard input, to be read without blocking. Call it once in a process."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader
