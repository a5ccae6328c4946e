"""The language runtime that Python functions share: their files come as data and are imported when a sandbox starts.

`def handler(event, context)` runs as AWS Lambda runs it. What a handler raises becomes a fault of the exception's name,
with the file and line of the function that raised it; the traceback goes to the function's log.
"""

import contextlib
import decimal
import importlib
import importlib.abc
import importlib.util
import json
import logging
import os
import sys
import traceback

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import bundle, invocation
from wit_world.imports.types import Fault

import asking
import event_loop
import threads
import shardmill  # noqa: F401  with what its handlers are made of
from lambda_event import event_of

asking.install()
event_loop.install()
threads.install()

# A sandbox has no files of the standard library: what a handler may import is what is there when the snapshot is taken. Left out
# is what needs processes, terminals, sockets or a compiler of its own.
for _name in """
    abc argparse array ast asyncio base64 binascii bisect calendar cmath codecs collections collections.abc colorsys
    concurrent.futures configparser contextlib contextvars copy csv dataclasses datetime decimal difflib email.message email.mime.multipart
    email.mime.text email.utils enum errno fnmatch fractions functools getopt glob graphlib gzip hashlib heapq hmac html html.parser http
    http.client http.cookies inspect io ipaddress itertools keyword linecache locale logging.handlers math mimetypes numbers operator
    pathlib pickle platform pprint queue quopri random re reprlib sched secrets shlex shutil signal sqlite3 stat statistics string
    stringprep struct tarfile tempfile textwrap threading time timeit tomllib types typing unicodedata urllib.error
    urllib.parse urllib.request uuid warnings weakref xml.dom.minidom xml.etree.ElementTree zipfile zlib zoneinfo
""".split():
    importlib.import_module(_name)
# Handlers import these at their top whether they use them or not. What of them this interpreter lacks is told when it is imported.
for _name in """
    bz2 email.header email.mime.application email.mime.base email.parser email.policy gc getpass http.cookiejar importlib.metadata
    importlib.resources logging.config lzma multiprocessing pkgutil plistlib select selectors socket ssl subprocess tokenize unittest
    unittest.mock xml.sax
""".split():
    with contextlib.suppress(ImportError):
        importlib.import_module(_name)

_PREFIX = "/function/"
_handler = None


class _Files(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports modules from the files of the bundle."""

    def __init__(self, files):
        self.files = {file.path: file.bytes for file in files}

    def go_first(self):
        """As in Lambda, `secrets.py` of a function is found before the module of that name that is there already."""
        sys.meta_path.insert(0, self)
        own = {path.split("/")[0].removesuffix(".py") for path in self.files} - {"shardmill"}
        for name in [name for name in sys.modules if name.split(".")[0] in own]:
            del sys.modules[name]

    def _path(self, name):
        base = name.replace(".", "/")
        return next((path for path in (base + "/__init__.py", base + ".py") if path in self.files), None)

    def find_spec(self, name, path=None, target=None):
        found = self._path(name)
        if found is None:
            below = name.replace(".", "/") + "/"
            if any(path.startswith(below) for path in self.files):
                spec = importlib.util.spec_from_loader(name, None, is_package=True)
                return spec
            return None
        return importlib.util.spec_from_loader(
            name, self, origin=_PREFIX + found, is_package=found.endswith("/__init__.py")
        )

    def get_source(self, name):
        return self.files[self._path(name)].decode()

    def is_package(self, name):
        return self._path(name).endswith("/__init__.py")

    def exec_module(self, module):
        path = self._path(module.__name__)
        module.__file__ = _PREFIX + path
        exec(compile(self.files[path], _PREFIX + path, "exec"), module.__dict__)

    def get_data(self, path):
        return self.files[path.removeprefix(_PREFIX)]


class Context:
    """The context of AWS Lambda."""

    def __init__(self):
        self.function_name = invocation.function_name()
        self.function_version = invocation.version()
        self.aws_request_id = invocation.request_id()
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = f"[{self.function_version}]"
        self.identity = None
        self.client_context = None
        self.trace_parent = invocation.trace_parent()

    def get_remaining_time_in_millis(self):
        return invocation.remaining_ms()


def _load():
    """The handler that the bundle's entry names: `app.py:handler`, `pkg/app.py:main`."""
    os.environ.update(bundle.environment())
    os.environ.setdefault("AWS_LAMBDA_FUNCTION_NAME", invocation.function_name())
    os.environ.setdefault("AWS_LAMBDA_FUNCTION_VERSION", invocation.version())
    os.environ.setdefault("AWS_REGION", "us-east-1")
    # As Lambda has it: the root logger shows warnings, and what a handler sets itself.
    logging.basicConfig(format="[%(levelname)s] %(message)s", stream=sys.stdout)
    files = _Files(bundle.files())
    files.go_first()
    path, name = bundle.entry().rsplit(":", 1)
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    if not hasattr(module, name):
        raise AttributeError(f"{path} has no function `{name}`")
    return getattr(module, name)


def _hint(error):
    """What to do about an error that only a sandbox has."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = error.name.split(".")[0]
        if name in ("boto3", "botocore", "aiobotocore"):
            return (
                ": Lambda brings AWS's SDK along and a sandbox has none, shardmill.emit puts records to streams and "
                "urllib.request asks servers that `network` grants"
            )
        if name in sys.stdlib_module_names:
            return ": it needs processes, sockets or libraries of the system, which a sandbox does not have"
        return ": name its package in requirements.txt beside the handler, it must be Python all through"
    if isinstance(error, OSError) and str(error.filename).startswith("/tmp") and not os.path.isdir("/tmp"):
        return ": grant the function `scratch: 64MiB` in triggers.yaml"
    return ""


def _fault(error):
    """Says where it happened in the files of the function, and forgets the runtime's own."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(_PREFIX)]
    message = str(error) + _hint(error)
    if isinstance(error, SyntaxError) and str(error.filename).startswith(_PREFIX):
        message = f"{error.msg} ({error.filename.removeprefix(_PREFIX)} line {error.lineno})"
    elif own:
        last = own[-1]
        message += f" ({last.filename.removeprefix(_PREFIX)} line {last.lineno} in {last.name})"
    if own:
        said = "".join(traceback.format_list(own)).rstrip().replace(_PREFIX, "")
        print("Traceback (most recent call last):", said, sep="\n", file=sys.stderr)
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    return Err(Fault(type(error).__name__, message, None))


def _answered(event):
    global _handler
    try:
        if _handler is None:
            _handler = _load()
        return json.dumps(_handler(event(), Context()), default=_no_json)
    except (Exception, SystemExit) as error:
        raise _fault(error) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


class TextHandler(exports.TextHandler):
    def handle(self, event):
        return _answered(lambda: json.loads(event))

    def handle_records(self, columns):
        return _answered(lambda: event_of(columns))


def _no_json(value):
    if isinstance(value, decimal.Decimal):
        return float(value)  # as in Lambda
    raise TypeError(f"the answer of the handler holds a {type(value).__name__}, which JSON cannot hold")
