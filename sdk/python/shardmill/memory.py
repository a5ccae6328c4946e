"""The host where there is none: outputs and values are kept in memory for the bench that runs a handler."""


class Err(Exception):
    def __init__(self, value):
        super().__init__(value)
        self.value = value


class _Refusal:
    def __init__(self, message):
        self.message = message


class Memory:
    """What one invocation sees, and what it did."""

    def __init__(self, keys=(), values=None, outputs=None):
        self.keys = list(keys)
        self.values = {} if values is None else values
        self.granted = outputs
        # Output, packed record.
        self.emitted = []
        # Record, name, value or None.
        self.written = []

    def emit(self, output, chunk):
        if self.granted is not None and output not in self.granted:
            raise Err(_Refusal(f"output `{output}` is not among those of the bench"))
        self.emitted.append((output, chunk))

    def get(self, source, name):
        for other, written, value in reversed(self.written):
            if self.keys[other] == self.keys[source] and written == name:
                return value
        return self.values.get((self.keys[source], name))

    def set(self, source, name, value):
        self.written.append((source, name, value))

    def delete(self, source, name):
        self.written.append((source, name, None))


class _Current:
    """Stands for the memory of the invocation that runs."""

    memory = None

    def __getattr__(self, name):
        if _Current.memory is None:
            message = "there is no host here: run the handler with `shardmill.testing.Bench`"
            raise RuntimeError(message)
        return getattr(_Current.memory, name)


host = state = _Current()


def become(memory):
    _Current.memory = memory
