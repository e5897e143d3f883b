/** Plays a program over services that nobody has used, and says what each organization was told. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { Pair, Program, Side, Turn } from "./access-programs.ts";
import { sides } from "./access-programs.ts";
import type { Services } from "./access-question.ts";
import { openContext, servicesOf } from "./access-services.ts";

export interface Told {
  readonly by: Side;
  readonly method: string;
  /** The call, and the value or failure that came back. As text: an assertion must not print an own key `__proto__`. */
  readonly text: string;
}

const answerOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return { answer: exit.value };
  const { name, message, ...facts } = Cause.squash(exit.cause) as Error;
  return { failure: { ...facts, name, message } };
};

const tell = (
  { by, method, text, ask }: Turn,
  services: Services,
  organizations: Pair,
): Effect.Effect<Told> =>
  Effect.map(Effect.exit(ask(services, organizations[by])), (exit) => ({
    by,
    method,
    text: `${text} -> ${JSON.stringify(answerOf(exit))}`,
  }));

const play = ({ organizations, rounds }: Program): Promise<readonly Told[]> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const services = servicesOf(yield* openContext);
      const told: Told[] = [];
      for (const round of rounds) {
        const answers = round.map((turn) => tell(turn, services, organizations));
        told.push(...(yield* Effect.all(answers, { concurrency: "unbounded" })));
      }
      return told;
    }),
  );

/** What either is told, in the order in which it asks. */
export type Views = readonly (readonly Told[])[];

export const playTogether = async (program: Program): Promise<Views> => {
  const told = await play(program);
  return sides.map((side) => told.filter(({ by }) => by === side));
};

/** As if there were nobody else. */
export const playApart = ({ organizations, rounds }: Program): Promise<Views> =>
  Promise.all(
    sides.map((side) => {
      const own = rounds.map((round) => round.filter(({ by }) => by === side));
      return play({ organizations, rounds: own });
    }),
  );
