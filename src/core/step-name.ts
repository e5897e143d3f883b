/**
 * Names of durable steps (STEP-1). They are part of what a replay relies on: the same document gives the same names.
 */
import { fingerprint } from "./fingerprint.ts";

/**
 * Goes up with every change of a name that a run in flight could have on record. The first step of a run records it, so that
 * code which would look for other names refuses the run instead of doing everything again.
 */
export const stepNameScheme = 1;

export const initialiseStep = "initialise workflow";
export const preloadStep = "preload organization resources";
export const persistStep = "persist final execution record";

/** Cloudflare takes 256 characters; below that there is room for a sub-step's own name. */
const longestId = 160;
const longestSubStep = 60;

/**
 * Whether an id may stand in a name as it is. Control characters and lone surrogates do not survive in one, and what looks
 * like a sub-step's name or a shortened id could be taken for it.
 */
const isPlain = (id: string): boolean =>
  id.isWellFormed() && !/\p{Cc}| \/ |^[\s/]|[\s/]$| ~[0-9a-f]{16}$/u.test(id);

/** Shortened names keep a readable head and end in a hash of the whole. */
const shortened = (id: string, longest: number): string =>
  id.length <= longest && isPlain(id)
    ? id
    : `${id
        .slice(0, longest - 20)
        .toWellFormed()
        .replaceAll(/\p{Cc}/gu, " ")} ~${fingerprint([id])}`;

export const nodeStepName = (nodeId: string): string => `run node ${shortened(nodeId, longestId)}`;

/** A durable sub-step of a multi-step node. */
export const subStepName = (nodeId: string, name: string): string =>
  `${nodeStepName(nodeId)} / ${shortened(name, longestSubStep)}`;

/** A part of an object's name: no slash of its own, so that no two nodes ever mean one object. */
const namePart = (text: string, longest: number): string =>
  encodeURIComponent(shortened(text, longest));

/**
 * What an output's bytes are stored under; `index` counts the files of a list. The same for every attempt and every replay.
 */
export const outputObjectName = (nodeId: string, output: string, index: number): string =>
  `${namePart(nodeId, longestId)}/${namePart(output, longestSubStep)}/${index}`;

/** One of a node's attempts, when its policy allows several. */
export const attemptStepName = (nodeId: string, attempt: number): string =>
  subStepName(nodeId, `attempt ${attempt}`);

/** The pause after a failed attempt. */
export const retryStepName = (nodeId: string, attempt: number): string =>
  subStepName(nodeId, `retry ${attempt}`);

/** The three steps of a wait; `round` counts from 1 how often it has looked for its answer. */
export const waitStepNames = (
  nodeId: string,
  name: string,
  round: number,
): Readonly<Record<"ask" | "wait" | "answer", string>> => {
  const again = round === 1 ? "" : ` ${round}`;
  return {
    ask: subStepName(nodeId, `${name} (ask)`),
    wait: subStepName(nodeId, `${name} (wait${again})`),
    answer: subStepName(nodeId, `${name} (answer${again})`),
  };
};

/** Asks whether the run's budget allows the node. */
export const allotStepName = (nodeId: string): string => subStepName(nodeId, "(budget)");

/** Names that steps of the engine's own have, so that no node may give them to a step of its own. */
export const isReservedSubStep = (name: string): boolean =>
  /^\(budget\)$|^(?:retry|attempt) \d+$|\((?:attempt \d+|ask|(?:wait|answer)(?: \d+)?)\)$/.test(
    name,
  );

/** Unique among the waits of a run: an event that was consumed may be delivered again after a replay. */
export const waitEventType = (nodeId: string, name: string): string =>
  `wait_${fingerprint([nodeId, name])}`;

/** Commands to a run are numbered, and each has an event type of its own. */
export const commandEventType = (number: number): string => `command_${number}`;
/** `round` counts from 1 how often it has been listened for that one. */
export const listenStepName = (number: number, round = 1): string =>
  `listen for command ${number}${round === 1 ? "" : ` again ${round}`}`;
export const commandStepName = (number: number, round = 1): string =>
  `take command ${number}${round === 1 ? "" : ` again ${round}`}`;

/** A part of an idempotency key: without slashes of its own, so that no two nodes or steps of nodes share a key. */
export const keyPart = (text: string): string =>
  /[%/]/.test(text) ? text.replaceAll("%", "%25").replaceAll("/", "%2F") : text;

/** A part of what a redrive takes over from an earlier run. */
export const reuseStepName = (part: number): string => `take over earlier nodes ${part}`;

/** A part of the definition of a run whose parameters could not hold it. */
export const loadStepName = (part: number): string => `load definition ${part}`;

/** The steps with which a run of several instances starts a part and waits for it; `round` counts from 1. */
export const partStepNames = (
  part: number,
  round: number,
): Readonly<Record<"start" | "wait" | "answer", string>> => {
  const again = round === 1 ? "" : ` ${round}`;
  return {
    start: `start part ${part}`,
    wait: `wait for part ${part}${again}`,
    answer: `read part ${part}${again}`,
  };
};
export const partEventType = (part: number): string => `part_${part}`;
export const persistPartStep = "persist part";
export const handOverStep = "hand over earlier nodes";

/** Hands a command on to the parts under way. */
export const passOnStepName = (number: number): string => `pass on command ${number}`;

/** What a part leaves in the object store, under its run. */
export const partObjectName = (part: number): string => `parts/${part}.json`;
