/**
 * Ports: which fit together, and whether a value fits a port (VALUE-3). A value that does not is a failure with a name, never
 * dropped and never quietly parsed. Bytes are the shell's business: here a binary port holds a reference.
 */
import * as Result from "effect/Result";
import type { JsonValue, RuntimeValue } from "./value.ts";
import { describeValue, isJsonObject, isObjectReference } from "./value.ts";
import type { Parameter, ParameterType } from "./workflow.ts";

const binaryTypes: ReadonlySet<ParameterType> = new Set([
  "blob",
  "image",
  "audio",
  "video",
  "document",
  "gltf",
]);

/** Values of such a port are ObjectReferences on edges and bytes inside a node. */
export const isBinaryType = (type: ParameterType): boolean => binaryTypes.has(type);

export const isFittingPort = (source: ParameterType, target: ParameterType): boolean =>
  source === target ||
  source === "any" ||
  target === "any" ||
  (source === "blob" && isBinaryType(target)) ||
  (target === "blob" && isBinaryType(source));

/** The document's port with the facts that only its node type states. Most state all; those cost no copy. */
const mergePort = (own: Parameter, declared: Parameter | undefined): Parameter =>
  declared === undefined ||
  ((declared.required === undefined || own.required !== undefined) &&
    (declared.repeated === undefined || own.repeated !== undefined) &&
    (declared.value === undefined || own.value !== undefined) &&
    (declared.default === undefined || own.default !== undefined))
    ? own
    : { ...declared, ...own };

export const portNamed = (ports: readonly Parameter[], name: string): Parameter | undefined =>
  ports.find((port) => port.name === name);

/** The ports of a node, or of a node type. Ports are few, so no index pays off. */
export interface Ports {
  readonly inputs: readonly Parameter[];
  readonly outputs: readonly Parameter[];
}

/** Whether the document states all that the node type does, which most do. */
const isComplete = (own: readonly Parameter[], declared: readonly Parameter[]): boolean =>
  declared.every((port) => {
    const stated = portNamed(own, port.name);
    return stated !== undefined && mergePort(stated, port) === stated;
  });

/** One side's ports: the document's, then those of the node type that the document leaves out. */
const mergeSide = (
  own: readonly Parameter[],
  declared: readonly Parameter[],
): readonly Parameter[] => [
  ...own.map((port) => mergePort(port, portNamed(declared, port.name))),
  ...declared.filter(({ name }) => portNamed(own, name) === undefined),
];

/** A node's ports as its document and its type state them together. Copies nothing when the document states all. */
export const mergePorts = (node: Ports, type: Ports | undefined): Ports =>
  type === undefined ||
  (isComplete(node.inputs, type.inputs) && isComplete(node.outputs, type.outputs))
    ? node
    : {
        inputs: mergeSide(node.inputs, type.inputs),
        outputs: mergeSide(node.outputs, type.outputs),
      };

/** What must be true of one value of the type, and its name in a message. */
interface Expectation {
  readonly noun: string;
  readonly holds: (value: RuntimeValue) => boolean;
}

const text: Expectation = { noun: "string", holds: (value) => typeof value === "string" };
const anything = (noun: string): Expectation => ({ noun, holds: () => true });
const file = (noun: string): Expectation => ({ noun, holds: isObjectReference });
const named = (noun: string): Expectation => ({ ...text, noun });

const expectations: Readonly<Record<ParameterType, Expectation>> = {
  string: text,
  number: { noun: "number", holds: Number.isFinite },
  boolean: { noun: "boolean", holds: (value) => typeof value === "boolean" },
  date: {
    noun: "date",
    holds: (value) => typeof value === "string" && (value === "" || isDateText(value)),
  },
  json: anything("json"),
  any: anything("any"),
  blob: file("blob"),
  image: file("image"),
  audio: file("audio"),
  video: file("video"),
  document: file("document"),
  gltf: file("gltf"),
  geojson: { noun: "geojson", holds: isJsonObject },
  secret: named("secret"),
  schema: anything("schema"),
  integration: named("integration"),
  database: named("database"),
  dataset: named("dataset"),
  queue: named("queue"),
  email: named("email"),
  discord: named("discord"),
  telegram: named("telegram"),
  whatsapp: named("whatsapp"),
  slack: named("slack"),
};

/** ISO 8601, as every date in a document is: 2026-11-24, 2026-11-24T09:30Z, 2026-11-24T09:30:00.000+01:00. */
const dateText =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;
const isDateText = (value: string): boolean => dateText.test(value);

/** Says `Input 'a' expects number, got string`. */
export const misfit = (side: "Input" | "Output", port: Parameter, value: unknown): string => {
  const noun = expectations[port.type].noun;
  const plural = port.repeated === true && Array.isArray(value);
  const found = plural
    ? `an array with ${describeValue(value.find((v) => !expectations[port.type].holds(v)))}`
    : describeValue(value);
  return `${side} '${port.name}' expects ${noun}, got ${found}`;
};

const fits = (port: Parameter, value: RuntimeValue): boolean => {
  const { holds } = expectations[port.type];
  return port.repeated === true && Array.isArray(value) ? value.every(holds) : holds(value);
};

const parseJson = (text: string): Result.Result<JsonValue, unknown> =>
  Result.try(() => JSON.parse(text) as JsonValue);

/**
 * The value as the node gets it. A `json` port parses a string that stands in the document; a string that came over an
 * edge is JSON already, and so are the elements of an array.
 */
export const apiToNodeParameter = (
  port: Parameter,
  value: RuntimeValue,
  isLiteral: boolean,
): Result.Result<RuntimeValue, string> => {
  if (isLiteral && port.type === "json" && typeof value === "string") {
    const parsed = parseJson(value);
    return Result.isSuccess(parsed) && parsed.success !== null
      ? Result.succeed(parsed.success)
      : Result.fail(`Input '${port.name}' expects json, got a string that is not JSON`);
  }
  return fits(port, value) ? Result.succeed(value) : Result.fail(misfit("Input", port, value));
};

/** The value as it travels on. */
export const nodeToApiParameter = (
  port: Parameter,
  value: RuntimeValue,
): Result.Result<RuntimeValue, string> =>
  fits(port, value) ? Result.succeed(value) : Result.fail(misfit("Output", port, value));
