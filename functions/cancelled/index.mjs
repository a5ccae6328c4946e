// Flights that never left: one record in, perhaps one out.
import { deadLetter, each } from "shardmill";

export const handler = each((flight) => {
  if (flight.carrier === undefined) throw deadLetter("it has no carrier");
  if (flight.dep_time !== null) return undefined;
  const { year, month, day, carrier, flight: number, origin, dest } = flight;
  return { day: `${year}-${month}-${day}`, flight: `${carrier}${number}`, origin, dest };
});
