"""asyncio where there are no sockets: its loop runs what is ready and sleeps until the next timer. Where nothing is left that could
wake anybody, what is waited for never comes, which is an error and not a timeout.
"""

import asyncio
import asyncio.base_events
import time


class NeverSettled(RuntimeError):
    """What was awaited cannot come any more."""


class _Timers:
    def select(self, timeout):
        if timeout is None:
            raise NeverSettled("what the handler awaits never comes: nothing is left that it could wait for")
        if timeout > 0:
            time.sleep(timeout)
        return []

    def get_map(self):
        return {}

    def close(self):
        """There is nothing open."""


class _Loop(asyncio.base_events.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = _Timers()

    def _process_events(self, event_list):
        """There are none but timers."""

    def _write_to_self(self):
        """There is no other thread that could have to wake it."""


_own = None


def _current():
    """Handlers ask for a loop before there is one; it was made for them until Python 3.14."""
    global _own
    running = asyncio.events._get_running_loop()
    if running is not None:
        return running
    if _own is None or _own.is_closed():
        _own = _Loop()
    return _own


def install():
    asyncio.new_event_loop = asyncio.events.new_event_loop = _Loop
    asyncio.get_event_loop = asyncio.events.get_event_loop = _current
