/** Nodes that read secrets and tokens and give them away, each in its own way, beside a marker that anybody may see. */
import { defineNode } from "#nodes/define-node";
import type {
  MultiStepContext,
  NodeContext,
  NodeDefinition,
  NodeFacts,
  NodeOutputs,
  NodeResult,
  ResourceAccess,
} from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { organizationId } from "./canary-request.ts";
import { leakToConsole } from "./console-leaks.ts";
import type { Channel } from "./marker.ts";
import { markerOf } from "./marker.ts";
import { allWaysOf, waysOf } from "./ways.ts";

export const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, millis));

const secretNames: readonly string[] = ["PLAIN", "ODD"];
/** The second one's token has expired, and is refreshed before a node gets it. */
const integrationIds: readonly string[] = ["mail", "renewed"];

/** Name -> value, as a node may have it. */
const readAll = async ({
  getSecret,
  getIntegration,
}: ResourceAccess): Promise<Readonly<Record<string, string>>> => {
  const values: Record<string, string> = {};
  for (const name of secretNames) values[name] = (await getSecret(name)) ?? "";
  for (const id of integrationIds) values[id] = (await getIntegration(id))?.token ?? "";
  return values;
};

/** All that a node has to give away. What is not masked is no sign that markers go where secrets do. */
const holdings = async (
  access: ResourceAccess,
  channel: Channel,
  context: NodeFacts,
): Promise<readonly string[]> => [
  ...Object.values(await readAll(access)).filter((text) => text !== ""),
  ...(context.organizationId === organizationId ? [markerOf(channel)] : []),
];

const ports = {
  inputs: [{ name: "in", type: "any" }],
  outputs: [{ name: "out", type: "any" }],
} as const;

const factsOf = (name: string) => ({
  ...ports,
  type: `canary-${name}`,
  name,
  category: "test",
  description: "Gives secrets away.",
});

type Result = NodeResult<NodeOutputs> | Promise<NodeResult<NodeOutputs>>;

export const single = (
  name: string,
  channel: Channel,
  run: (held: readonly string[], context: NodeContext) => Result,
): NodeDefinition => ({
  ...factsOf(name),
  pure: false,
  computeCost: 1,
  multiStep: false,
  run: async (_inputs, context) => run(await holdings(context, channel, context), context),
});

/** What is read in a step is carried out of it behind the engine's back. */
const several = (
  name: string,
  channel: Channel,
  run: (held: readonly string[], context: MultiStepContext) => Result,
): NodeDefinition => ({
  ...factsOf(name),
  pure: false,
  computeCost: 1,
  multiStep: true,
  run: async (_inputs, context) => {
    let held: readonly string[] = [];
    await context.doStep("read", async (access) => {
      held = await holdings(access, channel, context);
      return allWaysOf(held);
    });
    return run(held, context);
  },
});

const output = single("output", "output", (held) => ({
  out: allWaysOf(held),
  nested: { a: [{ b: { c: [held] } }] },
  keys: Object.fromEntries(allWaysOf(held).map((text) => [text, 1])),
  ...Object.fromEntries(allWaysOf(held).map((text) => [`port ${text}`, true])),
}));

/** A little, so that thousands fit into a run. */
const say = single("say", "output", (held) => ({ out: held }));

const filler = "All work and no play makes Jack a dull boy. ".repeat(4_000);

const large = single("large", "large", (held) => ({
  out: filler + allWaysOf(held).join(filler.slice(0, 500)) + filler,
  list: [filler, ...allWaysOf(held), Object.fromEntries(held.map((text) => [text, filler]))],
}));

const fileOf = (lines: readonly string[], name: string) => ({
  data: new TextEncoder().encode(lines.join("\n")),
  mimeType: `text/plain; key=${name}`,
  filename: `${name}.txt`,
});

const file = single("file", "file", (held) => ({
  out: fileOf(allWaysOf(held), held.join(" ")),
  files: held.map((text) => fileOf([text], text)),
}));

const trigger = single("trigger", "trigger", (_held, context) => ({ out: context.trigger }));

const thrown = single("throw", "error", (held) => {
  throw new Error(held.join(" "), { cause: held });
});

/** A failure whose every field gives something away. */
const failure = single(
  "failure",
  "error",
  (held) =>
    new NodeFailure({
      message: `401 for ${held.join(" ")}`,
      retryable: held[0] as never,
      retryAfter: held[1] as never,
    }),
);

const usage = single("usage", "error", (held, { reportUsage }) => {
  reportUsage(held.join(" ") as never);
  return { out: 1 };
});

/** Each attempt fails in its own way. */
const attempts = (name: string, succeeds: (attempt: number, last: number) => boolean) =>
  single(name, "error", (held, { attempt }) => {
    const ways = held.map((text) => Object.values(waysOf(text)));
    const last = ways[0]!.length;
    if (succeeds(attempt, last)) return { out: held };
    throw new NodeFailure({
      message: ways.map((texts) => texts[attempt - 1] ?? "").join(" "),
      retryable: true,
      retryAfter: 1,
    });
  });

const recovers = attempts("recovers", (attempt, last) => attempt > last);
const exhausts = attempts("exhausts", () => false);

/** Pays no heed to its signal: it speaks when nobody listens any more. */
const late = single("late", "late", async (held) => {
  await pause(900);
  for (const text of held) leakToConsole(text);
  return { out: held };
});

const speaks = single("speaks", "console", (held) => {
  for (const text of held) leakToConsole(text);
  return { out: true };
});

const attempted = async (act: () => Promise<unknown>): Promise<string> => {
  try {
    return JSON.stringify((await act()) ?? null);
  } catch (thrown) {
    return String(thrown);
  }
};

const steps = several("steps", "step", async (held, { doStep, sleep, waitForEvent }) => ({
  out: [
    ...held,
    await attempted(() => sleep("sleeps", 1)),
    await attempted(() => waitForEvent("waits", { timeout: 1, question: { held } })),
    await attempted(() => doStep("fails", () => Promise.reject(new Error(held.join(" "))))),
    await attempted(() => doStep("returns", () => ({ [held.join()]: [held] }) as never)),
  ],
}));

const stepsThrow = several("steps-throw", "step", (held) => {
  throw new Error(held.join(" "));
});

const stepsFail = several("steps-fail", "step", (held, { doStep }) =>
  doStep("fail", () => {
    throw new Error(allWaysOf(held).join(" ").slice(0, 2_000));
  }),
);

const ask = several("ask", "question", async (held, { waitForEvent }) => {
  const question = { held, ways: allWaysOf(held), [held.join(" ")]: true };
  const answer = await waitForEvent("ask", { timeout: 60_000, question });
  return { out: answer, again: held };
});

const hashOf = async (text: string): Promise<string> => {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** Whether secrets are what they should be for whoever asks for them by name: the input is their hashes. */
const check = defineNode({
  ...factsOf("check"),
  inputs: [...ports.inputs, { name: "expected", type: "any", required: true }],
  run: async ({ expected }, context) => {
    const hashes = Object.entries(await readAll(context)).map(
      async ([name, value]) => [name, await hashOf(value)] as const,
    );
    const read = Object.fromEntries(await Promise.all(hashes));
    return { out: JSON.stringify(read) === JSON.stringify(expected) };
  },
});

export const canaryNodes: readonly NodeDefinition[] = [
  output,
  say,
  large,
  file,
  trigger,
  thrown,
  failure,
  usage,
  recovers,
  exhausts,
  late,
  speaks,
  steps,
  stepsThrow,
  stepsFail,
  ask,
  check,
];
