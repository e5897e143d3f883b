/**
 * A run whose parameters are too large for the platform finds them in the store, and so does a part of a run: they come out of
 * steps in pieces that a result can hold.
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import type { ExecuteParams } from "#core/execution-context";
import { loadStepName } from "#core/step-name";
import { DurableStep } from "#services/durable-step";
import { ServiceFailure } from "#services/errors";
import { ExecutionStore } from "#services/execution-store";

/** Characters; two bytes each at most, in a result that keeps 1 MiB. */
const pieceLength = 400_000;

interface Piece {
  readonly pieces: number;
  readonly text: string;
  /** When it was read, in milliseconds since 1970. */
  readonly readAt: number;
}

export interface LoadedParams {
  readonly params: ExecuteParams;
  /** The pieces were on record: the process that ran the run before has died. */
  readonly isResumed: boolean;
  /** When they were read first, in milliseconds since 1970. */
  readonly readAt: number;
}

const missing = (executionId: string): ServiceFailure =>
  new ServiceFailure({
    operation: "ExecutionStore.readStart",
    message: `The parameters of run '${executionId}' are not in the store. Start it again.`,
    isFinal: true,
  });

/** The parameters of the run as it was started. Read once in this process, however many pieces they are. */
export const loadParams: (
  organizationId: string,
  executionId: string,
) => Effect.Effect<LoadedParams, never, DurableStep | ExecutionStore> = Effect.fnUntraced(
  function* (organizationId, executionId) {
    const steps = yield* DurableStep;
    const store = yield* ExecutionStore;
    const clock = yield* Clock.Clock;
    let reading: Promise<string> | undefined;
    let isResumed = true;
    const read = store.readStart(organizationId, executionId).pipe(
      Effect.flatMap((start) =>
        start === undefined ? Effect.fail(missing(executionId)) : Effect.succeed(start),
      ),
      Effect.map((start) => JSON.stringify(start)),
    );
    const piece = (number: number): Promise<Piece> =>
      steps.do(loadStepName(number), { retry: true }, async ({ attempt }) => {
        if (number === 1) isResumed = attempt > 1;
        reading ??= Effect.runPromise(read);
        const text = await reading;
        return {
          pieces: Math.max(1, Math.ceil(text.length / pieceLength)),
          text: text.slice((number - 1) * pieceLength, number * pieceLength),
          readAt: clock.currentTimeMillisUnsafe(),
        };
      });
    return yield* Effect.promise(async () => {
      const first = await piece(1);
      const texts = [first.text];
      for (let number = 2; number <= first.pieces; number++) {
        texts.push((await piece(number)).text);
      }
      const params = JSON.parse(texts.join("")) as ExecuteParams;
      return { params, isResumed, readAt: first.readAt };
    });
  },
);
