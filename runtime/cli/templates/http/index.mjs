// A web hook: `POST /flights` with {"flight": "UA1545", "dep_delay": 2} puts late flights into the stream and says what it did.
// Requests come in Lambda's payload format 2.0; what is emitted is committed before the answer is sent.
import { emit } from "shardmill";

export const handler = async (event) => {
  let flight;
  try {
    flight = JSON.parse(event.body ?? "");
  } catch {
    return { statusCode: 400, body: "the body is not JSON\n" };
  }
  const late = flight.dep_delay > 0;
  if (late) emit("default", String(flight.flight), { flight: flight.flight, late: flight.dep_delay });
  return { statusCode: late ? 202 : 200, body: late ? "taken\n" : "not late\n" };
};
