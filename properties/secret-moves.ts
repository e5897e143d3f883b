/**
 * What the nodes of a random workflow do with secrets: read them by name, put them out in every way and place that the mask
 * promises to mind, fail with them, ask with them, and pass on what comes in, torn apart and joined again.
 */
import * as fc from "fast-check";
import type { JsonValue } from "#core/value";
import type { Scenario } from "./arbitraries.ts";
import { scenario, scriptedType } from "./arbitraries.ts";
import type { Purse } from "./secret-values.ts";
import { writers } from "./secret-values.ts";

export const carrierType = "carrier";
export const pureCarrierType = "carrier that computes";
export const stepsCarrierType = "carrier in steps";

const writings = Object.keys(writers);

/** Where in what a node gives the secret stands. */
export const places = [
  "output",
  "list",
  "key",
  "port",
  "number",
  "file",
  "file name",
  "mime type",
] as const;
/** Where else a node of several steps may put it. */
export const stepPlaces = ["result", "error", "question", "answer"] as const;

/** One secret or token that a node gives away. */
export interface Leak {
  readonly of: "secret" | "token" | "line";
  /** Which of them. */
  readonly at: number;
  readonly writing: string;
  readonly place: (typeof places)[number];
  readonly stepPlace: (typeof stepPlaces)[number];
}

export interface Moves {
  readonly kind: "once" | "pure" | "steps";
  readonly leaks: readonly Leak[];
  /** Whether it puts out what comes in, in one text, cut where this number says. */
  readonly cut: number | undefined;
  /** Whether it fails where the scenario has it complete. */
  readonly fails: boolean;
  /** Characters before the secret in an error: a long one is shortened. */
  readonly filler: number;
  readonly isThrown: "error" | "text" | "failure";
}

const leak: fc.Arbitrary<Leak> = fc.record({
  of: fc.constantFrom("secret", "secret", "token", "line"),
  at: fc.nat(2),
  writing: fc.constantFrom(...writings),
  place: fc.constantFrom(...places),
  stepPlace: fc.constantFrom(...stepPlaces),
});

const moves: fc.Arbitrary<Moves> = fc.record({
  kind: fc.constantFrom("once", "once", "steps", "steps", "pure"),
  leaks: fc.array(leak, { minLength: 1, maxLength: 3 }),
  cut: fc.option(fc.nat(60), { nil: undefined }),
  fails: fc.nat(5).map((n) => n === 5),
  filler: fc.constantFrom(0, 0, 100, 110, 480, 490),
  isThrown: fc.constantFrom("error", "text", "failure"),
});

export interface MovingScenario extends Scenario {
  /** By id, for every node of the document whose type exists. */
  readonly moves: ReadonlyMap<string, Moves>;
}

const typeOf: Readonly<Record<Moves["kind"], string>> = {
  once: carrierType,
  pure: pureCarrierType,
  steps: stepsCarrierType,
};

const mostNodes = 14;

export const movingScenario: fc.Arbitrary<MovingScenario> = scenario
  .filter(({ workflow }) => workflow.nodes.length <= mostNodes)
  .chain((played) => {
    const { nodes } = played.workflow;
    const settings = fc.constantFrom({}, {}, { steps: "effects" as const }, { maxConcurrency: 1 });
    return fc
      .tuple(fc.array(moves, { minLength: nodes.length, maxLength: nodes.length }), settings)
      .map(([drawn, chosen]) => {
        const byId = new Map(
          nodes.flatMap(({ id, type }, at): [string, Moves][] =>
            type === scriptedType ? [[id, drawn[at]!]] : [],
          ),
        );
        return {
          ...played,
          moves: byId,
          workflow: {
            ...played.workflow,
            settings: { ...played.workflow.settings, ...chosen },
            nodes: nodes.map((node) => {
              const own = byId.get(node.id);
              return own === undefined ? node : { ...node, type: typeOf[own.kind] };
            }),
          },
        };
      });
  });

/** What a node is to read: the name of a secret or the id of an integration. */
export const nameOf = ({ secrets, tokens }: Purse, { of, at }: Leak): string => {
  const among = of === "token" ? tokens : secrets;
  return among[at % among.length]![0];
};

/** What the leak says, once its secret has been read. Numbers are told as such where they are a number's whole text. */
export const saidBy = ({ of, writing }: Leak, secret: string): string => {
  const line = secret.split("\n").find((one) => one.length >= 16 && !one.startsWith("---"));
  if (of === "line" && line !== undefined) return line;
  return writers[writing]!(secret);
};

const longestText = 300;

/** What came in as one text, torn apart and joined again. */
export const rejoined = (inputs: Readonly<Record<string, unknown>>, cut: number): string => {
  const text = JSON.stringify(inputs).slice(0, longestText).toWellFormed();
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += cut + 1) pieces.push(text.slice(at, at + cut + 1));
  return pieces.join("");
};

/** Names of secrets travel on edges, so that a node further down reads the value itself. */
const nameTag = "name of a secret";

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

export const namesIn = (value: unknown): readonly string[] => {
  if (!isRecord(value)) return [];
  const own = Object.hasOwn(value, nameTag) ? value[nameTag] : undefined;
  return [
    ...(typeof own === "string" ? [own] : []),
    ...Object.values(value).flatMap((part) => namesIn(part)),
  ];
};

export const tagged = (name: string, said: JsonValue): JsonValue => ({ [nameTag]: name, said });
