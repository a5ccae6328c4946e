"""What a handler may ask of Shardmill, beyond what AWS Lambda has: outputs, durable values, and handlers over records.

    import shardmill

    def handler(event, context):
        for index, record in enumerate(shardmill.records(event)):
            shardmill.emit("default", record.key, record.data, source=index)

or, one record at a time, with what fails decided for each:

    from shardmill import each, DeadLetter

    @each
    def handler(flight: dict, ctx):
        return flight if (flight.get("dep_delay") or 0) > 30 else None

Outputs and values appear together with the checkpoint of the batch, or not at all.
"""

from .handlers import DeadLetter, Outputs, Park, Retry, batch, each, keyed
from .host import Record, Refused, delete, emit, get, put, records

__all__ = [
    "DeadLetter", "Outputs", "Park", "Record", "Refused", "Retry",
    "batch", "delete", "each", "emit", "get", "keyed", "put", "records",
]  # fmt: skip
