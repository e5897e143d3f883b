/**
 * Random runs of two organizations, under the same ids, whose nodes use whatever a node may use: secrets, integrations, files of
 * earlier runs, answers, credits.
 */
import * as fc from "fast-check";
import { outputObjectName } from "#core/step-name";
import type { Edge, Node, Workflow } from "#core/workflow";
import type { NodeContext, NodeDefinition } from "#services/node-definition";
import { defineNode, NodeFailure } from "../src/index.ts";
import type { Pair } from "./access-programs.ts";
import { names } from "./access-programs.ts";
import { mark } from "./access-question.ts";
import { pass } from "./durable-run.ts";
import { nodeThatRuns } from "./perform.ts";

interface NodePlan {
  readonly does: "secret" | "integration" | "write" | "read" | "ask" | "spend" | "fail";
  /** Of a secret or an integration. */
  readonly id: string;
  /** Turns of the event loop that it takes. */
  readonly turns: number;
  readonly isBehind: boolean;
}

export interface RunPlan {
  readonly executionId: string;
  /** What its files and answers say. */
  readonly mark: string;
  readonly nodes: readonly NodePlan[];
  readonly computeCredits: number;
  /** The run whose file it reads, and on from which it may go. Not its own: who is first would depend on the clock. */
  readonly other: string;
  readonly goesOn: boolean;
}

export interface Household {
  /** Ids of secrets and integrations, and their values. */
  readonly resources: readonly (readonly [id: string, value: string])[];
  /** One after the other. */
  readonly runs: readonly RunPlan[];
}

export interface Street {
  readonly organizations: Pair;
  readonly households: readonly [Household, Household];
}

const fileOf = (text: string) => ({
  data: new TextEncoder().encode(text),
  mimeType: "text/plain",
});

/** As the mask takes it; and backwards, as no mask does, so that all secrets can be told apart. */
const shown = (value = "none"): readonly string[] => [value, [...value].toReversed().join("")];

const use = async (
  { does, id, turns }: NodePlan,
  file: unknown,
  { getSecret, getIntegration, reportUsage, trigger }: NodeContext,
) => {
  await pass(turns);
  switch (does) {
    case "secret":
      return { out: shown(await getSecret(id)) };
    case "integration":
      return { out: shown((await getIntegration(id))?.token) };
    case "write":
      return { out: trigger, file: fileOf(JSON.stringify(trigger)) };
    case "read":
      return { out: new TextDecoder().decode((file as ReturnType<typeof fileOf>).data) };
    case "spend":
      // Less than was expected: what more costs when is reserved depends on what has ended by then.
      reportUsage(0.5);
      return { out: turns };
    case "ask":
    case "fail":
      return new NodeFailure({ message: `No ${id}` });
  }
};

export const usingNodes: readonly NodeDefinition[] = [
  nodeThatRuns(({ plan, file }, context) => use(plan as NodePlan, file, context), "use"),
  defineNode({
    type: "ask",
    name: "Asks",
    category: "test",
    description: "Asks and gives the answer.",
    multiStep: true,
    inputs: [{ name: "plan", type: "json", required: true }],
    outputs: [{ name: "out", type: "any" }],
    run: async ({ plan }, { waitForEvent }) => {
      const { id } = plan as { readonly id: string };
      const answer = await waitForEvent("event", { question: id });
      return { out: answer.status === "answered" ? answer.data : answer.status };
    },
  }),
];

export const nodeId = (at: number): string => `n${at}`;

/** The document; it may refer to files of any run of that id, since anybody may write such a reference down. */
export const workflowOf = (
  { nodes, other }: RunPlan,
  idOfObject: (executionId: string, name: string) => string,
): Workflow => ({
  id: "workflow",
  name: "A workflow",
  trigger: "manual",
  nodes: nodes.map((plan, at): Node => {
    const { does } = plan;
    const isReading = does === "read";
    const first = outputObjectName(nodeId(0), "file", 0);
    const reference = { id: isReading ? idOfObject(other, first) : "", mimeType: "text/plain" };
    return {
      id: nodeId(at),
      name: does,
      type: does === "ask" ? "ask" : "use",
      inputs: [
        { name: "plan", type: "json", required: true, value: { ...plan } },
        { name: "before", type: "any" },
        ...(isReading ? [{ name: "file", type: "blob" as const, value: reference }] : []),
      ],
      outputs: [
        { name: "out", type: "any" },
        { name: "file", type: "blob" },
      ],
    };
  }),
  edges: nodes.flatMap(({ isBehind }, at): Edge[] => {
    const edge = { sourceOutput: "out", target: nodeId(at), targetInput: "before" };
    return isBehind && at > 0 ? [{ source: nodeId(at - 1), ...edge }] : [];
  }),
});

const value = fc.constantFrom("the first value", "the second value", "the third value");

const runOf = (id: fc.Arbitrary<string>) => {
  const nodeOf = (...does: NodePlan["does"][]): fc.Arbitrary<NodePlan> =>
    fc.record({ does: fc.constantFrom(...does), id, turns: fc.nat(3), isBehind: fc.boolean() });
  const first = nodeOf("write", "write", "write", "secret", "ask", "ask", "fail");
  const other = nodeOf("secret", "integration", "read", "read", "read", "ask", "spend", "fail");
  const others = fc.array(other, { maxLength: 3, size: "max" });
  return fc.record({
    mark,
    nodes: fc.tuple(first, others).map(([one, rest]) => [one, ...rest]),
    computeCredits: fc.constantFrom(3, 5, 1_000, 1_000, 1_000),
    goesOn: fc.constantFrom(true, false, false),
  });
};

/** Of one organization: a run of each id, in one order or the other. The first has nothing of its own to go on from. */
const runsOf = (ids: Pair): fc.Arbitrary<readonly RunPlan[]> =>
  fc
    .record({
      drafts: fc.array(runOf(fc.constantFrom(...ids)), { minLength: 1, maxLength: 2, size: "max" }),
      order: fc.constantFrom(ids, ids.toReversed()),
    })
    .map(({ drafts, order }) =>
      drafts.map(({ goesOn, nodes, ...facts }, at) => ({
        ...facts,
        executionId: order[at]!,
        other: order[1 - at]!,
        goesOn,
        // Of another document nothing would be taken over.
        nodes: goesOn ? drafts[0]!.nodes : nodes,
      })),
    );

const streetOf = (organizations: Pair, ids: Pair): fc.Arbitrary<Street> => {
  const resource = fc.tuple(fc.constantFrom(...ids), value);
  const household: fc.Arbitrary<Household> = fc.record({
    resources: fc.uniqueArray(resource, { selector: ([id]) => id, minLength: 1, maxLength: 2 }),
    runs: runsOf(ids),
  });
  return fc.record({
    organizations: fc.constant(organizations),
    households: fc.tuple(household, household),
  });
};

export const street: fc.Arbitrary<Street> = fc.oneof(
  ...names.map(([organizations, ids]) => streetOf(organizations, ids)),
);
