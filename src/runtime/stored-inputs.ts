/**
 * Stored values come back in the step of the node that gets them, and the node sees nothing of it (VALUE-5). Only what the
 * engine itself stored as a value is read as one, whatever a reference claims, and only of the run's own organization.
 */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import * as Schedule from "effect/Schedule";
import type { AttemptFailure } from "#core/retry";
import {
  holdsStoredValue,
  isStoredValue,
  storedInputsStep,
  storedValueType,
} from "#core/stored-value";
import type { JsonValue, NodeRuntimeValues, ObjectReference, RuntimeValue } from "#core/value";
import { cloneSize, frozen, ownValue, recordOf } from "#core/value";
import type { Parameter } from "#core/workflow";
import { checkedRun, objectsAtOnce, orFailWith, refuse } from "./checked-effect.ts";
import type { Checked } from "./eventually.ts";
import type { NodeEnvironment } from "./node-environment.ts";

/** What a node starts with, and which of its json texts are not to be parsed, since they came over an edge. */
export interface CollectedInputs {
  readonly inputs: NodeRuntimeValues;
  readonly carriedTexts: readonly string[];
}

const readValue = (
  { objects, context: { organizationId } }: NodeEnvironment,
  port: Parameter,
  id: string,
): Effect.Effect<JsonValue, AttemptFailure> =>
  objects.read(organizationId, id).pipe(
    orFailWith(`Input '${port.name}' could not be read`),
    Effect.flatMap((found) => {
      if (found?.mimeType !== storedValueType) {
        return refuse(`Input '${port.name}' points to a stored value that does not exist`);
      }
      const value = JSON.parse(new TextDecoder().decode(found.data)) as JsonValue;
      return Effect.succeed(typeof value === "object" && value !== null ? frozen(value) : value);
    }),
  );

/** References of one input, in the order of their values. */
const referencesIn = (value: RuntimeValue): readonly ObjectReference[] =>
  Array.isArray(value) ? value.filter(isStoredValue) : isStoredValue(value) ? [value] : [];

/** The input with its values in place of their references; arrays among those are flattened as they are on edges. */
const withValues = (value: RuntimeValue, values: ReadonlyMap<string, JsonValue>): RuntimeValue => {
  if (isStoredValue(value)) return values.get(value.id)!;
  if (!Array.isArray(value)) return value;
  const list: JsonValue[] = [];
  for (const one of value as readonly JsonValue[]) {
    const read = isStoredValue(one) ? values.get(one.id)! : one;
    if (Array.isArray(read) && read !== one) for (const part of read) list.push(part);
    else list.push(read);
  }
  return list;
};

interface Unread {
  readonly port: Parameter;
  readonly id: string;
}

const storedPorts = (
  ports: readonly Parameter[],
  inputs: NodeRuntimeValues,
): readonly Parameter[] =>
  ports.filter((port) => holdsStoredValue(port, ownValue(inputs, port.name)));

/** Each stored value once, however many inputs it goes to. */
const unreadOf = (ports: readonly Parameter[], inputs: NodeRuntimeValues): readonly Unread[] => {
  const unread = new Map<string, Unread>();
  for (const port of storedPorts(ports, inputs)) {
    for (const { id } of referencesIn(inputs[port.name]!)) {
      if (!unread.has(id)) unread.set(id, { port, id });
    }
  }
  return [...unread.values()];
};

type Values = readonly (readonly [id: string, value: JsonValue])[];

const readValues = (
  env: NodeEnvironment,
  unread: readonly Unread[],
): Effect.Effect<Values, AttemptFailure> =>
  Effect.forEach(
    unread,
    ({ port, id }) => Effect.map(readValue(env, port, id), (value) => [id, value] as const),
    { concurrency: objectsAtOnce },
  );

/** What is read back is JSON already: no json port parses it again. */
const replaced = (
  ports: readonly Parameter[],
  { inputs, carriedTexts }: CollectedInputs,
  read: Values,
): CollectedInputs => {
  const values = new Map(read);
  const names = new Set(storedPorts(ports, inputs).map(({ name }) => name));
  return {
    inputs: recordOf(
      Object.entries(inputs).map(([name, value]) => [
        name,
        names.has(name) ? withValues(value, values) : value,
      ]),
    ),
    carriedTexts: [...carriedTexts, ...names],
  };
};

/** The inputs with their stored values. Inside a step, since it reads. */
export const readStoredInputs = async (
  env: NodeEnvironment,
  ports: readonly Parameter[],
  collected: CollectedInputs,
): Promise<Checked<CollectedInputs>> => {
  const read = await checkedRun(env, readValues(env, unreadOf(ports, collected.inputs)));
  return Result.map(read, (values) => replaced(ports, collected, values));
};

/** What a sub-step leaves on record: the values, or why there are none. A failure is data, as a replay must fail in the same way. */
type InputsRecord = { readonly values: Values } | { readonly error: string };

const isRetryable = ({ retryable }: AttemptFailure): boolean => retryable;

const readTries = { times: 3, schedule: Schedule.exponential("200 millis"), while: isRetryable };

const inputsRecord = async (
  env: NodeEnvironment,
  ports: readonly Parameter[],
  { inputs }: CollectedInputs,
): Promise<InputsRecord> => {
  const reading = Effect.retry(readValues(env, unreadOf(ports, inputs)), readTries);
  const read = await checkedRun(env, reading);
  if (Result.isFailure(read)) return { error: read.failure.message };
  const { resultLimit = Number.POSITIVE_INFINITY } = env.steps;
  const size = cloneSize(read.success);
  if (size <= resultLimit) return { values: read.success };
  const names = storedPorts(ports, inputs).map(({ name }) => `'${name}'`);
  return {
    error: `Input ${names.join(", ")} takes about ${size} bytes, and a node of several steps takes at most ${resultLimit}. Take out what it needs in a node of one step before it, or hand it a file.`,
  };
};

/** One sub-step for all attempts: they start with the same inputs, as the same object. */
const recordsByInputs = new WeakMap<NodeRuntimeValues, Promise<InputsRecord>>();

/**
 * The same for a multi-step node, whose function runs outside steps: a sub-step hands the values through, which makes them part
 * of its result. Rejects with the platform's own failure alone.
 */
export const readStoredInputsInStep = async (
  env: NodeEnvironment,
  nodeId: string,
  ports: readonly Parameter[],
  collected: CollectedInputs,
): Promise<Checked<CollectedInputs>> => {
  const reading =
    recordsByInputs.get(collected.inputs) ??
    env.steps.do(storedInputsStep(nodeId), { retry: true }, () =>
      inputsRecord(env, ports, collected),
    );
  recordsByInputs.set(collected.inputs, reading);
  const record = await reading;
  if ("error" in record) return Result.fail({ message: record.error, retryable: false });
  for (const [, value] of record.values) {
    if (typeof value === "object" && value !== null) frozen(value);
  }
  return Result.succeed(replaced(ports, collected, record.values));
};
