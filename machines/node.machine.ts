/**
 * The life of one node. Inert: no guards over time, no effects, no context. Core rules decide which event is due
 * (a failed attempt is `retry` while attempts are left, `fail` after that); the chart decides whether it may follow.
 * Keeps NODE-1: completed, failed and skipped are final.
 */
import { setup } from "xstate";
import type { NodeEventType } from "#core/lifecycle";

export const nodeMachine = setup({
  types: { events: {} as { readonly type: NodeEventType } },
}).createMachine({
  id: "node",
  initial: "idle",
  states: {
    idle: {
      description: "waits until every upstream node is final",
      on: {
        start: { target: "executing", description: "one inbound edge is live, or there is none" },
        skip: { target: "skipped", description: "every inbound edge is blocked" },
      },
    },
    executing: {
      initial: "running",
      on: {
        fail: {
          target: "failed",
          description: "threw, returned a failure, timed out, or has no attempt left",
        },
        cancel: { target: "failed", description: "the run was cancelled" },
      },
      states: {
        running: {
          description: "an attempt is under way",
          on: {
            complete: { target: "#node.completed", description: "outputs are stored" },
            retry: { target: "retrying", description: "a retryable failure with attempts left" },
            wait: { target: "waiting", description: "parks on an event" },
            sleep: { target: "sleeping", description: "pauses until a time" },
          },
        },
        retrying: {
          description: "a failed attempt waits for its next",
          on: { resume: { target: "running", description: "the delay is over" } },
        },
        waiting: {
          description: "parked on an event",
          on: { resume: { target: "running", description: "the event came" } },
        },
        sleeping: {
          description: "parked until a time",
          on: { resume: { target: "running", description: "the time has come" } },
        },
      },
    },
    completed: { type: "final", description: "has its outputs" },
    failed: { type: "final", description: "has its error" },
    skipped: { type: "final", description: "has its reason and cause" },
  },
});
