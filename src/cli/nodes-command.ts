/** `pawl nodes`: what a workflow can be made of, and the ports of each type. */
import { builtInNodes } from "#nodes/registry";
import type { Parameter } from "#core/workflow";
import type { NodeDefinition } from "#services/node-definition";
import { registryOf } from "#services/node-registry";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import { nearest } from "./nearest.ts";
import type { Cell } from "./table.ts";
import { renderTable } from "./table.ts";
import type { Paint } from "./terminal.ts";
import { columnsOf, paintFor, print, printJson } from "./terminal.ts";
import { count, padEnd, printable, shorten, widthOf, wrap } from "./text.ts";

export interface NodesOptions {
  readonly json?: boolean;
}

const byCategory = (definitions: readonly NodeDefinition[]): Map<string, NodeDefinition[]> => {
  const groups = new Map<string, NodeDefinition[]>();
  for (const definition of definitions) {
    const group = groups.get(definition.category) ?? [];
    group.push(definition);
    groups.set(definition.category, group);
  }
  return groups;
};

const renderList = (
  definitions: readonly NodeDefinition[],
  columns: number,
  paint: Paint,
): string => {
  const width = Math.max(...definitions.map(({ type }) => widthOf(type)));
  const room = columns - width - 4;
  const itemOf = ({ type, description }: NodeDefinition): string => {
    // Below so many columns a second line says more than a second column.
    const lines = wrap(description, room < 24 ? columns - 4 : room);
    const margin = " ".repeat(room < 24 ? 4 : width + 4);
    const start = `  ${paint("cyan", padEnd(type, width))}`;
    return room < 24
      ? [start.trimEnd(), ...lines.map((line) => margin + line)].join("\n")
      : `${start}  ${lines.join(`\n${margin}`)}`;
  };
  const groups = [...byCategory(definitions)].map(([category, group]) =>
    [paint("bold", category), ...group.map(itemOf)].join("\n"),
  );
  return [
    ...groups,
    `${count(definitions.length, "node type")}. 'pawl nodes TYPE' shows the ports of one.`,
  ].join("\n\n");
};

/** What a person must know to fill the port, in a few words. */
const notesOf = (port: Parameter): string =>
  [
    ...(port.required === true ? ["required"] : []),
    ...(port.repeated === true ? ["repeated"] : []),
    ...(port.value === undefined ? [] : [`${JSON.stringify(port.value)} unless given`]),
    ...(port.enum === undefined
      ? []
      : [`one of ${port.enum.map((v) => JSON.stringify(v)).join(", ")}`]),
    ...(port.minimum === undefined ? [] : [`at least ${port.minimum}`]),
    ...(port.maximum === undefined ? [] : [`at most ${port.maximum}`]),
    ...(port.description === undefined ? [] : [port.description]),
  ].join(", ");

const portRows = (direction: string, ports: readonly Parameter[]): readonly (readonly Cell[])[] =>
  ports.map((port) => [
    { text: direction, format: "dim" },
    { text: port.name, format: "cyan" },
    { text: port.type },
    { text: notesOf(port), isWrapped: true },
  ]);

const renderType = (node: NodeDefinition, columns: number, paint: Paint): string => {
  const { dynamicInputs } = node;
  const facts = [
    node.category,
    count(node.computeCost, "compute credit"),
    ...(node.pure ? ["pure"] : []),
    ...(node.multiStep ? ["several durable steps"] : []),
  ].join(" · ");
  const rows = [...portRows("in", node.inputs), ...portRows("out", node.outputs)];
  const headings = [{ heading: "" }, { heading: "Port" }, { heading: "Type" }, { heading: "" }];
  return [
    `${paint("bold", node.type)}  ${node.name}`,
    wrap(node.description, Math.min(columns, 100)).join("\n"),
    paint("dim", facts),
    "",
    renderTable(headings, rows, columns, paint),
    ...(dynamicInputs === undefined
      ? []
      : [
          "",
          ...wrap(
            `A document may give it any number of ${dynamicInputs.prefix}_1, ${dynamicInputs.prefix}_2, ...`,
            Math.min(columns, 100),
          ),
        ]),
  ].join("\n");
};

export const nodesCommand = async (
  type: string | undefined,
  options: NodesOptions,
): Promise<ExitCode> => {
  const columns = columnsOf(process.stdout);
  const paint = paintFor(process.stdout);
  // JSON leaves out what a node does: a function.
  if (type === undefined) {
    if (options.json === true) printJson(builtInNodes);
    // A line for each type where it may be searched instead of read.
    else print(renderList(builtInNodes, process.stdout.isTTY ? columns : 10_000, paint));
    return exitCodes.completed;
  }
  const node = registryOf(builtInNodes).get(type);
  if (node === undefined) {
    const near = nearest(
      type,
      builtInNodes.map((definition) => definition.type),
    );
    throw new CommandError(
      "UNKNOWN_NODE_TYPE",
      `No node type is called '${printable(shorten(type, 60))}'. ` +
        (near.length > 0 ? `Did you mean ${near.join(", ")}?` : "'pawl nodes' lists the types."),
    );
  }
  if (options.json === true) printJson(node);
  else print(renderType(node, columns, paint));
  return exitCodes.completed;
};
