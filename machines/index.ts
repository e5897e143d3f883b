/**
 * The lifecycles, and the core's transitions bound to them. These two charts are the only source of what may follow what.
 */
import type {
  NodeEventType,
  NodeLifecycle,
  WorkflowEventType,
  WorkflowLifecycle,
} from "#core/lifecycle";
import { transitionsOf } from "#core/transition";
import { chartOf } from "./chart.ts";
import { nodeMachine } from "./node.machine.ts";
import { workflowMachine } from "./workflow.machine.ts";

export { nodeMachine, workflowMachine };

export const nodeChart = chartOf<NodeLifecycle, NodeEventType>(nodeMachine);
export const workflowChart = chartOf<WorkflowLifecycle, WorkflowEventType>(workflowMachine);

export const {
  transition,
  start,
  complete,
  fail,
  skip,
  retry,
  wait,
  sleep,
  resume,
  exhaust,
  pause,
  cancel,
} = transitionsOf({ node: nodeChart, workflow: workflowChart });
