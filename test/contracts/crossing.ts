/**
 * How one organization tries to get at what is another's: it asks a store everything that can be asked, with the other's ids, and
 * must be told what it is told of ids that nobody has. Says nothing of any one store.
 */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { CreditService } from "#services/credit-service";
import type { ExecutionStore } from "#services/execution-store";
import type { IntegrationStore } from "#services/integration-store";
import type { ObjectStore } from "#services/object-store";
import type { ResourceProvider } from "#services/resource-provider";
import type { SecretStore } from "#services/secret-store";
import type { TokenRefresher } from "#services/token-refresher";
import type { WaitStore } from "#services/wait-store";
import { asText } from "./nasty-ids.ts";

/** Every service that holds something of organizations. */
export interface Stores {
  readonly ExecutionStore: ExecutionStore["Service"];
  readonly WaitStore: WaitStore["Service"];
  readonly ObjectStore: ObjectStore["Service"];
  readonly CreditService: CreditService["Service"];
  readonly SecretStore: SecretStore["Service"];
  readonly IntegrationStore: IntegrationStore["Service"];
  readonly ResourceProvider: ResourceProvider["Service"];
  readonly TokenRefresher: TokenRefresher["Service"];
}

/** What one organization calls its things; unlike anything else that an answer holds. */
export interface Ids {
  readonly organization: string;
  readonly run: string;
  readonly ended: string;
  readonly workflow: string;
  readonly hash: string;
  readonly instance: string;
  readonly node: string;
  readonly wait: string;
  readonly object: string;
  readonly secret: string;
  readonly value: string;
  readonly integration: string;
  readonly expired: string;
}

export const idsOf = (organization: string, mark: string): Ids => ({
  organization,
  run: `run-${mark}`,
  ended: `ended-${mark}`,
  workflow: `workflow-${mark}`,
  hash: `hash-${mark}`,
  instance: `instance-${mark}`,
  node: `node-${mark}`,
  wait: `wait-${mark}`,
  object: `object-${mark}`,
  secret: `SECRET_${mark}`,
  value: `a value of ${mark}, which is long`,
  integration: `integration-${mark}`,
  expired: `expired-${mark}`,
});

/** One question, and what it is called. */
export type Try = readonly [title: string, ask: Effect.Effect<unknown, unknown>];

export interface Crossing<S> {
  /** Leaves something of every kind under the organization's own ids. */
  readonly fill: (store: S, ids: Ids) => readonly Effect.Effect<unknown, unknown>[];
  /** All that the organization sees of it; changes nothing. */
  readonly look: (store: S, ids: Ids) => readonly Try[];
  /** Asked one after the other by an organization that does not own the ids. What it makes of them is its own from then on. */
  readonly tries: (store: S, organizationId: string, ids: Ids) => readonly Try[];
  /** Tries that tell the owner no more than anybody else. */
  readonly silent: readonly string[];
  /** For the watchdog or whoever runs the deployment: methods that take no organization, or see all of them. */
  readonly ofAll: readonly (keyof S & string)[];
}

export type Crossings = { readonly [Name in keyof Stores]: Crossing<Stores[Name]> };

/** As it is compared: whose ids they are is left out of it. */
const shown = (value: unknown, organizationId: string, ids: Ids): unknown => {
  if (typeof value === "string") {
    if (value === organizationId) return "<organization>";
    const { organization: _, ...names } = ids;
    return Object.entries(names).reduce(
      (text, [name, id]) => text.replaceAll(id, `<${name}>`),
      value,
    );
  }
  if (value === undefined) return "<undefined>";
  if (value instanceof Uint8Array) return { bytes: new TextDecoder().decode(value) };
  if (Array.isArray(value)) return value.map((one) => shown(one, organizationId, ids));
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value).map(([key, one]) => [
    shown(key, organizationId, ids),
    shown(one, organizationId, ids),
  ]);
};

const answerOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return { answer: exit.value };
  const { message, ...failure } = Cause.squash(exit.cause) as Error;
  return { failure: { ...failure, cause: undefined, message } };
};

/** Title -> answer, as text that any socket takes. */
export const play = async (
  tries: readonly Try[],
  organizationId: string,
  ids: Ids,
): Promise<Readonly<Record<string, string>>> => {
  const answers: [string, string][] = [];
  for (const [title, ask] of tries) {
    const answer = answerOf(await Effect.runPromiseExit(ask));
    answers.push([`${answers.length + 1} ${title}`, asText(shown(answer, organizationId, ids))]);
  }
  return Object.fromEntries(answers);
};

const isOf = (argument: unknown, organizationId: string): boolean =>
  argument === organizationId ||
  (typeof argument === "object" &&
    argument !== null &&
    "organizationId" in argument &&
    argument.organizationId === organizationId);

/** The same service, which notes what it is asked for that organization. */
export const noting = <S extends object>(
  service: S,
  organizationId: string,
  asked: Set<string>,
): S =>
  new Proxy(service, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      return (first: unknown, ...rest: readonly unknown[]): unknown => {
        if (isOf(first, organizationId)) asked.add(String(key));
        return Reflect.apply(value, target, [first, ...rest]);
      };
    },
  });
