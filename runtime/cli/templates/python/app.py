"""Flights that left late: one record in, perhaps one out, under the same key. A handler of AWS Lambda would do as well."""

from dataclasses import dataclass

from shardmill import each


@dataclass
class Flight:
    flight: str
    dep_delay: int | None


@dataclass
class Late:
    flight: str
    late: int


@each
def handler(flight: Flight) -> Late | None:
    # A cancelled flight has no delay: it is not late.
    if flight.dep_delay is None or flight.dep_delay <= 0:
        return None
    return Late(flight.flight, flight.dep_delay)
