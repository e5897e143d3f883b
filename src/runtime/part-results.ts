/** What parts of a run leave for each other and for the record: the transitions of their nodes, as objects under the run. */
import * as Effect from "effect/Effect";
import type { IllegalTransition } from "#core/errors";
import type { ExecutionState, NodeState } from "#core/execution-state";
import { nodeStateAt, nodeStateOf } from "#core/execution-state";
import type { GraphNode } from "#core/graph";
import type { InputOverrides } from "#core/inputs";
import { replay } from "#core/replay";
import { partObjectName } from "#core/step-name";
import type { NodeStepResult } from "#core/step-result";
import { transition } from "#machines/index";
import { ServiceFailure } from "#services/errors";
import { ObjectStore, type ObjectScope } from "#services/object-store";
import type { NodesRun } from "./nodes-run.ts";

const mimeType = "application/vnd.pawl.part+json";

export interface PartResults {
  /** Of the nodes that came to their end, in the order. */
  readonly results: readonly NodeStepResult[];
  /** Nodes that were under way when the run was cancelled. */
  readonly interrupted: readonly string[];
}

const resultOf = (nodeId: string, node: NodeState): NodeStepResult | undefined => {
  switch (node.lifecycle) {
    case "completed": {
      const { outputs = {}, usage, attempts, reusedFrom, reusedUsage } = node;
      const completed = { nodeId, status: "completed", outputs, usage, attempts } as const;
      return reusedFrom === undefined
        ? completed
        : { ...completed, reusedFrom, ...(reusedUsage === undefined ? {} : { reusedUsage }) };
    }
    case "failed":
      return { nodeId, status: "failed", error: node.error ?? "", attempts: node.attempts };
    case "skipped":
      return node.skip === undefined ? undefined : { nodeId, status: "skipped", ...node.skip };
    case "idle":
    case "executing.running":
    case "executing.retrying":
    case "executing.waiting":
    case "executing.sleeping":
      return undefined;
  }
};

export const resultsIn = (
  state: ExecutionState,
  nodes: readonly GraphNode[],
  { interrupted, beyondLimit }: Pick<NodesRun, "interrupted" | "beyondLimit">,
): PartResults => {
  const cut = new Set(interrupted);
  const beyond = new Set(beyondLimit);
  const ended = nodes.filter(({ id }) => !cut.has(id));
  return {
    results: ended.flatMap(({ id, index }): readonly NodeStepResult[] => {
      const result = resultOf(id, nodeStateAt(state, index));
      if (result === undefined) return [];
      const isBeyond = result.status === "completed" && beyond.has(id);
      return [isBeyond ? { ...result, isBeyondLimit: true } : result];
    }),
    interrupted,
  };
};

/** Nodes among them that nothing starts behind. */
export const beyondLimitIn = (results: readonly NodeStepResult[]): readonly string[] =>
  results.flatMap((result) =>
    result.status === "completed" && result.isBeyondLimit === true ? [result.nodeId] : [],
  );

export const writeResults = (
  scope: ObjectScope,
  part: number,
  results: PartResults,
): Effect.Effect<void, ServiceFailure, ObjectStore> =>
  ObjectStore.use((objects) =>
    Effect.asVoid(
      objects.write(scope, partObjectName(part), {
        data: new TextEncoder().encode(JSON.stringify(results)),
        mimeType,
      }),
    ),
  );

/** Fails for a part that has left nothing: one that has ended always has. */
export const readResults: (
  scope: ObjectScope,
  part: number,
) => Effect.Effect<PartResults, ServiceFailure, ObjectStore> = Effect.fnUntraced(
  function* (scope, part) {
    const objects = yield* ObjectStore;
    const id = yield* objects.idOf(scope, partObjectName(part));
    const found = yield* objects.read(scope.organizationId, id);
    if (found?.mimeType !== mimeType) {
      return yield* Effect.fail(
        new ServiceFailure({
          operation: "ObjectStore.read",
          message: `What part ${part} of run '${scope.executionId}' has done is not in the store`,
        }),
      );
    }
    return JSON.parse(new TextDecoder().decode(found.data)) as PartResults;
  },
);

export type Folded = Pick<NodesRun, "state" | "interrupted" | "beyondLimit">;

/** The state that these parts have come to; nodes of others stay idle. */
export const foldParts: (
  scope: ObjectScope,
  begun: ExecutionState,
  parts: readonly number[],
  overrides: InputOverrides | undefined,
) => Effect.Effect<Folded, ServiceFailure | IllegalTransition, ObjectStore> = Effect.fnUntraced(
  function* (scope, begun, parts, overrides) {
    let state = begun;
    const interrupted: string[] = [];
    const beyondLimit: string[] = [];
    for (const part of parts) {
      const left = yield* readResults(scope, part);
      const own = left.results.filter(
        ({ nodeId }) => nodeStateOf(state, nodeId).lifecycle === "idle",
      );
      state = yield* replay(transition, state, own, overrides);
      interrupted.push(...left.interrupted);
      beyondLimit.push(...beyondLimitIn(own));
    }
    return { state, interrupted, beyondLimit };
  },
);
