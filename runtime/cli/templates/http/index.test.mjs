// `node --test`: no WebAssembly, no server. `shardmill build` once puts the module `shardmill` into node_modules.
import assert from "node:assert/strict";
import test from "node:test";
import { handler } from "./index.mjs";

test("a flight that is not late is not taken", async () => {
  const answer = await handler({ body: '{"flight":"UA1","dep_delay":0}' });
  assert.deepEqual(answer, { statusCode: 200, body: "not late\n" });
});

test("what is no JSON is refused", async () => {
  assert.equal((await handler({ body: "{broken" })).statusCode, 400);
});
