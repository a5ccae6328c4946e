"""The language runtime that Python functions share: their files come as data and are imported when a sandbox starts.

`def handler(event, context)` runs as AWS Lambda runs it. What a handler raises becomes a fault of the exception's name,
with the file and line of the function that raised it; the traceback goes to the function's log.
"""

import _imp
import contextlib
import decimal
import gc
import importlib
import json
import logging
import os
import sys
import traceback

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import bundle, host, invocation
from wit_world.imports.types import Fault

import asking
import event_loop
import library
import threads
import zones
import shardmill  # noqa: F401  with what its handlers are made of
from lambda_event import event_of

asking.install()
event_loop.install()
threads.install()
zones.install()

# Whoever ends an invocation, and with which number, is told as for `sys.exit`.
os._exit = sys.exit

library.take()
# What is in the snapshot stays: who looks through it for garbage would copy it into each sandbox.
gc.collect()
gc.freeze()

_ROOT = "/var/task"
_PREFIX = _ROOT + "/"
_handler = None


def _own_files():
    """The files of the bundle lie in a folder that is read as on Lambda: what is imported from there is found first."""
    sys.dont_write_bytecode = True
    sys.path[:] = [_ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(":"))]
    sys.path_importer_cache.clear()
    with contextlib.suppress(OSError):
        os.chdir(_ROOT)
    # `secrets.py` of a function takes the place of the module of that name that is there already.
    is_code = lambda name: name.endswith(".py") or os.path.isfile(f"{_ROOT}/{name}/__init__.py")  # noqa: E731
    own = {name.removesuffix(".py") for name in os.listdir(_ROOT) if is_code(name)} - {"shardmill"}
    own &= sys.modules.keys()
    for name in list(sys.modules) if own else ():
        top = name.split(".")[0]
        if top in own and top not in sys.builtin_module_names and not _imp.is_frozen(top):
            del sys.modules[name]


class _Members:
    """Members that are None unless they are told."""

    def __init__(self, names, told=None):
        for name in names.split():
            setattr(self, name, (told or {}).get(name))


def _client_context():
    said = invocation.client_context()
    told = json.loads(said) if said else None
    if not isinstance(told, dict):
        return None
    context = _Members("custom env client", told)
    if context.client is not None:
        context.client = _Members("installation_id app_title app_version_name app_version_code app_package_name", context.client)
    return context


class Context:
    """The context of AWS Lambda."""

    def __init__(self):
        self.function_name = invocation.function_name()
        self.function_version = invocation.version()
        self.aws_request_id = invocation.request_id()
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.invoked_function_arn = invocation.invoked_function_arn()
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = _Members("cognito_identity_id cognito_identity_pool_id")
        self.client_context = _client_context()
        self.trace_parent = invocation.trace_parent()

    def get_remaining_time_in_millis(self):
        return invocation.remaining_ms()


def _load():
    """The handler that the bundle's entry names: `app.py:handler`, `pkg/app.py:main`."""
    os.environ.update(bundle.environment())
    # As Lambda has it: the root logger shows warnings, and what a handler sets itself.
    logging.basicConfig(format="[%(levelname)s] %(message)s", stream=sys.stdout)
    _own_files()
    path, name = bundle.entry().rsplit(":", 1)
    module_name = path.removesuffix(".py")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise _OfRuntime("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}{_hint(error)}") from error
    except SyntaxError as error:
        shown = f"{error.msg} ({str(error.filename).removeprefix(_PREFIX)}, line {error.lineno})"
        raise _OfRuntime("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {shown}") from error
    if not hasattr(module, name):
        raise _OfRuntime("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'")
    return getattr(module, name)


class _OfRuntime(Exception):
    """What Lambda's runtime says itself of a function that cannot be loaded."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def _hint(error):
    """What to do about an error that only a sandbox has."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = error.name.split(".")[0]
        if name in ("boto3", "botocore", "aiobotocore"):
            return (
                ": Lambda brings AWS's SDK along and a sandbox has none, name it in requirements.txt beside the handler to pack it; "
                "shardmill.emit puts records to streams without it"
            )
        if name in sys.stdlib_module_names:
            return ": it needs processes, sockets or libraries of the system, which a sandbox does not have"
        return ": name its package in requirements.txt beside the handler, it must be Python all through"
    # `mkdir(parents=True)` looks for the folders above, and fails at the last.
    is_of_files = isinstance(error, OSError) and (error.filename == "/" or str(error.filename).startswith("/tmp"))
    if is_of_files and not os.path.isdir("/tmp"):
        return ": grant the function `scratch: 64MiB` in triggers.yaml"
    return ""


def _exit_code(error):
    """Of `sys.exit`, as the interpreter has it: what is no number is printed."""
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    print(error.code, file=sys.stderr)
    return 1


def _told(error):
    """Its kind, its message, and the error whose places count."""
    if isinstance(error, _OfRuntime):
        return error.kind, str(error), error.__cause__ or error
    return type(error).__name__, str(error) + _hint(error), error


def _fault(error):
    """Says where it happened in the files of the function, and forgets the runtime's own."""
    kind, message, error = _told(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(_PREFIX)]
    is_exit = isinstance(error, SystemExit)
    if is_exit:
        kind, message = "ExitError", f"the handler ended itself with exit code {_exit_code(error)}"
    else:
        document = {"errorMessage": message, "errorType": kind, "requestId": invocation.request_id(), "stackTrace": traceback.format_list(own)}
        host.error_document(json.dumps(document))
    if own:
        last = own[-1]
        message += f" ({last.filename.removeprefix(_PREFIX)} line {last.lineno} in {last.name})"
    if own and not is_exit:
        said = "".join(traceback.format_list(own)).rstrip().replace(_PREFIX, "")
        print("Traceback (most recent call last):", said, sep="\n", file=sys.stderr)
    if not is_exit:
        print(f"{kind}: {message if kind.startswith('Runtime.') else error}", file=sys.stderr)
    return Err(Fault(kind, message, None))


def _answered(event):
    global _handler
    try:
        if _handler is None:
            _handler = _load()
        return _marshalled(_handler(event(), Context()))
    except BaseException as error:
        raise _fault(error) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


class TextHandler(exports.TextHandler):
    def handle(self, event):
        return _answered(lambda: json.loads(event))

    def handle_records(self, columns):
        return _answered(lambda: event_of(columns))


def _marshalled(answer):
    try:
        return json.dumps(answer, default=_no_json)
    except (TypeError, ValueError) as error:
        raise _OfRuntime("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _no_json(value):
    if isinstance(value, decimal.Decimal):
        return float(value)  # as in Lambda
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
