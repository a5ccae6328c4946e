"""The time zones of the world for `zoneinfo`: a sandbox has no files of them, so they are read when the snapshot is taken."""

import io
import os
import zoneinfo
from zoneinfo import _common


def _read(package):
    root = os.path.join(os.path.dirname(package.__file__), "zoneinfo")
    with open(os.path.join(root, "..", "zones")) as names:
        keys = names.read().split()
    known = {}
    for key in keys:
        with open(os.path.join(root, key), "rb") as file:
            known[key] = file.read()
    return known


def install():
    import tzdata

    known = _read(tzdata)

    def load(key):
        if key not in known:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
        return io.BytesIO(known[key])

    _common.load_tzdata = load
    zoneinfo.available_timezones = lambda: set(known)
