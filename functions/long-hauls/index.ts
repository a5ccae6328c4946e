// Flights of more than 2,000 miles, a whole batch at once: the data goes out as it came, without being written again.
import { batch, type Record } from "shardmill";

interface Flight {
  dest: string;
  distance: number;
}

const MILES = Number(process.env.MILES ?? "2000");

export const handler = batch((records: Record<Flight>[], out) => {
  for (const record of records) {
    let flight: Flight;
    try {
      flight = record.json();
    } catch (error) {
      out.deadLetter(record, error, "BadJson");
      continue;
    }
    if (flight.distance > MILES) out.from(record).to("default", flight.dest, record.data);
  }
});
