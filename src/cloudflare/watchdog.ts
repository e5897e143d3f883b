/**
 * The watchdog: a Durable Object whose alarm looks after live runs, and what dead ones have reserved, for as long as there are any. Alarms outlive the process,
 * so that a local runtime which was killed goes on by itself once it is started again; on Cloudflare, which resumes instances
 * itself, a wake-up is one event more.
 */
import { DurableObject } from "cloudflare:workers";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import { releaseReservations } from "#runtime/release-reservations";
import { wakeRuns } from "#runtime/wake-runs";
import type { PawlEnv } from "./env.ts";
import { cloudflareServices } from "./layers.ts";
import { workflowInstancesLayer } from "./workflow-instances.ts";

const defaultInterval = 60_000;

/**
 * An object that has an alarm this often is never put to sleep: a new one means a new process, and every run that lived in
 * the old one may be standing still.
 */
const sleeplessInterval = 5_000;

const lastRoundKey = "lastRound";

export interface WatchdogOptions<Env extends PawlEnv = PawlEnv> {
  /** Services to use in place of Pawl's own: the same as the entrypoint's. */
  readonly layers?: (env: Env, context: DurableObjectState) => Layer.Layer<never>;
}

type WatchdogClass<Env extends PawlEnv> = new (
  context: DurableObjectState,
  env: Env,
) => DurableObject<Env> & {
  begin(): Promise<void>;
  alarm(): Promise<void>;
};

/** The class to export from a Worker and to bind as WATCHDOG. */
export const watchdog = <Env extends PawlEnv = PawlEnv>(
  options: WatchdogOptions<Env> = {},
): WatchdogClass<Env> =>
  class extends DurableObject<Env> {
    readonly #interval: number;
    #isFirstRound = true;
    /** A run may begin a moment before its row is there. */
    #hasBegun = false;

    constructor(context: DurableObjectState, env: Env) {
      super(context, env);
      const interval = Number(env.WATCHDOG_INTERVAL ?? defaultInterval);
      this.#interval = interval >= 100 ? interval : defaultInterval;
    }

    /** There is a live run from now on: the alarm is set unless it is. */
    async begin(): Promise<void> {
      this.#hasBegun = true;
      if ((await this.ctx.storage.getAlarm()) === null) await this.#setAlarm();
    }

    /** Never rejects: the platform would try six times and then leave the runs alone for ever. */
    override async alarm(): Promise<void> {
      const now = Date.now();
      const hasBegun = this.#hasBegun;
      this.#hasBegun = false;
      const mayAllHaveDied = this.#isFirstRound && this.#interval <= sleeplessInterval;
      const before = mayAllHaveDied ? undefined : await this.ctx.storage.get<number>(lastRoundKey);
      const services = Layer.mergeAll(
        cloudflareServices(this.env),
        workflowInstancesLayer(this.env.EXECUTE),
        options.layers?.(this.env, this.ctx) ?? Layer.empty,
      );
      const round = { now, before, patience: this.#interval };
      const exit = await Effect.runPromiseExit(
        Effect.all([wakeRuns(round), releaseReservations(round)]).pipe(Effect.provide(services)),
      );
      // What could not be woken is due again in the next round.
      if (Exit.isSuccess(exit) && exit.value[0].failed === 0) {
        this.#isFirstRound = false;
        await this.ctx.storage.put(lastRoundKey, now);
      }
      const isQuiet = Exit.isSuccess(exit) && exit.value[0].live === 0 && exit.value[1] === 0;
      if (!isQuiet || hasBegun) await this.#setAlarm();
    }

    #setAlarm(): Promise<void> {
      return this.ctx.storage.setAlarm(Date.now() + this.#interval);
    }
  };

/** The watchdog of a Worker that brings no services of its own. */
export class Watchdog extends watchdog() {}
