// `node --test` in this folder, once `shardmill build` or the tests of the repository have linked the module.
import assert from "node:assert/strict";
import test from "node:test";
import { bench } from "shardmill/testing";
import { handler } from "./index.mjs";

test("only a flight without a departure is cancelled", () => {
  const b = bench(handler);
  const flight = { year: 2013, month: 1, day: 2, carrier: "EV", flight: 4308, origin: "EWR", dest: "RDU" };
  b.put("EWR", { ...flight, dep_time: null });
  b.put("EWR", { ...flight, dep_time: 1720 });
  assert.deepEqual(b.outputs().map((out) => out.json()), [{ day: "2013-1-2", flight: "EV4308", origin: "EWR", dest: "RDU" }]);
  assert.equal(b.put("EWR", {}).failed[0].action, "dead-letter");
});
