"""The standard library, imported while there are files of it: a sandbox has what is there when the snapshot is taken.

Handlers import modules whether they use them or not, and modules import others when they are first called (`strptime`, codecs by
their names). So everything is there that can be imported without processes, terminals, compilers or libraries of the system.
"""

import contextlib
import hashlib
import hmac
import importlib
import pkgutil
import sys

# What opens windows, prints poems, serves other systems, is about this interpreter's own code, or is a program.
_LEFT_OUT = set(
    """
    __main__ antigravity cProfile compileall ctypes curses ensurepip fcntl grp idlelib lib2to3 modulefinder msvcrt nt pdb pip profile pstats
    pty pwd py_compile pyclbr pydoc pydoc_data readline resource rlcompleter syslog tabnanny termios this tkinter trace tty turtle turtledemo venv
    webbrowser winreg winsound zipapp _aix_support _android_support _apple_support _ios_support _osx_support _pyrepl _sysconfigdata nturl2path
    """.split()
)
_WITH_PARTS = """
    asyncio collections concurrent concurrent.futures dbm email email.mime encodings html http importlib importlib.metadata importlib.resources json
    logging multiprocessing sqlite3 sysconfig tomllib unittest urllib wsgiref xml xml.dom xml.etree xml.parsers xml.sax xmlrpc zipfile zoneinfo
""".split()
# Of packages: what runs by being imported, and what is of other systems.
_PARTS_LEFT_OUT = {"__main__", "tests", "windows_events", "windows_utils", "unix_events", "mbcs", "oem", "popen_spawn_win32", "popen_fork", "popen_forkserver"}


def _there(name):
    # Whatever it is that a module lacks here is told when a handler imports it.
    with contextlib.suppress(Exception):
        importlib.import_module(name)


def _pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    """As OpenSSL has it, of which there is none: slower, a round takes some microseconds."""
    keyed = hmac.new(bytes(password), digestmod=hash_name)
    wanted = keyed.digest_size if dklen is None else dklen
    if iterations < 1 or wanted < 1:
        raise ValueError(f"{'iteration value' if iterations < 1 else 'key length'} must be greater than 0.")

    def mixed(data):
        one = keyed.copy()
        one.update(data)
        return one.digest()

    derived = b""
    while len(derived) < wanted:
        last = mixed(bytes(salt) + (len(derived) // keyed.digest_size + 1).to_bytes(4))
        total = int.from_bytes(last)
        for _ in range(iterations - 1):
            last = mixed(last)
            total ^= int.from_bytes(last)
        derived += total.to_bytes(keyed.digest_size)
    return derived[:wanted]


def take():
    if not hasattr(hashlib, "pbkdf2_hmac"):
        hashlib.pbkdf2_hmac = _pbkdf2_hmac
    for name in sorted(sys.stdlib_module_names - _LEFT_OUT):
        _there(name)
    for package in _WITH_PARTS:
        for part in pkgutil.iter_modules(getattr(sys.modules.get(package), "__path__", [])):
            if part.name not in _PARTS_LEFT_OUT:
                _there(f"{package}.{part.name}")
