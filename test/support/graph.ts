/**
 * Workflow documents as one-line strings: `graph("a -> b", "fork:true -> c", "a:x -> b:y", "alone")`. Nodes and ports exist
 * by being named, in the order they are named; ports are `out` and `in` unless told and take any value. What a line cannot say
 * comes last, as options.
 */
import type { Edge, Node, Parameter, Policy, Settings, Workflow } from "#core/workflow";

type Facts = Partial<Omit<Parameter, "name">>;

interface GraphOptions {
  /** Ids that edges name and `nodes` lacks. */
  readonly missing?: readonly string[];
  /** Node id -> type; `test` unless told. */
  readonly types?: Readonly<Record<string, string>>;
  /** `"b:in"` -> what is special about the input. Declares one that no edge names. */
  readonly inputs?: Readonly<Record<string, Facts>>;
  /** `"a:out"` -> what is special about the output. Declares one that no edge names. */
  readonly outputs?: Readonly<Record<string, Facts>>;
  readonly policies?: Readonly<Record<string, Policy>>;
  readonly settings?: Settings;
}

interface Ports {
  readonly inputs: Map<string, Parameter>;
  readonly outputs: Map<string, Parameter>;
}

/** `"a:x"` is port `x` of `a`. An id that holds a colon cannot be written so. */
const splitPort = (text: string, port: string): readonly [id: string, port: string] => {
  const colon = text.indexOf(":");
  return colon < 0 ? [text, port] : [text.slice(0, colon), text.slice(colon + 1)];
};

export const graph = (...parts: readonly (string | GraphOptions)[]): Workflow => {
  const options = parts.find((part) => typeof part !== "string") ?? {};
  const portsById = new Map<string, Ports>();
  const edges: Edge[] = [];

  const portsOf = (id: string): Ports => {
    const ports = portsById.get(id) ?? { inputs: new Map(), outputs: new Map() };
    portsById.set(id, ports);
    return ports;
  };
  const declare = (side: keyof Ports, id: string, name: string, facts: Facts = {}): void => {
    const ports = portsOf(id)[side];
    ports.set(name, { type: "any", ...ports.get(name), ...facts, name });
  };

  for (const line of parts) {
    if (typeof line !== "string") continue;
    const stops = line.split("->").map((stop) => stop.trim());
    if (stops.length === 1) portsOf(line.trim());
    for (const [index, stop] of stops.slice(1).entries()) {
      const [source, sourceOutput] = splitPort(stops[index]!, "out");
      const [target, targetInput] = splitPort(stop, "in");
      if (stop.includes(":") && index < stops.length - 2) {
        throw new Error(`Is '${stop}' an input or an output? Write two lines.`);
      }
      declare("outputs", source, sourceOutput);
      declare("inputs", target, targetInput);
      edges.push({ source, sourceOutput, target, targetInput });
    }
  }
  for (const side of ["inputs", "outputs"] as const) {
    for (const [place, facts] of Object.entries(options[side] ?? {})) {
      declare(side, ...splitPort(place, side === "inputs" ? "in" : "out"), facts);
    }
  }

  const missing = new Set(options.missing);
  const nodes = [...portsById].flatMap(([id, ports]): Node[] => {
    if (missing.has(id)) return [];
    const policy = options.policies?.[id];
    return [
      {
        id,
        name: id,
        type: options.types?.[id] ?? "test",
        inputs: [...ports.inputs.values()],
        outputs: [...ports.outputs.values()],
        ...(policy === undefined ? {} : { policy }),
      },
    ];
  });
  const { settings } = options;
  return {
    id: "workflow",
    name: "Workflow",
    trigger: "manual",
    nodes,
    edges,
    ...(settings === undefined ? {} : { settings }),
  };
};
