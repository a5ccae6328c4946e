// Flights that left late: one record in, perhaps one out, under the same key. A handler of AWS Lambda would do as well.
import { each } from "shardmill";

interface Flight {
  flight: string;
  dep_delay: number | null;
}

interface Late {
  flight: string;
  late: number;
}

export const handler = each<Flight, Late>((flight) => {
  // A cancelled flight has no delay: it is not late.
  if (flight.dep_delay === null || flight.dep_delay <= 0) return undefined;
  return { flight: flight.flight, late: flight.dep_delay };
});
