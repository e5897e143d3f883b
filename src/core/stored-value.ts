/**
 * Outputs that are too large for a step's result travel as a reference to their JSON in the object store (VALUE-5). Its media
 * type is the engine's own: no node writes it, and no node ever sees such a reference.
 */
import { nodeStepName, outputObjectName } from "./step-name.ts";
import type { NodeRuntimeValues, ObjectReference, RuntimeValue } from "./value.ts";
import { isObjectReference, ownValue } from "./value.ts";
import type { Parameter } from "./workflow.ts";

export const storedValueType = "application/vnd.pawl.value+json";

export const isStoredValue = (value: unknown): value is ObjectReference =>
  isObjectReference(value) && value.mimeType === storedValueType;

/** Whether there is something to read before the input can be used: the value, or one of those that edges gathered. */
export const holdsStoredValue = (port: Parameter, value: RuntimeValue | undefined): boolean =>
  port.repeated === true && Array.isArray(value) ? value.some(isStoredValue) : isStoredValue(value);

export const holdsStoredInput = (ports: readonly Parameter[], inputs: NodeRuntimeValues): boolean =>
  ports.some((port) => holdsStoredValue(port, ownValue(inputs, port.name)));

const mostInline = 128 * 1024;
const leastInline = 1024;
/**
 * For the outputs of one instance: past 32 MiB of results the local platform no longer finds it, and the outputs of a node
 * with retries stand in two results, its attempt's and its own.
 */
const mostOfInstance = 12 * 1024 * 1024;

/** Bytes of JSON that a node's outputs may take in its step's result, in a graph of so many nodes. */
export const inlineLimitOf = (nodeCount: number): number =>
  Math.min(mostInline, Math.max(leastInline, Math.floor(mostOfInstance / Math.max(nodeCount, 1))));

/** Beside the names of the output's files, which end in a number. The same for every attempt and every replay. */
export const storedValueName = (nodeId: string, output: string): string =>
  `${outputObjectName(nodeId, output, 0)}.json`;

/** The sub-step in which a multi-step node's stored inputs are read. No sub-step that a node names is called like it. */
export const storedInputsStep = (nodeId: string): string =>
  `${nodeStepName(nodeId)} / stored / inputs`;
