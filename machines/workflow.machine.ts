/**
 * The life of one run. Inert like the node's chart. It also says when nodes may move: only an active run starts a node,
 * an active or paused run lets running nodes end and skips others. Keeps STATUS-2: a final status never changes.
 */
import { setup } from "xstate";
import type { WorkflowEventType } from "#core/lifecycle";

export const workflowMachine = setup({
  types: { events: {} as { readonly type: WorkflowEventType } },
}).createMachine({
  id: "workflow",
  initial: "submitted",
  states: {
    submitted: {
      description: "accepted, nothing has run",
      on: {
        start: {
          target: "executing",
          description: "the document is valid and its credits are reserved",
        },
        fail: { target: "error", description: "the document was refused" },
        exhaust: { target: "exhausted", description: "the estimate does not fit the credits" },
        cancel: { target: "cancelled", description: "cancelled before it began" },
      },
    },
    executing: {
      initial: "active",
      on: {
        complete: { target: "completed", description: "every node is final and none is a problem" },
        fail: { target: "error", description: "every node is final and one failed or was skipped" },
        exhaust: { target: "exhausted", description: "the budget is spent" },
        cancel: { target: "cancelled", description: "running attempts are aborted" },
      },
      states: {
        active: {
          description: "starts nodes as they become ready",
          on: {
            startNode: { target: "active", description: "a ready node starts" },
            moveNode: { target: "active", description: "a node moves on, or is skipped" },
            pause: { target: "paused", description: "starts no more nodes" },
          },
        },
        paused: {
          description: "lets running nodes end",
          on: {
            moveNode: { target: "paused", description: "a node moves on, or is skipped" },
            resume: { target: "active", description: "goes on" },
          },
        },
      },
    },
    completed: { type: "final", description: "every node is done" },
    error: {
      type: "final",
      description: "a node failed or was skipped, or the document was refused",
    },
    exhausted: { type: "final", description: "out of compute credits" },
    cancelled: { type: "final", description: "stopped by a person" },
  },
});
