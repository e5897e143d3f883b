/** The laws of the graph: its order, its cycles, its missing nodes, and what is wrong with a document. */
import * as fc from "fast-check";
import type * as Result from "effect/Result";
import { expect, it } from "vitest";
import type { CycleDetected } from "#core/graph";
import { buildGraph } from "#core/graph";
import { validateWorkflow } from "#core/validate";
import type { Workflow } from "#core/workflow";
import { cyclicScenario, scenario, scriptedType } from "./arbitraries.ts";
import { declaredPorts, flawed, reportsOf } from "./flaws.ts";
import { dependentsOf, idsOf, inboundOf, nodeOf, orderOf, upstreamsOf } from "./model.ts";
import { graphOf } from "./play.ts";
import { performScenario } from "./perform.ts";
import { holds, holdsAsync } from "./runs.ts";

const orderedIds = (workflow: Workflow): readonly string[] =>
  graphOf(workflow).nodes.map(({ id }) => id);

it("GRAPH-1 the order is Kahn's, seeded and drained in declaration order", () => {
  holds(
    fc.property(scenario, ({ workflow }) => {
      expect(orderedIds(workflow)).toEqual(orderOf(workflow));
    }),
  );
});

it("GRAPH-1 every edge leads onward in the order, and every id has one place in it", () => {
  holds(
    fc.property(scenario, ({ workflow }) => {
      const ids = orderedIds(workflow);
      expect([...ids].sort()).toEqual([...idsOf(workflow)].sort());
      for (const { source, target } of workflow.edges) {
        expect(ids.indexOf(source)).toBeLessThan(ids.indexOf(target));
      }
    }),
  );
});

it("GRAPH-1 the same document has the same order, whatever its ids are called", () => {
  holds(
    fc.property(scenario, ({ workflow }) => {
      const ids = idsOf(workflow);
      const newNames = new Map(ids.map((id, index) => [id, `renamed ${ids.length - index}`]));
      const renamed: Workflow = {
        ...workflow,
        nodes: workflow.nodes.map((node) => ({ ...node, id: newNames.get(node.id)! })),
        edges: workflow.edges.map((edge) => ({
          ...edge,
          source: newNames.get(edge.source)!,
          target: newNames.get(edge.target)!,
        })),
      };
      const copy = JSON.parse(JSON.stringify(workflow)) as Workflow;
      expect(orderedIds(copy)).toEqual(orderedIds(workflow));
      expect(orderedIds(renamed)).toEqual(orderedIds(workflow).map((id) => newNames.get(id)));
    }),
  );
});

it("GRAPH-1 the index of each node holds its place and its own edges", () => {
  holds(
    fc.property(scenario, fc.boolean(), ({ workflow: { edges, ...rest } }, isRepeated) => {
      const workflow = { ...rest, edges: isRepeated ? [...edges, ...edges] : edges };
      const { nodes, nodesById } = graphOf(workflow);
      nodes.forEach((node, index) => {
        expect(nodesById.get(node.id)).toBe(node);
        const idsAt = (places: readonly number[]) => places.map((at) => nodes[at]?.id);
        expect({
          ...node,
          sources: idsAt(node.sources),
          dependents: idsAt(node.dependents),
        }).toEqual({
          id: node.id,
          index,
          node: nodeOf(workflow, node.id),
          ports: nodeOf(workflow, node.id) ?? { inputs: [], outputs: [] },
          inbound: inboundOf(workflow, node.id),
          sources: inboundOf(workflow, node.id).map(({ source }) => source),
          upstreamCount: upstreamsOf(workflow, node.id).length,
          dependents: dependentsOf(workflow, node.id),
        });
      });
    }),
  );
});

it("GRAPH-2 a cyclic document is refused with one actual cycle of it", () => {
  holds(
    fc.property(cyclicScenario, ({ workflow }) => {
      const built = buildGraph(workflow);
      const { cycle, message } = (built as Result.Failure<never, CycleDetected>).failure;
      const inner = cycle.slice(1);
      expect(cycle[0]).toBe(cycle.at(-1));
      expect(new Set(inner).size).toBe(inner.length);
      inner.forEach((target, index) => {
        const source = cycle[index];
        expect(workflow.edges).toContainEqual(expect.objectContaining({ source, target }));
      });
      // Long ids and long cycles are told in part.
      if (cycle.length <= 20 && cycle.every((id) => id.length <= 60)) {
        expect(message).toBe(`Workflow contains a cycle: ${cycle.join(" -> ")}`);
      } else expect(message.length).toBeLessThan(1_500);
    }),
  );
});

it("GRAPH-2 a cyclic document runs nothing, and its record names the cycle", async () => {
  await holdsAsync(
    fc.asyncProperty(cyclicScenario, async (cyclic) => {
      const { execution, log } = await performScenario(cyclic, 0);
      const { failure } = buildGraph(cyclic.workflow) as Result.Failure<never, CycleDetected>;
      expect(log).toEqual([]);
      expect(execution.status).toBe("error");
      expect(execution.error).toContain(failure.message);
      expect(execution.nodeExecutions.map(({ nodeId, status }) => [nodeId, status])).toEqual(
        cyclic.workflow.nodes.map(({ id }) => [id, "idle"]),
      );
    }),
  );
});

it("GRAPH-3 a missing node has its place in the order and refuses nothing", () => {
  holds(
    fc.property(scenario, ({ workflow }) => {
      const missing = idsOf(workflow).filter((id) => nodeOf(workflow, id) === undefined);
      const { graph, problems } = validateWorkflow(workflow);
      const placed = graph?.nodes.filter(({ node }) => node === undefined).map(({ id }) => id);
      expect(placed?.toSorted()).toEqual(missing.toSorted());
      expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
      expect(problems.filter(({ code }) => code === "MISSING_NODE").length).toBe(missing.length);
    }),
  );
});

it("GRAPH-3 a missing node that runs fails by its id, and is the last thing in the record", async () => {
  await holdsAsync(
    fc.asyncProperty(scenario, async (played) => {
      const { workflow } = played;
      const { execution } = await performScenario(played, 0);
      const missing = execution.nodeExecutions.slice(workflow.nodes.length);
      expect(missing.map(({ nodeId }) => nodeId)).toEqual(
        orderOf(workflow)!.filter((id) => nodeOf(workflow, id) === undefined),
      );
      for (const { nodeId, status, error, inputs, outputs } of missing) {
        if (status === "skipped") continue;
        expect({ status, error, inputs, outputs }).toEqual({
          status: "failed",
          error: `Node not found: ${nodeId}`,
          inputs: {},
          outputs: null,
        });
      }
    }),
  );
});

const validate = ({ workflow, isTyped, stepLimit }: Parameters<typeof reportsOf>[0]) =>
  validateWorkflow(workflow, {
    ...(isTyped
      ? { nodeTypeOf: (type) => (type === scriptedType ? declaredPorts : undefined) }
      : {}),
    ...(stepLimit === undefined ? {} : { stepLimit }),
  });

const byPlace = (reports: readonly object[]): readonly string[] =>
  reports.map((report) => JSON.stringify(report)).sort();

it("GRAPH-4 validation reports every problem of a document at once, and no other", () => {
  holds(
    fc.property(flawed, (document) => {
      const { problems, graph } = validate(document);
      const reported = problems.map(({ severity, code, path }) => ({ severity, code, path }));
      const expected = reportsOf(document);
      expect(byPlace(reported)).toEqual(byPlace(expected));
      expect(graph === undefined).toBe(expected.some(({ severity }) => severity === "error"));
    }),
  );
});

const valueAt = (document: unknown, path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], document);

it("GRAPH-4 a problem points into the document and has something to say", () => {
  holds(
    fc.property(flawed, (document) => {
      for (const { path, message } of validate(document).problems) {
        expect(valueAt(document.workflow, path)).toBeDefined();
        expect(message).toMatch(/^\S.{20,}\.$/su);
        expect(message.isWellFormed()).toBe(true);
      }
    }),
  );
});

type Key = string | number;

/** The document with junk at some places; deeper places come first, so that each still exists. */
const withJunk = (workflow: Workflow, paths: readonly (readonly Key[])[]): unknown => {
  const copy = JSON.parse(JSON.stringify(workflow)) as unknown;
  for (const path of paths) {
    (valueAt(copy, path.slice(0, -1)) as Record<Key, unknown>)[path.at(-1)!] = { junk: true };
  }
  return copy;
};

const strictPlaces = ({ nodes, edges }: Workflow): readonly (readonly Key[])[] => [
  ["id"],
  ["trigger"],
  ...nodes.flatMap((_, i): Key[][] => [
    ["nodes", i, "id"],
    ["nodes", i, "type"],
    ["nodes", i, "inputs", 0, "type"],
    ["nodes", i, "outputs", 0, "name"],
  ]),
  ...edges.flatMap((_, j): Key[][] => [
    ["edges", j, "source"],
    ["edges", j, "targetInput"],
  ]),
];

it("GRAPH-4 a malformed document is refused with every place that is malformed", () => {
  const malformed = scenario.chain(({ workflow }) =>
    fc
      .subarray([...strictPlaces(workflow)], { minLength: 1 })
      .map((paths) => ({ workflow, paths })),
  );
  holds(
    fc.property(malformed, ({ workflow, paths }) => {
      const { problems, ...nothing } = validateWorkflow(withJunk(workflow, paths));
      expect(nothing).toEqual({ workflow: undefined, graph: undefined });
      const shape = problems.filter(({ code }) => code === "MALFORMED");
      expect(byPlace(shape.map(({ severity, code, path }) => ({ severity, code, path })))).toEqual(
        byPlace(paths.map((path) => ({ severity: "error", code: "MALFORMED", path }))),
      );
    }),
  );
});

it("GRAPH-4 what is malformed hides no problem of the rest, and makes none", () => {
  holds(
    fc.property(flawed, (document) => {
      const { workflow } = document;
      const broken = {
        ...workflow,
        nodes: [...workflow.nodes, { id: "the broken one", type: 5 }],
        edges: [...workflow.edges, null, { source: "the broken one" }],
      } as unknown as Workflow;
      const unlimited = { ...document, stepLimit: undefined };
      const { problems } = validate({ ...unlimited, workflow: broken });
      expect(problems.filter(({ code }) => code !== "MALFORMED")).toEqual(
        validate(unlimited).problems,
      );
    }),
  );
});

it("GRAPH-4 anything at all is either a workflow or malformed, and nothing throws", () => {
  holds(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (anything) => {
      const { problems, workflow } = validateWorkflow(anything);
      expect(workflow).toBeUndefined();
      expect(problems.length).toBeGreaterThan(0);
      expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["MALFORMED"]));
    }),
  );
});
