// Flights that left late: one record in, perhaps one out, under the same key. A handler of AWS Lambda would do as well.
import { each } from "shardmill";

export const handler = each((flight) => {
  // A cancelled flight has no delay: it is not late.
  if (!(flight.dep_delay > 0)) return undefined;
  return { flight: flight.flight, late: flight.dep_delay };
});
