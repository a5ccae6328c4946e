"""`http.client`, and so `urllib.request`, over what `network` grants.

A connection is a buffer: what is written to it is one request, which the host asks as a whole, and what is read from it is the
answer, written down again for `http.client` to read.
"""

import http.client
import io

from componentize_py_types import Err
from wit_world.imports import network


class _Exchange:
    def __init__(self, scheme, host, port):
        self.origin = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        self.written = bytearray()
        self.answer = b""

    def sendall(self, data):
        """Asks once the request is whole, so that what goes wrong does so where a connection would."""
        self.written += data
        request = self._whole()
        if request:
            self.written.clear()
            self.answer = _asked(request)

    def settimeout(self, seconds):
        """The function's own timeout holds."""

    def setsockopt(self, *_):
        """There is nothing to set."""

    def close(self):
        self.written.clear()

    def makefile(self, mode, *_):
        return io.BytesIO(self.answer)

    def _whole(self):
        head, end, body = bytes(self.written).partition(b"\r\n\r\n")
        if not end:
            return None
        line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ", 2)
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        known = {name.lower(): value for name, value in headers}
        if "transfer-encoding" in known:
            if not body.endswith(b"0\r\n\r\n"):
                return None
            body = _joined(body)
        elif len(body) < int(known.get("content-length", 0)):
            return None
        return network.Request(method, self.origin + target, headers, body)


def _joined(body):
    """The parts of a body that is written in chunks."""
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        parts.append(body[:length])
        body = body[length + 2 :]
    return b"".join(parts)


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
    scheme = "https" if isinstance(connection, _Secure) else "http"
    connection.sock = _Exchange(scheme, connection.host, connection.port)


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
