/**
 * The watchdog: a Durable Object whose alarm looks after live runs for as long as there are any. Alarms outlive the process,
 * so that a local runtime which was killed goes on by itself once it is started again; on Cloudflare, which resumes instances
 * itself, a wake-up is one event more.
 */
import { DurableObject } from "cloudflare:workers";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
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

export class Watchdog extends DurableObject<PawlEnv> {
  readonly #interval: number;
  #isFirstRound = true;

  constructor(context: DurableObjectState, env: PawlEnv) {
    super(context, env);
    const interval = Number(env.WATCHDOG_INTERVAL ?? defaultInterval);
    this.#interval = interval >= 100 ? interval : defaultInterval;
  }

  /** There is a live run from now on: the alarm is set unless it is. */
  async begin(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.#setAlarm();
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    const mayAllHaveDied = this.#isFirstRound && this.#interval <= sleeplessInterval;
    const before = mayAllHaveDied ? undefined : await this.ctx.storage.get<number>(lastRoundKey);
    this.#isFirstRound = false;
    await this.ctx.storage.put(lastRoundKey, now);
    // A round that fails is tried again in the next; the platform itself would give up after six.
    const live = await Effect.runPromise(
      wakeRuns({ now, before, patience: this.#interval }).pipe(
        Effect.provide(
          Layer.merge(cloudflareServices(this.env), workflowInstancesLayer(this.env.EXECUTE)),
        ),
        Effect.orElseSucceed(() => 1),
      ),
    );
    if (live > 0) await this.#setAlarm();
  }

  #setAlarm(): Promise<void> {
    return this.ctx.storage.setAlarm(Date.now() + this.#interval);
  }
}
