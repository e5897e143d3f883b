/**
 * Makes a node from its ports and a function. The types of the function's inputs and outputs follow from the ports:
 *
 *     defineNode({
 *       type: "addition", name: "Addition", category: "math", description: "Adds two numbers.", pure: true,
 *       inputs: [{ name: "a", type: "number", required: true }, { name: "b", type: "number", required: true }],
 *       outputs: [{ name: "result", type: "number" }],
 *       run: ({ a, b }) => ({ result: a + b }),
 *     })
 */
import { withCost } from "#services/node-definition";
import type {
  BinaryValue,
  DynamicInputs,
  MultiStepContext,
  NodeContext,
  NodeDefinition,
  NodeRun,
} from "#services/node-definition";
import type { JsonObject, RuntimeValue } from "#core/value";
import type { Parameter, ParameterType, Policy } from "#core/workflow";

type BinaryType = "blob" | "image" | "audio" | "video" | "document" | "gltf";

type ValueOf<T extends ParameterType> = T extends "number"
  ? number
  : T extends "boolean"
    ? boolean
    : T extends "json" | "any" | "schema"
      ? RuntimeValue
      : T extends "geojson"
        ? JsonObject
        : T extends BinaryType
          ? BinaryValue
          : string;

type PortValue<P extends Parameter> = P extends { readonly repeated: true }
  ? readonly ValueOf<P["type"]>[]
  : ValueOf<P["type"]>;

/** Present for certain: the engine refuses to run the node without a required input, and fills in a default. */
type Certain<P extends Parameter> = P extends { readonly required: true } | { readonly value: {} }
  ? P
  : never;

type Simplify<T> = { readonly [K in keyof T]: T[K] };

export type InputsOf<Ports extends readonly Parameter[]> = Simplify<
  { [P in Certain<Ports[number]> as P["name"]]: PortValue<P> } & {
    [P in Exclude<Ports[number], Certain<Ports[number]>> as P["name"]]?: PortValue<P>;
  }
>;

export type OutputsOf<Ports extends readonly Parameter[]> = Simplify<{
  [P in Ports[number] as P["name"]]?: PortValue<P> | null | undefined;
}>;

interface NodeFacts<In extends readonly Parameter[], Out extends readonly Parameter[]> {
  readonly type: string;
  readonly name: string;
  readonly category: string;
  readonly description: string;
  readonly inputs: In;
  readonly outputs: Out;
  /** Compute credits, from 0 to 2 ** 32. 1 unless told. */
  readonly computeCost?: number;
  readonly policy?: Policy;
}

type Dynamic = { readonly [port: string]: RuntimeValue | undefined };

/** A node with numbered ports gets those that the document gives it, under their names. */
type InputsWith<In extends readonly Parameter[], D> = D extends DynamicInputs
  ? Dynamic
  : InputsOf<In>;
type OutputsWith<Out extends readonly Parameter[], D> = D extends DynamicInputs
  ? Dynamic
  : OutputsOf<Out>;

export interface SingleStepNode<
  In extends readonly Parameter[],
  Out extends readonly Parameter[],
  D extends DynamicInputs | undefined,
> extends NodeFacts<In, Out> {
  readonly multiStep?: false;
  readonly pure?: boolean;
  readonly dynamicInputs?: D;
  readonly run: NodeRun<InputsWith<In, D>, OutputsWith<Out, D>, NodeContext>;
}

export interface MultiStepNode<
  In extends readonly Parameter[],
  Out extends readonly Parameter[],
> extends NodeFacts<In, Out> {
  readonly multiStep: true;
  readonly run: NodeRun<InputsOf<In>, OutputsOf<Out>, MultiStepContext>;
}

export function defineNode<
  const In extends readonly Parameter[],
  const Out extends readonly Parameter[],
  const D extends DynamicInputs | undefined = undefined,
>(node: SingleStepNode<In, Out, D>): NodeDefinition;
export function defineNode<
  const In extends readonly Parameter[],
  const Out extends readonly Parameter[],
>(node: MultiStepNode<In, Out>): NodeDefinition;
export function defineNode(node: object): NodeDefinition {
  // The engine checks every value against its port before `run` sees it; that is what the narrower types rest on.
  return withCost({ multiStep: false, pure: false, ...node } as NodeDefinition);
}
