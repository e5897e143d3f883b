/**
 * Values at a node's border: required inputs, defaults, types (VALUE-3), and bytes for references (VALUE-4). Bytes and stored
 * values are the only reasons to wait, so a node without them pays for no promise.
 */
import * as Exit from "effect/Exit";
import * as Result from "effect/Result";
import type { GraphNode } from "#core/graph";
import type { Mask } from "#core/mask";
import {
  apiToNodeParameter,
  isBinaryType,
  misfit,
  nodeToApiParameter,
  portNamed,
} from "#core/parameter";
import { outputObjectName } from "#core/step-name";
import { holdsStoredInput, storedValueType } from "#core/stored-value";
import type { NodeRuntimeValues, ObjectReference, RuntimeValue } from "#core/value";
import { ownValue, plainJson, recordOf } from "#core/value";
import type { Parameter } from "#core/workflow";
import type {
  BinaryValue,
  NodeDefinition,
  NodeInputs,
  NodeOutputs,
  NodeValue,
} from "#services/node-definition";
import type { Checked, Eventually } from "./eventually.ts";
import { andThenChecked } from "./eventually.ts";
import type { NodeEnvironment } from "./node-environment.ts";
import type { CollectedInputs } from "./stored-inputs.ts";
import { readStoredInputs, readStoredInputsInStep } from "./stored-inputs.ts";

const refuse = (message: string): Checked<never> => Result.fail({ message, retryable: false });

const isBinaryValue = (value: unknown): value is BinaryValue =>
  typeof value === "object" &&
  value !== null &&
  "data" in value &&
  value.data instanceof Uint8Array &&
  "mimeType" in value &&
  typeof value.mimeType === "string";

/** Turns each element of a list, or the one value, and stops at the first failure. */
const eachOf = async <A, B>(
  value: A | readonly A[],
  turn: (one: A, index: number) => Promise<Checked<B>>,
): Promise<Checked<B | readonly B[]>> => {
  if (!Array.isArray(value)) return turn(value as A, 0);
  const turned: B[] = [];
  for (const [index, one] of (value as readonly A[]).entries()) {
    const result = await turn(one, index);
    if (Result.isFailure(result)) return Result.fail(result.failure);
    turned.push(result.success);
  }
  return Result.succeed(turned);
};

const readBytes = async (
  env: NodeEnvironment,
  port: Parameter,
  reference: ObjectReference,
): Promise<Checked<BinaryValue>> => {
  const exit = await env.runExit(env.objects.read(env.context.organizationId, reference.id));
  if (Exit.isFailure(exit)) {
    return Result.fail({ message: `Input '${port.name}' could not be read`, retryable: true });
  }
  // A value of the engine's own is no file, whatever a document says that it is.
  return exit.value === undefined || exit.value.mimeType === storedValueType
    ? refuse(`Input '${port.name}' points to a stored object that does not exist`)
    : Result.succeed(exit.value);
};

const writeBytes = async (
  env: NodeEnvironment,
  nodeId: string,
  port: Parameter,
  index: number,
  value: BinaryValue,
): Promise<Checked<ObjectReference>> => {
  if (value.mimeType === storedValueType) {
    return refuse(
      `Output '${port.name}' is a file of the type ${storedValueType}, which no node may write`,
    );
  }
  const { organizationId, executionId } = env.context;
  const name = outputObjectName(nodeId, port.name, index);
  const exit = await env.runExit(env.objects.write({ organizationId, executionId }, name, value));
  return Exit.isSuccess(exit)
    ? Result.succeed(exit.value)
    : Result.fail({ message: `Output '${port.name}' could not be stored`, retryable: true });
};

const maskedFile = (mask: Mask, file: BinaryValue): BinaryValue => {
  if (mask.isEmpty) return file;
  const { data, mimeType, filename } = file;
  return {
    data: mask.bytes(data),
    mimeType: mask.text(mimeType),
    ...(filename === undefined ? {} : { filename: mask.text(filename) }),
  };
};

type Unread = readonly [Parameter, ObjectReference | readonly ObjectReference[]];

/** What the node's function gets, with stored values read back. */
export const decodeInputs = (
  env: NodeEnvironment,
  { id, ports: { inputs } }: GraphNode,
  definition: NodeDefinition,
  collected: CollectedInputs,
): Eventually<Checked<NodeInputs>> => {
  if (!holdsStoredInput(inputs, collected.inputs)) {
    return convertInputs(env, inputs, definition, collected);
  }
  const reading = definition.multiStep
    ? readStoredInputsInStep(env, id, inputs, collected)
    : readStoredInputs(env, inputs, collected);
  return andThenChecked(reading, (read) => convertInputs(env, inputs, definition, read));
};

const convertInputs = (
  env: NodeEnvironment,
  inputs: readonly Parameter[],
  definition: NodeDefinition,
  { inputs: collected, carriedTexts }: CollectedInputs,
): Eventually<Checked<NodeInputs>> => {
  const entries: (readonly [string, NodeValue])[] = [];
  const unread: Unread[] = [];
  for (const port of inputs) {
    const given = ownValue(collected, port.name);
    const value = given ?? port.value ?? port.default;
    if (value === undefined || value === null) {
      if (port.required === true) return refuse(`Input '${port.name}' is required`);
      continue;
    }
    const literal = given === undefined || !carriedTexts.includes(port.name);
    const converted = apiToNodeParameter(port, value, literal);
    if (Result.isFailure(converted)) return refuse(converted.failure);
    const fitted =
      port.repeated === true && !Array.isArray(converted.success)
        ? [converted.success]
        : converted.success;
    if (isBinaryType(port.type) && !definition.multiStep) unread.push([port, fitted as Unread[1]]);
    else entries.push([port.name, fitted as RuntimeValue]);
  }
  return unread.length === 0 ? Result.succeed(recordOf(entries)) : readAll(env, entries, unread);
};

const readAll = async (
  env: NodeEnvironment,
  entries: (readonly [string, NodeValue])[],
  unread: readonly Unread[],
): Promise<Checked<NodeInputs>> => {
  for (const [port, value] of unread) {
    const read = await eachOf<ObjectReference, BinaryValue>(value, (one) =>
      readBytes(env, port, one),
    );
    if (Result.isFailure(read)) return Result.fail(read.failure);
    entries.push([port.name, read.success]);
  }
  return Result.succeed(recordOf(entries));
};

type Unwritten = readonly [Parameter, BinaryValue | readonly BinaryValue[]];

/** `every` would pass over the holes of a list. */
const isUnwritten = (value: NodeValue): value is BinaryValue | readonly BinaryValue[] =>
  Array.isArray(value)
    ? value.length > 0 && value.findIndex((one) => !isBinaryValue(one)) < 0
    : isBinaryValue(value);

/** What travels on, without secrets: outputs that are null or undefined are not populated. */
export const encodeOutputs = (
  env: NodeEnvironment,
  mask: Mask,
  nodeId: string,
  ports: readonly Parameter[],
  outputs: NodeOutputs,
): Eventually<Checked<NodeRuntimeValues>> => {
  const entries: (readonly [string, RuntimeValue])[] = [];
  const unwritten: Unwritten[] = [];
  for (const [given, value] of Object.entries(outputs)) {
    if (value === undefined || value === null) continue;
    const name = mask.text(given);
    // An output that no port declares reaches no edge, but people still see it in the record.
    const port = portNamed(ports, name) ?? { name, type: "any" as const };
    if (isUnwritten(value)) {
      if (!isBinaryType(port.type) && port.type !== "any") {
        return refuse(misfit("Output", port, value));
      }
      unwritten.push([port, value]);
      continue;
    }
    const plain = plainJson(value);
    if (plain === undefined || plain === null) {
      return refuse(`Output '${name}' is not JSON: it holds something that JSON cannot say`);
    }
    const converted = nodeToApiParameter(port, mask.json(plain));
    if (Result.isFailure(converted)) return refuse(converted.failure);
    entries.push([name, converted.success]);
  }
  return unwritten.length === 0
    ? Result.succeed(recordOf(entries))
    : writeAll(env, mask, nodeId, entries, unwritten);
};

const writeAll = async (
  env: NodeEnvironment,
  mask: Mask,
  nodeId: string,
  entries: (readonly [string, RuntimeValue])[],
  unwritten: readonly Unwritten[],
): Promise<Checked<NodeRuntimeValues>> => {
  for (const [port, value] of unwritten) {
    const written = await eachOf<BinaryValue, ObjectReference>(value, (one, index) =>
      writeBytes(env, nodeId, port, index, maskedFile(mask, one)),
    );
    if (Result.isFailure(written)) return Result.fail(written.failure);
    entries.push([port.name, written.success as RuntimeValue]);
  }
  return Result.succeed(recordOf(entries));
};
