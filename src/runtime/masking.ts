/**
 * What leaves a step leaves it without secrets (SECRET-1). The mask is at hand before a node runs, and again after it, since what
 * a node has read meanwhile is known too.
 */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Result from "effect/Result";
import type { Mask } from "#core/mask";
import type { AttemptFailure } from "#core/retry";
import { failureOf, ServiceFailure } from "#services/errors";
import { ResourceProvider } from "#services/resource-provider";
import type { Checked, Eventually } from "./eventually.ts";
import type { NodeEnvironment } from "./node-environment.ts";
import { patiently } from "./patiently.ts";

/** Why a node that nothing could be kept secret of does not run. */
const maskFailure: AttemptFailure = {
  message:
    "The organization's secrets could not be read, so that none could be kept out of the record",
  retryable: true,
};

const asServiceFailure = (cause: unknown): ServiceFailure =>
  cause instanceof ServiceFailure ? cause : failureOf("ResourceProvider.maskFor")(cause);

const loaded = (mask: () => Eventually<Mask>): Effect.Effect<Mask, ServiceFailure> =>
  Effect.tryPromise({ try: async () => mask(), catch: asServiceFailure });

/** Undefined once the mask is at hand; a node that runs without it might give everything away. */
export const missingMask = async (
  { mask, runExit }: Pick<NodeEnvironment, "mask" | "runExit">,
  asked: Promise<Mask>,
): Promise<AttemptFailure | undefined> => {
  let first: Promise<Mask> | undefined = asked;
  const next = (): Eventually<Mask> => {
    const begun = first;
    first = undefined;
    return begun ?? mask();
  };
  return Exit.isSuccess(await runExit(patiently(loaded(next)))) ? undefined : maskFailure;
};

/** For a run as a whole: secrets that are sealed under a key that is not there are out of anybody's reach for good. */
export const readMask = async ({
  mask,
}: Pick<NodeEnvironment, "mask">): Promise<Mask | { readonly refusal: string }> => {
  try {
    return await mask();
  } catch (failure) {
    if (!(failure instanceof ServiceFailure) || failure.isFinal !== true) throw failure;
    return { refusal: failure.message };
  }
};

/** For what comes in from outside of runs, and is stored. */
export const readKnownSecrets = (
  organizationId: string,
): Effect.Effect<Mask, ServiceFailure, ResourceProvider> =>
  ResourceProvider.use(({ maskFor }) => loaded(() => maskFor(organizationId)));

/** Characters. A step's result is its outputs and at most 1 KiB more, and a page of HTML in an error helps nobody. */
const longestMessage = 500;
const longestAttemptMessage = 120;

const shortenedTo = (longest: number, message: string): string =>
  message.length <= longest
    ? message
    : `${message.slice(0, longest).toWellFormed()}... (${message.length - longest} characters more)`;

/** What stands at one attempt; the node's own error says more. */
export const attemptMessage = (error: string): string => shortenedTo(longestAttemptMessage, error);

/** As it is told: masked before it is shortened, or half of a secret would stand at the cut. */
const toldFailure = (mask: Mask, failure: AttemptFailure): AttemptFailure => ({
  ...failure,
  message: shortenedTo(longestMessage, mask.text(failure.message)),
});

export const toldOutcome = <A>(mask: Mask, outcome: Checked<A>): Checked<A> =>
  Result.isSuccess(outcome) ? outcome : Result.fail(toldFailure(mask, outcome.failure));
