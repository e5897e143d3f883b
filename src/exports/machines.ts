/** `pawl/machines`: the XState charts of both lifecycles, and the transitions that they decide. */
export {
  cancel,
  complete,
  exhaust,
  fail,
  nodeMachine,
  pause,
  resume,
  retry,
  skip,
  sleep,
  start,
  transition,
  wait,
  workflowMachine,
} from "#machines/index";
