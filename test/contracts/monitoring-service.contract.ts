/** What every MonitoringService promises that somebody watches. `makeLayer` gets the watcher. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import type { MonitoringMessage } from "#services/monitoring-service";
import { MonitoringService } from "#services/monitoring-service";

const about = { organizationId: "acme", executionId: "run" };
export const messages: readonly MonitoringMessage[] = [
  { ...about, at: 1, type: "run", status: "executing" },
  { ...about, at: 2, type: "node", nodeId: "__proto__", status: "executing", attempt: 1 },
  { ...about, at: 3, type: "node", nodeId: "__proto__", status: "failed", error: "It broke" },
  { ...about, at: 3, type: "run", status: "error", error: "It broke" },
];

export const monitoringServiceContract = (
  name: string,
  makeLayer: (watch: (message: MonitoringMessage) => unknown) => Layer.Layer<MonitoringService>,
): void => {
  const open = (watch: (message: MonitoringMessage) => unknown): MonitoringService["Service"] =>
    Effect.runSync(Effect.provide(MonitoringService, makeLayer(watch)));

  describe(`MonitoringService: ${name}`, () => {
    it("tells its watcher each message once, in order", () => {
      const seen: MonitoringMessage[] = [];
      const { publish } = open((message) => void seen.push(message));
      for (const message of messages) publish(message);
      expect(seen).toEqual(messages);
    });

    it("answers nothing and does not wait", () => {
      const { publish } = open(() => new Promise(() => {}));
      expect(messages.map(publish)).toEqual(messages.map(() => undefined));
    });

    it("does not fail when its watcher is broken, and goes on telling it", () => {
      let calls = 0;
      const { publish } = open(() => {
        calls++;
        throw new Error("The watcher broke");
      });
      for (const message of messages) publish(message);
      expect(calls).toBe(messages.length);
    });

    it("does not fail when its watcher breaks later", async () => {
      const { publish } = open(() => Promise.reject(new Error("The watcher broke")));
      expect(messages.map(publish)).toEqual(messages.map(() => undefined));
      // A rejection that nobody took would fail the run of the tests by now.
      await new Promise((resolve) => setTimeout(resolve, 0));
    });
  });
};
