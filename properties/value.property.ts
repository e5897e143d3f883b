/** The laws of values: what a node starts with, that a missing one skips nothing, and that each fits its port or fails. */
import * as fc from "fast-check";
import * as Result from "effect/Result";
import { expect, it } from "vitest";
import { collectNodeInputs } from "#core/inputs";
import { apiToNodeParameter, nodeToApiParameter } from "#core/parameter";
import { decideSkip } from "#core/skip";
import type { JsonValue, RuntimeValue } from "#core/value";
import type { Parameter, ParameterType, Workflow } from "#core/workflow";
import { parameterTypes } from "#core/workflow";
import type { Scenario } from "./arbitraries.ts";
import { runtimeValue, scenario, settleOrder } from "./arbitraries.ts";
import type { Outcome, Outcomes } from "./model.ts";
import { idsOf, inputsOf, nodeOf, outcomesOf, performanceOf } from "./model.ts";
import { expectedNodes, nodeThatRuns, performScenario, runWorkflow, timeless } from "./perform.ts";
import { play } from "./play.ts";
import { holds, holdsAsync } from "./runs.ts";

it("VALUE-1 inputs are literals, then overrides, then edges, gathered in edge order where repeated", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      const { end } = play(played, order);
      const outcomes = outcomesOf(played);
      for (const node of end.graph.nodes) {
        expect(collectNodeInputs(end, node, played.overrides)).toEqual(
          inputsOf(played, outcomes, node.id),
        );
      }
    }),
  );
});

it("VALUE-1 no override reaches an input that the node does not declare, or another node", () => {
  holds(
    fc.property(scenario, fc.array(runtimeValue, { minLength: 1 }), (played, values) => {
      const { end } = play(played, 0);
      const stray = { "no such input": values[0]! };
      const overrides = Object.fromEntries([
        ["no such node", { in: values[0]! }],
        ...idsOf(played.workflow).map((id) => [id, stray] as const),
      ]);
      for (const node of end.graph.nodes) {
        expect(collectNodeInputs(end, node, overrides)).toEqual(collectNodeInputs(end, node));
      }
    }),
  );
});

/** A repeated input is a list to the node, also when one value stands in the document. */
const asNodeSees = (
  { workflow, overrides }: Scenario,
  outcomes: Outcomes,
  id: string,
): Readonly<Record<string, RuntimeValue>> => {
  const ports = nodeOf(workflow, id)!.inputs;
  const entries = Object.entries(inputsOf({ workflow, overrides }, outcomes, id));
  return Object.fromEntries(
    entries.map(([name, value]): [string, RuntimeValue] => {
      const isRepeated = ports.find((port) => port.name === name)?.repeated === true;
      return [name, isRepeated && !Array.isArray(value) ? [value as JsonValue] : value];
    }),
  );
};

it("VALUE-1 a node's function gets these inputs at every attempt", async () => {
  await holdsAsync(
    fc.asyncProperty(scenario, settleOrder, async (played, order) => {
      const { log } = await performScenario(played, order);
      const outcomes = outcomesOf(played);
      for (const { nodeId, inputs } of log) {
        expect(inputs).toEqual(asNodeSees(played, outcomes, nodeId));
      }
    }),
  );
});

/** The scenario with some inputs required, and none of them with a value in the document. */
const withRequired = (played: Scenario, picks: readonly number[]): Scenario => {
  const nodes = played.workflow.nodes.map((node, index) => ({
    ...node,
    inputs: node.inputs.map(({ value, ...port }, place) => {
      const isRequired = picks.includes((index * 3 + place) % 12);
      return isRequired ? { ...port, required: true } : { ...port, ...(value && { value }) };
    }),
  }));
  return { ...played, workflow: { ...played.workflow, nodes } };
};

const picks = fc.subarray([...Array(12).keys()]);

it("VALUE-2 whether an input is required never decides whether a node is skipped", () => {
  holds(
    fc.property(scenario, settleOrder, picks, (played, order, required) => {
      const free = play(withRequired(played, []), order).end;
      const { end } = play(withRequired(played, required), order);
      for (const [index, node] of end.graph.nodes.entries()) {
        expect(decideSkip(end, node)).toEqual(decideSkip(free, free.graph.nodes[index]!));
      }
    }),
  );
});

it("VALUE-2 a node that lacks a required input runs and fails by that input's name", async () => {
  await holdsAsync(
    fc.asyncProperty(scenario, settleOrder, picks, async (free, order, required) => {
      const played = withRequired(free, required);
      const { workflow, behaviours } = played;
      const outcomes = outcomesOf(played, (id, before): Outcome => {
        const usual = performanceOf(workflow, behaviours, id);
        const does = behaviours.get(id)?.does;
        if (does === undefined || does === "lack its type") return usual;
        const inputs = inputsOf(played, before, id);
        const absent = nodeOf(workflow, id)!.inputs.find(
          ({ name, required }) => required === true && !Object.hasOwn(inputs, name),
        );
        return absent === undefined
          ? usual
          : { status: "failed", error: `Input '${absent.name}' is required` };
      });
      const { execution } = await performScenario(played, order);
      const withoutAttempts = (nodes: readonly object[]) =>
        nodes.map((node) => ({ ...node, attempts: undefined }));
      expect(withoutAttempts(timeless(execution))).toEqual(
        withoutAttempts(expectedNodes(played, outcomes)),
      );
    }),
  );
});

const files = ["blob", "image", "audio", "video", "document", "gltf"];

const isFile = (value: RuntimeValue): boolean =>
  typeof value === "object" &&
  "id" in value &&
  typeof value["id"] === "string" &&
  "mimeType" in value &&
  typeof value["mimeType"] === "string";

/** What the spec lets through a port of the type. Dates are tried apart. */
const isFitting = (type: ParameterType, value: RuntimeValue): boolean => {
  if (type === "any" || type === "json" || type === "schema") return true;
  if (type === "number" || type === "boolean") return typeof value === type;
  if (type === "geojson") return typeof value === "object" && !Array.isArray(value);
  return files.includes(type) ? isFile(value) : typeof value === "string";
};

const plainTypes = parameterTypes.filter((type) => type !== "date");
const portOf = (type: ParameterType, isRepeated: boolean): Parameter => ({
  name: "a",
  type,
  ...(isRepeated ? { repeated: true } : {}),
});

it("VALUE-3 a value that fits its port passes as it is, any other is a failure that says both types", () => {
  holds(
    fc.property(fc.constantFrom(...plainTypes), runtimeValue, (type, value) => {
      const port = portOf(type, false);
      const inward = apiToNodeParameter(port, value, false);
      const outward = nodeToApiParameter(port, value);
      if (isFitting(type, value)) {
        expect(inward).toEqual(Result.succeed(value));
        expect(outward).toEqual(Result.succeed(value));
        return;
      }
      const found =
        typeof value !== "object"
          ? typeof value
          : Array.isArray(value)
            ? "an array"
            : isFile(value)
              ? `a file (${(value as { mimeType: string }).mimeType})`
              : "an object";
      expect(inward).toEqual(Result.fail(`Input 'a' expects ${type}, got ${found}`));
      expect(outward).toEqual(Result.fail(`Output 'a' expects ${type}, got ${found}`));
    }),
  );
});

it("VALUE-3 a repeated port takes a list exactly when it takes each of its elements", () => {
  holds(
    fc.property(
      fc.constantFrom(...plainTypes),
      fc.array(runtimeValue, { maxLength: 4 }),
      (type, values) => {
        const list = values as JsonValue[];
        const isEveryFitting = values.every((value) => isFitting(type, value));
        const converted = apiToNodeParameter(portOf(type, true), list, false);
        if (isEveryFitting) expect(converted).toEqual(Result.succeed(list));
        else expect(Result.isFailure(converted)).toBe(true);
      },
    ),
  );
});

it("VALUE-3 a json port parses a string of the document, never one from an edge or inside a list", () => {
  holds(
    fc.property(runtimeValue, fc.string(), fc.boolean(), (value, noise, isNoise) => {
      const text = isNoise ? noise : JSON.stringify(value);
      const json = portOf("json", false);
      let parsed: unknown;
      try {
        parsed = JSON.parse(text);
      } catch {
        parsed = undefined;
      }
      expect(apiToNodeParameter(json, text, true)).toEqual(
        parsed === undefined || parsed === null
          ? Result.fail("Input 'a' expects json, got a string that is not JSON")
          : Result.succeed(parsed),
      );
      expect(apiToNodeParameter(json, text, false)).toEqual(Result.succeed(text));
      expect(apiToNodeParameter(json, [text], true)).toEqual(Result.succeed([text]));
      expect(apiToNodeParameter(portOf("any", false), text, true)).toEqual(Result.succeed(text));
      expect(nodeToApiParameter(json, text)).toEqual(Result.succeed(text));
    }),
  );
});

it("VALUE-3 a date port takes what dates are written as, and no other text", () => {
  const moment = fc.date({
    min: new Date("0001-01-01T00:00:00Z"),
    max: new Date("9999-12-31T00:00:00Z"),
    noInvalidDate: true,
  });
  holds(
    fc.property(moment, runtimeValue, (at, other) => {
      const date = portOf("date", false);
      for (const text of [at.toISOString(), at.toISOString().slice(0, 10)]) {
        expect(apiToNodeParameter(date, text, false)).toEqual(Result.succeed(text));
      }
      const text = typeof other === "string" ? `on ${other}` : other;
      expect(Result.isFailure(apiToNodeParameter(date, text, false))).toBe(true);
    }),
  );
});

/** `a` gives a value through a port of one type to `b`, which takes it through a port of another. */
const handOver = (source: ParameterType, target: ParameterType): Workflow => ({
  id: "workflow",
  name: "Workflow",
  trigger: "manual",
  nodes: [
    { id: "a", name: "a", type: "scripted", inputs: [], outputs: [{ name: "x", type: source }] },
    { id: "b", name: "b", type: "scripted", inputs: [{ name: "y", type: target }], outputs: [] },
  ],
  edges: [{ source: "a", sourceOutput: "x", target: "b", targetInput: "y" }],
});

const edgeTypes = plainTypes.filter((type) => !files.includes(type));

it("VALUE-3 in a run, a misfit fails the node at whose border it is found, and the node never sees it", async () => {
  await holdsAsync(
    fc.asyncProperty(
      fc.constantFrom(...edgeTypes),
      runtimeValue,
      fc.boolean(),
      async (type, value, isFound) => {
        // The misfit is found at a's output, or at b's input behind an output of any type.
        const workflow = isFound ? handOver(type, type) : handOver("any", type);
        const seen: unknown[] = [];
        const node = nodeThatRuns((inputs, { nodeId }) => {
          if (nodeId === "a") return { x: value };
          seen.push(inputs);
          return {};
        });
        const execution = await runWorkflow({ workflow, overrides: {} }, [node]);
        const ends = execution.nodeExecutions.map(({ status, error }) => error ?? status);
        if (isFitting(type, value)) {
          expect([ends, seen]).toEqual([["completed", "completed"], [{ y: value }]]);
        } else if (isFound) {
          expect([ends, seen]).toEqual([
            [expect.stringContaining(`Output 'x' expects ${type}, got `), "skipped"],
            [],
          ]);
        } else {
          expect([ends, seen]).toEqual([
            ["completed", expect.stringContaining(`Input 'y' expects ${type}, got `)],
            [],
          ]);
        }
      },
    ),
  );
});
