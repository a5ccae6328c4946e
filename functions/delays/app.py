"""How late each airport's flights leave: a value by key, counted once for each flight and written out after each."""

from dataclasses import dataclass

from shardmill import keyed


@dataclass
class Flight:
    origin: str
    dep_delay: int | None


@dataclass
class Delays:
    flights: int = 0
    cancelled: int = 0
    minutes: int = 0


@keyed
def handler(flight: Flight, delays: Delays, out):
    delays.flights += 1
    if flight.dep_delay is None:
        delays.cancelled += 1
    else:
        delays.minutes += max(flight.dep_delay, 0)
    out.json("default", {"origin": flight.origin, "flights": delays.flights, "minutes": delays.minutes})
