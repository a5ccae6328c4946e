"""Clients of HTTP over what `network` grants: `http.client`, and so `urllib.request`, and packages that connect by themselves, such as urllib3.

A connection is a buffer: what is written to it is one request, which the host asks as a whole, and what is read from it is the
answer, written down again for `http.client` to read.
"""

import errno
import io
import socket
import sys

import secure

# The interpreter has none, and what is imported below looks for it.
sys.modules["ssl"] = secure

import http.client  # noqa: E402

from componentize_py_types import Err  # noqa: E402
from wit_world.imports import network  # noqa: E402


class Connection:
    """A socket as far as clients of HTTP use one."""

    def __init__(self, family=socket.AF_INET, type=socket.SOCK_STREAM, proto=0, fileno=None):
        self.family, self.type, self.proto = family, type, proto
        self.scheme, self.host, self.port = "http", None, None
        self.written = bytearray()
        self.answer = io.BytesIO()
        self.timeout = None

    def connect(self, address):
        """Nobody is asked before there is something to ask."""
        if self.type != socket.SOCK_STREAM:
            raise OSError(errno.EAFNOSUPPORT, "a sandbox has no sockets but those of HTTP")
        self.host, self.port = address[:2]

    def connect_ex(self, address):
        self.connect(address)
        return 0

    def secure(self, name):
        """From here on it is HTTPS, with a server of that name."""
        self.scheme, self.host = "https", name or self.host

    def sendall(self, data, *_):
        """Asks once the request is whole, so that what goes wrong does so where a connection would."""
        self.written += data
        request = self._whole()
        if request:
            self.written.clear()
            self.answer = io.BytesIO(_asked(request))

    def send(self, data, *_):
        self.sendall(data)
        return len(data)

    def recv(self, size, *_):
        return self.answer.read(size)

    def recv_into(self, buffer, size=0, *_):
        return self.answer.readinto(memoryview(buffer)[: size or None])

    def settimeout(self, seconds):
        """The function's own timeout holds."""
        self.timeout = seconds

    def gettimeout(self):
        return self.timeout

    def setblocking(self, _):
        """Whoever asks waits."""

    def setsockopt(self, *_):
        """There is nothing to set."""

    def getsockopt(self, *_):
        return 0

    def getpeername(self):
        return (self.host, self.port)

    def getsockname(self):
        return ("127.0.0.1", 0)

    def getpeercert(self, binary_form=False):
        return b"" if binary_form else {"subjectAltName": (("DNS", self.host),)}

    def selected_alpn_protocol(self):
        return None

    def version(self):
        return "TLSv1.3"

    def shutdown(self, _):
        self.written.clear()

    def close(self):
        self.written.clear()

    def fileno(self):
        return -1

    def makefile(self, mode="r", *_, **__):
        return self.answer if "b" in mode else io.TextIOWrapper(self.answer)

    def bind(self, _):
        raise OSError(errno.EADDRNOTAVAIL, "nothing listens in a sandbox")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def origin(self):
        return f"{self.scheme}://[{self.host}]:{self.port}" if ":" in self.host else f"{self.scheme}://{self.host}:{self.port}"

    def _whole(self):
        head, end, body = bytes(self.written).partition(b"\r\n\r\n")
        if not end:
            return None
        line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ", 2)
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        known = {name.lower(): value for name, value in headers}
        if "transfer-encoding" in known:
            body = _joined(body)
            if body is None:
                return None
        elif len(body) < int(known.get("content-length", 0)):
            return None
        return network.Request(method, self.origin + target, headers, body)


def _joined(body):
    """The parts of a body that is written in chunks, once the last is there, which is empty."""
    parts = []
    while True:
        size, end, body = body.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16) if end else None
        if length is None or len(body) < length + 2:
            return None
        if length == 0:
            return b"".join(parts)
        parts.append(body[:length])
        body = body[length + 2 :]


def _asked(request):
    try:
        answer = network.ask(request)
    except Err as error:
        raise ConnectionError(f"{error.value}, {request.method} {request.url}") from None
    lines = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, '')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers if name not in ("transfer-encoding", "content-length", "connection")]
    known = [value for name, value in answer.headers if name == "content-length"]
    length = known[0] if request.method == "HEAD" and known else len(answer.body)
    lines += [f"content-length: {length}", "connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + answer.body


def _connect(connection):
    connection.sock = Connection()
    connection.sock.connect((connection.host, connection.port))
    if isinstance(connection, _Secure):
        connection.sock.secure(connection.host)


def _addresses(host, port, family=0, type=0, proto=0, flags=0):
    """A name stays one: the host looks it up, and checks where it leads."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host or "localhost", int(port or 0)))]


def _connected(address, timeout=None, source_address=None, **_):
    made = Connection()
    made.connect(address)
    return made


class _Secure(http.client.HTTPConnection):
    """The host sees to TLS, and to who is at the other end."""

    default_port = http.client.HTTPS_PORT

    def __init__(self, *arguments, context=None, **named):
        super().__init__(*arguments, **named)


def _no_context(*_):
    return None


def install():
    """Before `urllib.request` is imported, which looks for what is there."""
    http.client.HTTPConnection.connect = _connect
    http.client.HTTPSConnection = _Secure
    http.client._create_https_context = _no_context
    # What packages connect by themselves.
    socket.socket, socket.create_connection, socket.getaddrinfo = Connection, _connected, _addresses
