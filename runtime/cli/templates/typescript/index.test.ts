// `npm install && npm test`: no WebAssembly, no server. `npm run types` checks the types.
import assert from "node:assert/strict";
import test from "node:test";
import { bench } from "shardmill/testing";
import { handler } from "./index";

test("a late flight goes out and others do not", () => {
  const b = bench(handler);
  b.put("EWR", { flight: "UA1545", dep_delay: 2 });
  b.put("EWR", { flight: "UA1", dep_delay: null });
  assert.deepEqual(b.outputs().map((out) => out.text()), ['{"flight":"UA1545","late":2}']);
  assert.equal(b.put("EWR", "{broken").failed[0].action, "dead-letter");
});
