/**
 * Random programs of calls that two organizations make of the same services. Their names, and the ids that both use, are chosen
 * so that a key which joins the two carelessly is one key for both.
 */
import * as fc from "fast-check";
import { outsideCalls } from "./access-outside.ts";
import type { Ask, Call, Services } from "./access-question.ts";
import { creditCalls, executionCalls, objectCalls, waitCalls } from "./access-records.ts";
import {
  integrationCalls,
  providerCalls,
  refresherCalls,
  secretCalls,
} from "./access-resources.ts";

export type Pair = readonly [string, string];

/** Organizations, and the ids that both use. */
export const names: readonly (readonly [organizations: Pair, ids: Pair])[] = [
  [
    ["a", "b"],
    ["r", "__proto__"],
  ],
  [
    ["a", "ab"],
    ["br", "r"],
  ],
  [
    ["a", "a:b"],
    ["b:r", "r"],
  ],
  [
    ["a", "a/b"],
    ["b/r", "r"],
  ],
  [
    ["a", "a/executions"],
    ["executions/r", "r"],
  ],
  [
    ["a", "b:a"],
    ["r", "r:b"],
  ],
  [
    ["a", "A"],
    ["r", "R"],
  ],
  [
    ["", "a"],
    ["ar", "r"],
  ],
  [
    ["__proto__", "constructor"],
    ["__proto__", "toString"],
  ],
];

/** The first or the second of the organizations. */
export type Side = 0 | 1;
export const sides: readonly Side[] = [0, 1];

export interface Turn {
  readonly by: Side;
  /** Such as `WaitStore.answer`. */
  readonly method: string;
  readonly text: string;
  readonly ask: Ask<Services>;
}

export interface Program {
  readonly organizations: Pair;
  /** Calls of one round are made at once: of the same method, for one organization and the other. */
  readonly rounds: readonly (readonly Turn[])[];
}

type Id = fc.Arbitrary<string>;
type Question = fc.Arbitrary<Omit<Turn, "by">>;

const questionsOf = <Name extends keyof Services>(
  service: Name,
  calls: Readonly<Record<string, fc.Arbitrary<Call<Services[Name]>>>>,
): readonly Question[] =>
  Object.entries(calls).map(([name, call]) => {
    const method = `${service}.${name}`;
    return call.map(({ facts, ask }) => ({
      method,
      text: `${method} ${JSON.stringify(facts)}`,
      ask: (services, organizationId) => ask(services[service], organizationId),
    }));
  });

/** What has to do with one another, so that the calls of a program meet. */
const families = {
  records: (id: Id) => questionsOf("ExecutionStore", executionCalls(id)),
  waits: (id: Id) => questionsOf("WaitStore", waitCalls(id)),
  objects: (id: Id) => questionsOf("ObjectStore", objectCalls(id)),
  credits: (id: Id) => questionsOf("CreditService", creditCalls(id)),
  secrets: (id: Id) => [
    ...questionsOf("SecretStore", secretCalls(id)),
    ...questionsOf("ResourceProvider", providerCalls(id)),
  ],
  integrations: (id: Id) => [
    ...questionsOf("IntegrationStore", integrationCalls(id)),
    ...questionsOf("TokenRefresher", refresherCalls(id)),
    ...questionsOf("ResourceProvider", providerCalls(id)),
  ],
  "runs from outside": (id: Id) => [
    ...questionsOf("Outside", outsideCalls(id)),
    ...questionsOf("ExecutionStore", executionCalls(id)),
    ...questionsOf("WaitStore", waitCalls(id)),
  ],
};

export type Family = keyof typeof families;
export const familyNames = Object.keys(families) as readonly Family[];

const roundsOf = (questions: readonly Question[]): fc.Arbitrary<Turn[][]> => {
  const rounds = questions.flatMap((question): fc.Arbitrary<Turn[]>[] => {
    const turnOf = (by: Side): fc.Arbitrary<Turn> => question.map((one) => ({ by, ...one }));
    const [first, second] = [turnOf(0), turnOf(1)];
    const same = (...order: readonly Side[]): fc.Arbitrary<Turn[]> =>
      question.map((one) => order.map((by) => ({ by, ...one })));
    return [fc.tuple(first), fc.tuple(second), fc.tuple(first, second), same(0, 1), same(1, 0)];
  });
  const round = fc.oneof(...rounds);
  return fc.array(round, { minLength: 1, maxLength: 40, size: "max" });
};

/** As a counterexample is read. */
const written = ({ organizations, rounds }: Program): string =>
  [
    `${organizations.map((name) => JSON.stringify(name)).join(" and ")}:`,
    ...rounds.map((round) => round.map(({ by, text }) => `  ${by}: ${text}`).join(", at once")),
  ].join("\n");

export const programOf = (family: Family): fc.Arbitrary<Program> =>
  fc.oneof(
    ...names.map(([organizations, ids]) =>
      roundsOf(families[family](fc.constantFrom(...ids))).map((rounds): Program => {
        const program = { organizations, rounds };
        return Object.assign(program, { [fc.toStringMethod]: () => written(program) });
      }),
    ),
  );
