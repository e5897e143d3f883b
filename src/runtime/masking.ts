/**
 * What leaves a step leaves it without secrets (SECRET-1). The mask is at hand before a node runs, and again after it, since what
 * a node has read meanwhile is known too.
 */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { Mask } from "#core/mask";
import { noMask } from "#core/mask";
import type { AttemptFailure } from "#core/retry";
import { failureOf, ServiceFailure } from "#services/errors";
import { ResourceProvider } from "#services/resource-provider";
import type { Checked } from "./eventually.ts";
import { isPromise } from "./eventually.ts";
import type { NodeEnvironment } from "./node-environment.ts";

type Masking = Pick<NodeEnvironment, "mask">;

/** Why a node that nothing could be kept secret of does not run. */
export const maskFailure: AttemptFailure = {
  message:
    "The organization's secrets could not be read, so that none could be kept out of the record",
  retryable: true,
};

/** Undefined once the mask is at hand; a node that runs without it might give everything away. */
export const missingMask = async (mask: Promise<Mask>): Promise<AttemptFailure | undefined> => {
  try {
    await mask;
    return undefined;
  } catch {
    return maskFailure;
  }
};

/** For a run as a whole: secrets that are sealed under a key that is not there are out of anybody's reach for good. */
export const readMask = async ({ mask }: Masking): Promise<Mask | { readonly refusal: string }> => {
  try {
    return await mask();
  } catch (failure) {
    if (!(failure instanceof ServiceFailure) || failure.isFinal !== true) throw failure;
    return { refusal: failure.message };
  }
};

/** For what comes in from outside of runs, and is stored. */
export const readKnownSecrets: (
  organizationId: string,
) => Effect.Effect<Mask, ServiceFailure, ResourceProvider> = Effect.fnUntraced(
  function* (organizationId) {
    const resources = yield* ResourceProvider;
    const asked = Effect.tryPromise({
      try: async () => resources.maskFor(organizationId),
      catch: (cause) =>
        cause instanceof ServiceFailure ? cause : failureOf("ResourceProvider.maskFor")(cause),
    });
    return yield* asked;
  },
);

/** Outside of steps, where nothing may be read: what the steps of this process have read. */
export const maskAtHand = ({ mask }: Masking): Mask => {
  const known = mask();
  if (!isPromise(known)) return known;
  // Heard by whoever asks inside a step.
  known.catch(() => {});
  return noMask;
};

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
export const toldFailure = (mask: Mask, failure: AttemptFailure): AttemptFailure => ({
  ...failure,
  message: shortenedTo(longestMessage, mask.text(failure.message)),
});

export const toldOutcome = <A>(mask: Mask, outcome: Checked<A>): Checked<A> =>
  Result.isSuccess(outcome) ? outcome : Result.fail(toldFailure(mask, outcome.failure));
