/** What parts of a run leave for each other and for the record: the transitions of their nodes, as objects under the run. */
import * as Effect from "effect/Effect";
import type { ExecutionState, NodeState } from "#core/execution-state";
import type { IllegalTransition } from "#core/errors";
import { nodeStateAt, nodeStateOf } from "#core/execution-state";
import type { GraphNode } from "#core/graph";
import type { InputOverrides } from "#core/inputs";
import type { Part } from "#core/plan-parts";
import { replay } from "#core/replay";
import { partObjectName } from "#core/step-name";
import type { NodeStepResult } from "#core/step-result";
import { transition } from "#machines/index";
import type { ServiceFailure } from "#services/errors";
import { ObjectStore, type ObjectScope } from "#services/object-store";

const mimeType = "application/vnd.pawl.part+json";

const resultOf = (nodeId: string, node: NodeState): NodeStepResult | undefined => {
  switch (node.lifecycle) {
    case "completed": {
      const { outputs = {}, usage, attempts, reusedFrom } = node;
      const completed = { nodeId, status: "completed", outputs, usage, attempts } as const;
      return reusedFrom === undefined ? completed : { ...completed, reusedFrom };
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

/** The transitions of those nodes that are final, in the order. */
export const resultsIn = (
  state: ExecutionState,
  nodes: readonly GraphNode[],
): readonly NodeStepResult[] =>
  nodes.flatMap(({ id, index }) => resultOf(id, nodeStateAt(state, index)) ?? []);

export const writeResults = (
  scope: ObjectScope,
  part: number,
  results: readonly NodeStepResult[],
): Effect.Effect<void, ServiceFailure, ObjectStore> =>
  ObjectStore.use((objects) =>
    Effect.asVoid(
      objects.write(scope, partObjectName(part), {
        data: new TextEncoder().encode(JSON.stringify(results)),
        mimeType,
      }),
    ),
  );

/** Empty for a part that has left nothing. */
export const readResults: (
  scope: ObjectScope,
  part: number,
) => Effect.Effect<readonly NodeStepResult[], ServiceFailure, ObjectStore> = Effect.fnUntraced(
  function* (scope, part) {
    const objects = yield* ObjectStore;
    const id = yield* objects.idOf(scope, partObjectName(part));
    const found = yield* objects.read(scope.organizationId, id);
    return found === undefined || found.mimeType !== mimeType
      ? []
      : (JSON.parse(new TextDecoder().decode(found.data)) as readonly NodeStepResult[]);
  },
);

/** The state that all parts have come to; empty parts leave their nodes idle. */
export const foldParts: (
  scope: ObjectScope,
  begun: ExecutionState,
  parts: readonly Part[],
  overrides: InputOverrides | undefined,
) => Effect.Effect<ExecutionState, ServiceFailure | IllegalTransition, ObjectStore> =
  Effect.fnUntraced(function* (scope, begun, parts, overrides) {
    let state = begun;
    for (const { number } of parts) {
      const results = yield* readResults(scope, number);
      const own = results.filter(({ nodeId }) => nodeStateOf(state, nodeId).lifecycle === "idle");
      state = yield* replay(transition, state, own, overrides);
    }
    return state;
  });
