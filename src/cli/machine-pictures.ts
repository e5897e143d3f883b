/**
 * The pictures of both lifecycles that the repository holds: Mermaid text and SVG, made from the machines alone, offline.
 * `pawl machines` writes them, and a test and its `--check` say when they no longer match the machines.
 */
import { nodeStatusOf, workflowStatusOf } from "#core/lifecycle";
import type { NodeLifecycle, WorkflowLifecycle } from "#core/lifecycle";
import { nodeMachine, workflowMachine } from "#machines/index";
import { stateChartOf } from "./state-chart/chart.ts";
import { renderMermaid } from "./state-chart/mermaid.ts";
import { renderSvg } from "./state-chart/svg.ts";

export interface MachinePicture {
  /** Relative to the root of the package. */
  readonly file: string;
  readonly content: string;
}

export const renderMachinePictures = async (): Promise<readonly MachinePicture[]> => {
  const node = stateChartOf(nodeMachine.root);
  const workflow = stateChartOf(workflowMachine.root);
  return [
    { file: "docs/machines/node.mmd", content: renderMermaid(node) },
    {
      file: "docs/machines/node.svg",
      content: await renderSvg(node, (path) => nodeStatusOf(path as NodeLifecycle)),
    },
    { file: "docs/machines/workflow.mmd", content: renderMermaid(workflow) },
    {
      file: "docs/machines/workflow.svg",
      content: await renderSvg(workflow, (path) => workflowStatusOf(path as WorkflowLifecycle)),
    },
  ];
};
