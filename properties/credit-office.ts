/**
 * The CreditService beside its model: whatever is asked of it is asked of both, at once and sometimes again, and what they
 * answer and count is compared on the spot and written down.
 */
import { isDeepStrictEqual } from "node:util";
import * as Effect from "effect/Effect";
import type { CreditAccount, Extension, Reservation } from "#services/credit-service";
import type { CreditService } from "#services/credit-service";
import * as modelled from "./credit-model.ts";
import type { Turns } from "./turns.ts";
import type { Process, RunKey } from "./world.ts";

type Sums = Pick<CreditAccount, "reserved" | "spent">;

/** What came to pass, in order. */
export type Happening = { readonly key: RunKey; readonly before: Sums; readonly after: Sums } & (
  | {
      readonly does: "reserve";
      readonly asked: Reservation;
      readonly isGranted: boolean;
      /** The plan's, in millionths. */
      readonly most: number;
    }
  | {
      readonly does: "extend" | "extend again";
      readonly asked: Extension;
      readonly isGranted: boolean;
      /** The plan's, in millionths. */
      readonly most: number;
    }
  | { readonly does: "settle"; readonly usage: number }
  | { readonly does: "plan" | "run a node" | "ask again" }
);

const nobody = "nobody";

/** The service as the town has it, beside its model. */
export const openOffice = (
  credits: CreditService["Service"],
  model: modelled.CreditModel,
  turns: Turns,
) => {
  const log: Happening[] = [];
  const differences: string[] = [];
  let asked = 0;
  const compare = (what: string, given: unknown, expected: unknown): void => {
    if (isDeepStrictEqual(given, expected)) return;
    differences.push(
      `${what}: ${JSON.stringify(given)} where ${JSON.stringify(expected)} is right`,
    );
  };
  const sumsOf = (organizationId: string): Sums => {
    const { plan, reserved, spent } = Effect.runSync(credits.account(organizationId));
    const expected = modelled.accountOf(model, organizationId);
    const counted = {
      plan,
      reserved: modelled.millionths(reserved),
      spent: modelled.millionths(spent),
    };
    compare(`account of ${organizationId}`, counted, expected);
    return counted;
  };
  const did = <A>(
    key: RunKey,
    what: string,
    real: Effect.Effect<A, unknown>,
    expected: () => A,
    tell?: (answer: A) => object,
  ): A => {
    const before = sumsOf(key.organizationId);
    const answer = Effect.runSync(real as Effect.Effect<A>);
    compare(`${what} of ${key.executionId}`, answer, expected());
    const after = sumsOf(key.organizationId);
    if (tell !== undefined) {
      log.push({ key, before, after, ...tell(answer) } as Happening);
    }
    return answer;
  };
  /** A platform may try again what it had done, at any time. */
  const again = (act: () => unknown): void => {
    if (asked++ % 3 === 0) void turns.take().then(act);
  };
  const askAgain = () => ({ does: "ask again" });
  const reserve: CreditService["Service"]["reserve"] = (one) =>
    Effect.sync(() => {
      const real = credits.reserve(one);
      const most = modelled.planMost(model, one.organizationId);
      const isGranted = did(
        one,
        "reserve",
        real,
        () => modelled.reserve(model, one),
        (granted) => ({ does: "reserve", asked: one, isGranted: granted, most }),
      );
      const repeat = (): unknown =>
        did(one, "reserve again", real, () => modelled.reserve(model, one), askAgain);
      if (isGranted) again(repeat);
      return isGranted;
    });
  const extend: CreditService["Service"]["extend"] = (one) =>
    Effect.sync(() => {
      const real = credits.extend(one);
      const most = modelled.planMost(model, one.organizationId);
      const isGranted = did(
        one,
        "extend",
        real,
        () => modelled.extend(model, one),
        (granted) => ({ does: "extend", asked: one, isGranted: granted, most }),
      );
      const repeat = (): unknown =>
        did(
          one,
          "extend again",
          real,
          () => modelled.extend(model, one),
          (granted) => ({
            does: "extend again",
            asked: one,
            isGranted: granted,
            most: modelled.planMost(model, one.organizationId),
          }),
        );
      // Where it was refused before, there may be room by then.
      if (isGranted) again(repeat);
      return isGranted;
    });
  const settle: CreditService["Service"]["settle"] = (one) =>
    Effect.sync(() => {
      const { usage } = one;
      did(
        one,
        "settle",
        credits.settle(one),
        () => modelled.settle(model, one),
        () => ({ does: "settle", usage: modelled.millionths(usage) }),
      );
      // The first cost that was told counts, if there was one.
      const other = { ...one, usage: modelled.runOf(model, one) === undefined ? 0 : usage + 1 };
      again(() =>
        did(
          one,
          "settle again",
          credits.settle(other),
          () => modelled.settle(model, other),
          askAgain,
        ),
      );
    });
  const service: CreditService["Service"] = {
    ...credits,
    reserve,
    extend,
    settle,
    allot: (one) =>
      Effect.sync(() => did(one, "allot", credits.allot(one), () => modelled.allot(model, one))),
    correct: (one) =>
      Effect.sync(() =>
        did(one, "correct", credits.correct(one), () => modelled.correct(model, one)),
      ),
    setPlan: (organizationId, plan) =>
      Effect.sync(() =>
        did(
          { organizationId, executionId: nobody },
          "plan",
          credits.setPlan(organizationId, plan),
          () => void model.plans.push({ organizationId, plan }),
          () => ({ does: "plan" }),
        ),
      ),
  };
  const noteNode = (key: RunKey): void => {
    const sums = sumsOf(key.organizationId);
    log.push({ key, before: sums, after: sums, does: "run a node" });
  };
  return { log, differences, service, noteNode };
};

/** The service as a process sees it, which may die in each of its calls. */
export const askedBy = (
  { ask }: Process,
  service: CreditService["Service"],
): CreditService["Service"] => {
  const through = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.promise(() => ask(() => Effect.runSync(effect)));
  return {
    ...service,
    reserve: (one) => through(service.reserve(one)),
    extend: (one) => through(service.extend(one)),
    settle: (one) => through(service.settle(one)),
    allot: (one) => through(service.allot(one)),
    correct: (one) => through(service.correct(one)),
  };
};
