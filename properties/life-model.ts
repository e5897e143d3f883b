/**
 * The life of a run and its nodes, said the plainest way: a word for each node, a word for the run, and what each event asks of
 * them, written from the spec and not from the charts. Knows nothing of edges: which node is ready is another law.
 */

export type NodeWord =
  | "idle"
  | "running"
  | "retrying"
  | "waiting"
  | "sleeping"
  | "completed"
  | "failed"
  | "skipped";

export type RunWord = "active" | "paused" | "completed" | "error" | "exhausted" | "cancelled";

export interface LifeModel {
  run: RunWord;
  readonly nodes: Map<string, NodeWord>;
  /** Of the skipped ones, those whose skip a failure is behind. */
  readonly skippedByFailure: Set<string>;
  readonly isStrict: boolean;
}

export type NodeCommand =
  | "start"
  | "complete"
  | "fail"
  | "skip by failure"
  | "skip by branch"
  | "retry"
  | "wait"
  | "sleep"
  | "resume"
  | "cancel";
export type RunCommand = "pause" | "resume" | "cancel" | "exhaust";

const isParked = (word: NodeWord): boolean =>
  word === "retrying" || word === "waiting" || word === "sleeping";
const isUnderWay = (word: NodeWord): boolean => word === "running" || isParked(word);
const isLive = (run: RunWord): boolean => run === "active" || run === "paused";

/** What a node becomes, or undefined when it is not for it. */
const nodeAfter = (word: NodeWord, command: NodeCommand): NodeWord | undefined => {
  if (command === "start") return word === "idle" ? "running" : undefined;
  if (command === "skip by failure" || command === "skip by branch") {
    return word === "idle" ? "skipped" : undefined;
  }
  if (command === "fail" || command === "cancel") return isUnderWay(word) ? "failed" : undefined;
  if (command === "resume") return isParked(word) ? "running" : undefined;
  if (word !== "running") return undefined;
  if (command === "complete") return "completed";
  return ({ retry: "retrying", wait: "waiting", sleep: "sleeping" } as const)[command];
};

/** The run ends by itself with its last node. */
const settle = (model: LifeModel): void => {
  const words = [...model.nodes];
  if (words.some(([, word]) => word === "idle" || isUnderWay(word))) return;
  const isBad = ([nodeId, word]: readonly [string, NodeWord]): boolean =>
    word === "failed" ||
    (word === "skipped" && (model.isStrict || model.skippedByFailure.has(nodeId)));
  model.run = words.some(isBad) ? "error" : "completed";
};

/** Who refused: the node, the run on its behalf, or nobody. */
export type Refusal =
  | { readonly by: "node" | "nobody knows it" }
  | { readonly by: "run"; readonly asked: "start" | "move" }
  | undefined;

export const tellNode = (model: LifeModel, nodeId: string, command: NodeCommand): Refusal => {
  const word = model.nodes.get(nodeId);
  if (word === undefined) return { by: "nobody knows it" };
  const after = nodeAfter(word, command);
  if (after === undefined) return { by: "node" };
  if (command === "start" && model.run !== "active") return { by: "run", asked: "start" };
  if (!isLive(model.run)) return { by: "run", asked: "move" };
  model.nodes.set(nodeId, after);
  if (command === "skip by failure") model.skippedByFailure.add(nodeId);
  settle(model);
  return undefined;
};

/** True when the run refuses. */
export const tellRun = (model: LifeModel, command: RunCommand): boolean => {
  const isRefused =
    command === "pause"
      ? model.run !== "active"
      : command === "resume"
        ? model.run !== "paused"
        : !isLive(model.run);
  if (isRefused) return true;
  if (command === "pause") model.run = "paused";
  if (command === "resume") model.run = "active";
  if (command === "exhaust") model.run = "exhausted";
  if (command === "cancel") {
    model.run = "cancelled";
    for (const [nodeId, word] of model.nodes) {
      if (isUnderWay(word)) model.nodes.set(nodeId, "failed");
    }
  }
  return false;
};

/** What people see. */
export const publicWordOf = (word: NodeWord): string => (isUnderWay(word) ? "executing" : word);
export const publicStatusOf = (run: RunWord): string => (run === "active" ? "executing" : run);
