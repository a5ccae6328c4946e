// `node --test`: no WebAssembly, no server. `shardmill build` once puts the module `shardmill` into node_modules.
import assert from "node:assert/strict";
import test from "node:test";
import { bench } from "shardmill/testing";
import { handler } from "./index.mjs";

test("a late flight goes out and others do not", () => {
  const b = bench(handler);
  b.put("EWR", { flight: "UA1545", dep_delay: 2 });
  b.put("EWR", { flight: "UA1", dep_delay: null });
  assert.deepEqual(b.outputs().map((out) => out.text()), ['{"flight":"UA1545","late":2}']);
  assert.equal(b.put("EWR", "{broken").failed[0].action, "dead-letter");
});
