/**
 * The workflow document, as a schema. Unknown keys are kept and ignored: this is the format of files that already exist.
 * Checks the shape alone; what the parts mean to each other is in `validate.ts`.
 */
import * as Duration from "effect/Duration";
import * as Option from "effect/Option";
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import * as SchemaIssue from "effect/SchemaIssue";
import { isJsonValue } from "./value.ts";

export const triggers = [
  "manual",
  "http_webhook",
  "http_request",
  "form_webhook",
  "form_request",
  "email_message",
  "queue_message",
  "scheduled",
  "discord_event",
  "telegram_event",
  "whatsapp_event",
  "slack_event",
] as const;

export const parameterTypes = [
  "string",
  "number",
  "boolean",
  "date",
  "json",
  "any",
  "blob",
  "image",
  "audio",
  "video",
  "document",
  "gltf",
  "geojson",
  "secret",
  "schema",
  "integration",
  "database",
  "dataset",
  "queue",
  "email",
  "discord",
  "telegram",
  "whatsapp",
  "slack",
] as const;
export type ParameterType = (typeof parameterTypes)[number];

const NonEmpty = Schema.String.check(
  Schema.isMinLength(1, { message: "Expected some text, not an empty string" }),
);

const Id = NonEmpty.annotate({
  description: "Any non-empty string.",
});

/** Milliseconds, or words such as "30 seconds". */
const DurationInput = Schema.Union([
  Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)),
  NonEmpty.check(
    Schema.makeFilter((text) => durationMillis(text) !== undefined, {
      message: 'Expected a duration such as "30 seconds" or a number of milliseconds',
    }),
  ),
]).annotate({ description: 'Milliseconds, or words such as "30 seconds" or "2 minutes".' });

/** Any JSON. Checked with a loop, since a literal may nest deeper than the call stack. */
const Json = Schema.declare(isJsonValue, { expected: "a JSON value" });

export const Parameter = Schema.Struct({
  name: NonEmpty,
  type: Schema.Literals(parameterTypes),
  value: Schema.optionalKey(Json),
  required: Schema.optionalKey(Schema.Boolean),
  repeated: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "Takes any number of edges, as an array." }),
  ),
  hidden: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "Shown only where there is nothing else to show." }),
  ),
  description: Schema.optionalKey(Schema.String),
  minimum: Schema.optionalKey(Schema.Finite),
  maximum: Schema.optionalKey(Schema.Finite),
  enum: Schema.optionalKey(Schema.Array(Json)),
  format: Schema.optionalKey(Schema.String),
  default: Schema.optionalKey(Json),
}).annotate({ identifier: "Parameter", expected: "a port: an object with name and type" });
export interface Parameter extends Schema.Schema.Type<typeof Parameter> {}

export const Policy = Schema.Struct({
  retries: Schema.optionalKey(
    Schema.Struct({
      limit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 })).annotate({
        description: "Attempts after the first.",
      }),
      delay: DurationInput,
      backoff: Schema.Literals(["constant", "linear", "exponential"]),
    }),
  ),
  timeout: Schema.optionalKey(DurationInput),
}).annotate({ identifier: "Policy", expected: "a policy: an object with retries or timeout" });
export interface Policy extends Schema.Schema.Type<typeof Policy> {}

export const Node = Schema.Struct({
  id: Id,
  name: Schema.String,
  type: NonEmpty,
  position: Schema.optionalKey(Schema.Struct({ x: Schema.Finite, y: Schema.Finite })),
  description: Schema.optionalKey(Schema.String),
  inputs: Schema.Array(Parameter).annotate({
    description: "Values, and ports beyond those of the node's type. May be empty.",
  }),
  outputs: Schema.Array(Parameter).annotate({
    description: "Ports beyond those of the node's type. May be empty.",
  }),
  policy: Schema.optionalKey(Policy),
}).annotate({
  identifier: "Node",
  expected: "a node: an object with id, name, type, inputs and outputs",
});
export interface Node extends Schema.Schema.Type<typeof Node> {}

export const Edge = Schema.Struct({
  source: Id,
  sourceOutput: NonEmpty,
  target: Id,
  targetInput: NonEmpty,
}).annotate({
  identifier: "Edge",
  expected: "an edge: an object with source, sourceOutput, target and targetInput",
});
export interface Edge extends Schema.Schema.Type<typeof Edge> {}

export const Settings = Schema.Struct({
  statusPolicy: Schema.optionalKey(
    Schema.Literals(["strict", "branch-aware"]).annotate({
      description:
        "strict, the default: a run with a skipped node ends in error. branch-aware: a node skipped because a branch was not taken is no error.",
    }),
  ),
  maxConcurrency: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({
      description: "Nodes that run at the same time. 16 unless told.",
    }),
  ),
  steps: Schema.optionalKey(
    Schema.Literals(["all", "effects"]).annotate({
      description:
        "all, the default: every node has its durable step. effects: nodes that only compute, and skipped ones, take none; a replay computes them again.",
    }),
  ),
  budget: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
}).annotate({ identifier: "Settings", expected: "an object" });
export interface Settings extends Schema.Schema.Type<typeof Settings> {}

export const Workflow = Schema.Struct({
  id: Id,
  name: Schema.String,
  description: Schema.optionalKey(Schema.String),
  trigger: Schema.Literals(triggers).annotate({
    description: "What starts a run. Runs that are started by hand or by code take any.",
  }),
  runtime: Schema.optionalKey(Schema.Literals(["workflow", "worker"])),
  nodes: Schema.Array(Node),
  edges: Schema.Array(Edge),
  settings: Schema.optionalKey(Settings),
}).annotate({
  identifier: "Workflow",
  title: "Pawl workflow",
  expected: "a workflow: an object with id, name, trigger, nodes and edges",
});
export interface Workflow extends Schema.Schema.Type<typeof Workflow> {}

export interface ShapeIssue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const isWorkflow: (value: unknown) => value is Workflow = Schema.is(Workflow);
const decode = Schema.decodeUnknownResult(Workflow, { errors: "all" });
/** What the schema alone would call by the names of TypeScript. */
const wordsByType: ReadonlyMap<string, string> = new Map([
  ["Number", "a number, written without quotes"],
  ["String", "text in quotes"],
  ["Boolean", "true or false, written without quotes"],
  ["Arrays", "an array"],
]);

/** What is wrong and what to do, in the words that the schema brings for people. */
const messageOf: SchemaIssue.LeafHook = (issue) => {
  if (issue._tag === "MissingKey") return "This key is missing. Add it.";
  if (issue._tag !== "InvalidType") return SchemaIssue.defaultLeafHook(issue);
  const expected = issue.ast.annotations?.["expected"] ?? wordsByType.get(issue.ast._tag);
  return typeof expected === "string" ? `Expected ${expected}` : SchemaIssue.defaultLeafHook(issue);
};
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1({ leafHook: messageOf });

/**
 * Checks the shape of a document. The answer is the very value that came in, unknown keys and all, since the schema
 * transforms nothing. Fails with every issue found.
 */
export const decodeWorkflow = (
  document: unknown,
): Result.Result<Workflow, readonly ShapeIssue[]> => {
  // Most documents are right, and to know that takes less time than to look for all that is wrong.
  if (isWorkflow(document)) return Result.succeed(document);
  return Result.mapBoth(decode(document), {
    onSuccess: () => document as Workflow,
    onFailure: (error) =>
      issuesOf(error.issue).issues.map((issue) => ({
        path: (issue.path ?? []).map((segment) => {
          const key = typeof segment === "object" ? segment.key : segment;
          return typeof key === "number" ? key : String(key);
        }),
        message: issue.message.endsWith(".") ? issue.message : `${issue.message}.`,
      })),
  });
};

export const isNode: (value: unknown) => value is Node = Schema.is(Node);
export const isEdge: (value: unknown) => value is Edge = Schema.is(Edge);

/** Milliseconds of a policy's duration; undefined when the words make no duration. */
export function durationMillis(input: number | string): number | undefined {
  if (typeof input === "number") return input;
  const duration = Duration.fromInput(input as Duration.Input);
  if (Option.isNone(duration)) return undefined;
  const millis = Duration.toMillis(duration.value);
  return Number.isFinite(millis) ? millis : undefined;
}
