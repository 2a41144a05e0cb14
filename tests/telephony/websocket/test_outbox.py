"""What waits while the peer does not read, and what of it can be dropped."""

import asyncio

import pytest

from telephony.websocket.codec import Message
from telephony.websocket.outbox import Outbox, OutboxFull


def test_messages_go_at_once_and_in_order_after_what_had_to_wait() -> None:
    sent: list[Message] = []
    outbox = Outbox()
    outbox.put(("first",))
    outbox.connect(sent.append)
    outbox.put((b"audio",), audio=True)
    assert sent == ["first", b"audio"]
    outbox.pause()
    outbox.put((b"late",), audio=True)
    outbox.put(("clear",))
    assert sent == ["first", b"audio"]
    outbox.resume()
    assert sent[2:] == [b"late", "clear"]


def test_audio_that_waits_is_dropped_and_control_is_not() -> None:
    sent: list[Message] = []
    outbox = Outbox()
    outbox.connect(sent.append)
    outbox.pause()
    outbox.put((b"1", b"2"), audio=True)
    outbox.put(("mark",))
    outbox.drop_audio()
    outbox.resume()
    assert sent == ["mark"]


def test_a_peer_that_takes_a_little_at_a_time_gets_no_more_than_that() -> None:
    sent: list[Message] = []
    outbox = Outbox()

    def send(message: Message) -> None:
        sent.append(message)
        outbox.pause()

    outbox.connect(send)
    outbox.put(("1",))
    outbox.put(("2",))
    outbox.put(("3",))
    assert sent == ["1"]
    outbox.resume()
    assert sent == ["1", "2"]


def test_a_peer_that_takes_nothing_is_full_after_500_messages() -> None:
    outbox = Outbox()
    outbox.put(tuple(b"x" for _ in range(500)))
    with pytest.raises(OutboxFull):
        outbox.put((b"one too many",))


async def test_drained_waits_for_the_last_message_or_the_end_of_the_connection() -> None:
    outbox = Outbox()
    await asyncio.wait_for(outbox.drained(), 1)
    for peer_comes in (True, False):
        outbox.disconnect()
        outbox.put(("waits",))
        waiting = asyncio.create_task(outbox.drained())
        await asyncio.sleep(0)
        assert not waiting.done()
        if peer_comes:
            outbox.connect(lambda message: None)
        else:
            outbox.disconnect()
        await asyncio.wait_for(waiting, 1)
