import { expect, it } from "vitest";
import { runNode } from "../support/run-node.ts";

it.each([
  ["output-text", ""],
  ["output-text", "a"],
  ["output-number", 0],
  ["output-boolean", false],
  ["output-json", { a: [null] }],
  ["output-date", "2026-11-24"],
  ["output-geojson", { type: "Point", coordinates: [1, 2] }],
  ["output-any", [1, "a"]],
  ["output-secret", "API_KEY"],
] as const)("shows with %s the %j that arrives", async (type, value) => {
  expect(await runNode(type, { value })).toStrictEqual({ displayValue: value });
});
