/**
 * What a redrive should do, the slowest and plainest way: own reasons by comparing whole definitions and whole inputs, the
 * rest by following edges until nothing new is found. Also nodes whose outputs tell of all that the node was and got.
 */
import { isDeepStrictEqual } from "node:util";
import type { InputOverrides } from "#core/inputs";
import type { RedriveDecision } from "#core/redrive";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import { recordOf } from "#core/value";
import type { Parameter, Workflow } from "#core/workflow";
import type { Behaviour } from "./arbitraries.ts";
import type { Outcome, Outcomes } from "./model.ts";
import {
  downstreamOf,
  idsOf,
  inboundOf,
  inputsOf,
  nodeOf,
  orderOf,
  performanceOf,
} from "./model.ts";

export interface Document {
  readonly workflow: Workflow;
  readonly overrides: InputOverrides;
}

export interface Redrive {
  readonly before: Document;
  readonly execution: WorkflowExecution;
  readonly after: Document;
  readonly from: string | undefined;
}

/** What JSON says of both is the same, in whatever order: prototypes and the like do not count. */
const isSame = (one: unknown, other: unknown): boolean => {
  const [plainOne, plainOther] = JSON.parse(JSON.stringify([one, other])) as [unknown, unknown];
  return isDeepStrictEqual(plainOne, plainOther);
};

/** Null is no value, and what is not said to be so is not so. */
const portFacts = ({ description: _1, hidden: _2, ...port }: Parameter) => ({
  ...port,
  value: port.value ?? undefined,
  default: port.default ?? undefined,
  required: port.required === true,
  repeated: port.repeated === true,
});

/** All that a node is by itself, but for what only people read. */
const definitionOf = ({ workflow }: Document, id: string): object | undefined => {
  const node = nodeOf(workflow, id);
  if (node === undefined) return undefined;
  const { type, inputs, outputs, policy } = node;
  return { type, inputs: inputs.map(portFacts), outputs: outputs.map(portFacts), policy };
};

const edgesInto = ({ workflow }: Document, id: string, input: string): readonly string[][] =>
  inboundOf(workflow, id)
    .filter(({ targetInput }) => targetInput === input)
    .map(({ source, sourceOutput }) => [source, sourceOutput]);

const recordedIn = ({ nodeExecutions }: WorkflowExecution): Outcomes =>
  new Map(
    nodeExecutions.map(({ nodeId, status, outputs, usage }): [string, Outcome] => [
      nodeId,
      status === "completed"
        ? { status, outputs: outputs!, usage }
        : { status: "failed", error: "did not complete" },
    ]),
  );

/** The inputs as they would be now, were every node before this one taken over. */
export const inputsNow = ({ execution, after }: Redrive, id: string): NodeExecution["inputs"] =>
  inputsOf(after, recordedIn(execution), id);

const isSameSupply = (redrive: Redrive, id: string): boolean => {
  const { before, after, execution } = redrive;
  const edges = [...inboundOf(before.workflow, id), ...inboundOf(after.workflow, id)];
  return (
    isSame(inputsOf(before, recordedIn(execution), id), inputsNow(redrive, id)) &&
    edges.every(({ targetInput }) =>
      isSame(edgesInto(before, id, targetInput), edgesInto(after, id, targetInput)),
    )
  );
};

type Reason = Extract<RedriveDecision, { readonly action: "run" }>["reason"];

/** Why a node runs again whatever its upstreams do. */
const ownReasonOf = (redrive: Redrive, id: string): Reason | undefined => {
  const { before, execution, after, from } = redrive;
  const entry = execution.nodeExecutions.find(({ nodeId }) => nodeId === id);
  if (id === from) return "chosen";
  if (entry === undefined) return "new";
  if (entry.status === "failed" || entry.status === "skipped") return entry.status;
  if (entry.status !== "completed") return "unfinished";
  if (!isSame(definitionOf(before, id), definitionOf(after, id))) return "definition";
  return isSameSupply(redrive, id) ? undefined : "inputs";
};

/** The nodes that run again: those with a reason of their own, and all behind them. */
export const idsToRun = (redrive: Redrive): ReadonlySet<string> => {
  const { workflow } = redrive.after;
  const own = idsOf(workflow).filter((id) => ownReasonOf(redrive, id) !== undefined);
  return new Set([...own, ...downstreamOf(workflow, own)]);
};

export const expectedPlan = (redrive: Redrive): readonly RedriveDecision[] => {
  const { execution, after } = redrive;
  const again = idsToRun(redrive);
  return orderOf(after.workflow)!.map((nodeId): RedriveDecision => {
    const own = ownReasonOf(redrive, nodeId);
    const upstream = inboundOf(after.workflow, nodeId).find(({ source }) => again.has(source));
    if (upstream !== undefined && (own === undefined || own === "inputs")) {
      return { nodeId, action: "run", reason: "upstream", because: upstream.source };
    }
    if (own !== undefined && own !== "upstream") return { nodeId, action: "run", reason: own };
    const entry = execution.nodeExecutions.find((one) => one.nodeId === nodeId)!;
    const { inputs, outputs, reusedFrom, reusedUsage, usage } = entry;
    return {
      nodeId,
      action: "reuse",
      inputs,
      outputs: outputs!,
      reusedFrom: reusedFrom ?? execution.id,
      reusedUsage: reusedUsage ?? usage,
    };
  });
};

/** A text that two values share when only the order of keys tells them apart. */
const spelled = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? ["object", Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))]
      : part,
  );

/**
 * How nodes end whose outputs tell of all that they were and got: each value is a number that stands for definition and inputs,
 * and which outputs are populated depends on it too. `known` gives the same number for the same, in any document.
 */
export const tellingNodes =
  (document: Document, behaviours: ReadonlyMap<string, Behaviour>, known: Map<string, number>) =>
  (id: string, before: Outcomes): Outcome => {
    const outcome = performanceOf(document.workflow, behaviours, id);
    if (outcome.status !== "completed") return outcome;
    const text = spelled([id, definitionOf(document, id), inputsOf(document, before, id)]);
    const number = known.get(text) ?? known.size;
    known.set(text, number);
    const populated = Object.keys(outcome.outputs).filter((_, at) => (number + at) % 12 > 0);
    return { ...outcome, outputs: recordOf(populated.map((name) => [name, number])) };
  };
