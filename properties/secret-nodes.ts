/** Nodes that make the moves of `secret-moves.ts`, and tell which secrets they were given. */
import { setImmediate as nextTurn } from "node:timers/promises";
import * as Effect from "effect/Effect";
import type { JsonValue } from "#core/value";
import { recordOf } from "#core/value";
import type {
  MultiStepContext,
  NodeContext,
  NodeDefinition,
  NodeFacts,
  NodeOutputs,
  NodeValue,
  ResourceAccess,
} from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { defineNode } from "../src/index.ts";
import { behave } from "./perform.ts";
import type { Leak, Moves, MovingScenario } from "./secret-moves.ts";
import {
  carrierType,
  nameOf,
  namesIn,
  pureCarrierType,
  rejoined,
  saidBy,
  stepsCarrierType,
  tagged,
} from "./secret-moves.ts";
import type { Purse } from "./secret-values.ts";

const facts = { name: "Carrier", category: "test", description: "Moves secrets.", outputs: [] };

export interface SecretWitness {
  /** A node has read a secret or token by this name. */
  readonly given: (of: "secret" | "token", name: string, value: string | undefined) => void;
  readonly effect: (nodeId: string, key: string) => void;
}

const isNumeric = (text: string): boolean => /^\d+$/.test(text);

/** What whoever triggered the run has said. */
const saidIn = (trigger: JsonValue): string => (trigger as { readonly body: string }).body;

type Said = readonly (readonly [leak: Leak, name: string, secret: string])[];
type Inputs = Readonly<Record<string, unknown>>;

export const carriers = (
  played: MovingScenario,
  purse: Purse,
  witness: SecretWitness,
): readonly NodeDefinition[] => {
  const movesOf = ({ nodeId }: NodeFacts): Moves => played.moves.get(nodeId)!;

  const read = async (access: ResourceAccess, { leaks }: Moves): Promise<Said> => {
    const said: [Leak, string, string][] = [];
    for (const leak of leaks) {
      const name = nameOf(purse, leak);
      const of = leak.of === "token" ? "token" : "secret";
      const value =
        of === "token" ? (await access.getIntegration(name))?.token : await access.getSecret(name);
      witness.given(of, name, value);
      said.push([leak, name, value ?? ""]);
    }
    return said;
  };
  /** Names that came over edges. */
  const readNamed = async (access: ResourceAccess, inputs: Inputs): Promise<void> => {
    for (const name of new Set(namesIn(inputs))) {
      witness.given("secret", name, await access.getSecret(name));
    }
  };

  const outputsOf = (
    context: NodeFacts,
    inputs: Inputs,
    said: Said,
    populated: NodeOutputs,
  ): NodeOutputs => {
    const { cut } = movesOf(context);
    const entries: [string, NodeValue][] = [];
    const texts: JsonValue[] = [context.trigger];
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(`head\n${text}\ntail`);
    for (const [leak, name, secret] of said) {
      const text = saidBy(leak, secret);
      switch (leak.place) {
        case "output":
          texts.push(leak.of === "token" ? text : tagged(name, text));
          break;
        case "list":
          texts.push([1, [{ deep: [text] }, text]]);
          break;
        case "key":
          texts.push({ [text]: 1 });
          break;
        case "port":
          entries.push([`port ${text}`, text]);
          break;
        case "number":
          texts.push(isNumeric(secret) ? Number(secret) : text);
          break;
        case "file":
          entries.push(["a file", { data: bytes(text), mimeType: "text/plain" }]);
          break;
        case "file name": {
          const file = { data: bytes(""), mimeType: "text/plain", filename: `${text}.txt` };
          entries.push(["named", [file, file]]);
          break;
        }
        case "mime type":
          entries.push(["typed", { data: bytes(""), mimeType: `text/${text}` }]);
      }
    }
    const forwarded = cut === undefined ? [] : [rejoined(inputs, cut)];
    // As many outputs as the scenario has populated, so that branches are taken as it says.
    const own = Object.keys(populated).map((name, at): [string, NodeValue] => [
      name,
      at === 0
        ? [...texts, ...forwarded]
        : texts.filter((text) => typeof text === "string").join(" and "),
    ]);
    return recordOf([...entries, ...own]);
  };

  /** As the scenario has it: outputs, or a failure that says the secrets too. */
  const end = async (context: NodeFacts, inputs: Inputs, said: Said): Promise<NodeOutputs> => {
    const { filler, isThrown } = movesOf(context);
    const behaviour = behaveLoudly(context);
    const outcome = await behaviour;
    if (outcome.failed === undefined) return outputsOf(context, inputs, said, outcome.outputs);
    const told = said.map(([leak, , secret]) => saidBy(leak, secret)).join(" ");
    const message = `${"x".repeat(filler)}${outcome.failed} ${told}`;
    switch (isThrown) {
      case "error":
        throw new Error(message);
      case "text":
        throw message;
      case "failure":
        throw new NodeFailure({ message, retryable: outcome.isRetryable });
    }
  };

  type Loud =
    | { readonly failed: undefined; readonly outputs: NodeOutputs }
    | { readonly failed: string; readonly isRetryable: boolean };

  const behaveLoudly = async (context: NodeFacts): Promise<Loud> => {
    if (movesOf(context).fails) return { failed: "no", isRetryable: true };
    const failed = (thrown: unknown): Loud => ({
      failed: thrown instanceof Error ? thrown.message : String(thrown),
      isRetryable: thrown instanceof NodeFailure && thrown.retryable === true,
    });
    try {
      const answer = behave(played, context);
      const outputs = Effect.isEffect(answer) ? await Effect.runPromise(answer) : await answer;
      return outputs instanceof NodeFailure ? failed(outputs) : { failed: undefined, outputs };
    } catch (thrown) {
      return failed(thrown);
    }
  };

  const runOnce = async (inputs: Inputs, context: NodeContext): Promise<NodeOutputs> => {
    const said = await read(context, movesOf(context));
    await readNamed(context, inputs);
    witness.effect(context.nodeId, context.idempotencyKey);
    await nextTurn();
    return end(context, inputs, said);
  };

  /** What it may not do is its own failure, which it takes lightly. */
  const attempt = async (act: () => Promise<unknown>): Promise<void> => {
    try {
      await act();
    } catch (thrown) {
      if (!(thrown instanceof NodeFailure)) throw thrown;
    }
  };

  const giveAway = async (
    { doStep, waitForEvent }: MultiStepContext,
    [leak, , secret]: Said[number],
    at: number,
  ): Promise<void> => {
    const text = saidBy(leak, secret);
    switch (leak.stepPlace) {
      case "result":
        return attempt(() => doStep(`result ${at}`, () => ({ [text]: [text] })));
      case "error":
        return attempt(() =>
          doStep(`error ${at}`, async () => {
            await nextTurn();
            throw new Error(text);
          }),
        );
      case "question":
        return attempt(() =>
          waitForEvent(`question ${at}`, { timeout: 0, question: { ask: [text], [text]: 1 } }),
        );
      case "answer":
        return attempt(() =>
          waitForEvent(`answer ${at}`, { question: { answerWith: leak.writing, at } }),
        );
    }
  };

  const runSteps = async (inputs: Inputs, context: MultiStepContext): Promise<NodeOutputs> => {
    const { doStep, sleep, nodeId, trigger } = context;
    await attempt(() => sleep(`because of ${saidIn(trigger)}`, 5));
    // What a sub-step has read stays in the process, and may go wherever the process does.
    let kept: Said = [];
    const shown = await doStep("read", async (step) => {
      kept = await read(step, movesOf(context));
      await readNamed(step, inputs);
      witness.effect(nodeId, step.idempotencyKey);
      return kept.map(([leak, , secret]) => saidBy(leak, secret));
    });
    for (const [at, one] of kept.entries()) await giveAway(context, one, at);
    if (played.behaviours.get(nodeId)?.does === "time out") {
      await doStep("hang", () => new Promise<null>(() => {}));
    }
    return end(context, { ...inputs, shown }, kept);
  };

  return [
    defineNode({
      ...facts,
      type: carrierType,
      inputs: [],
      run: (inputs, context) => runOnce(inputs, context),
    }),
    defineNode({
      ...facts,
      type: pureCarrierType,
      inputs: [],
      pure: true,
      run: (inputs, context) => end(context, inputs, []),
    }),
    defineNode({
      ...facts,
      type: stepsCarrierType,
      inputs: [],
      multiStep: true,
      run: (inputs, context) => runSteps(inputs, context),
    }),
  ];
};
