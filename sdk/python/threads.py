"""Threads where there is one: each runs whole when it is started, so that handlers that hand their records to a pool answer as they do
elsewhere, one record after the other. A thread that waits for what is done after its start waits until the function's timeout.
"""

import concurrent.futures
import sys
import threading
import types


class ThreadPoolExecutor(concurrent.futures.Executor):
    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=()):
        self._is_shut = False
        if initializer is not None:
            initializer(*initargs)

    def submit(self, fn, /, *args, **kwargs):
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._is_shut = True


def _start(thread):
    if thread._started.is_set():
        raise RuntimeError("threads can only be started once")
    thread._started.set()
    try:
        thread.run()
    except Exception:
        threading.excepthook(threading.ExceptHookArgs([*sys.exc_info(), thread]))


def _join(thread, timeout=None):
    if not thread._started.is_set():
        raise RuntimeError("cannot join thread before it is started")


def install():
    module = types.ModuleType("concurrent.futures.thread")
    module.ThreadPoolExecutor = ThreadPoolExecutor
    sys.modules[module.__name__] = module
    concurrent.futures.thread = module
    concurrent.futures.ThreadPoolExecutor = ThreadPoolExecutor
    threading.Thread.start = _start
    threading.Thread.join = _join
    threading.Thread.is_alive = lambda thread: False
