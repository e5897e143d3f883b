/** The node types that come with Pawl, one family after the other. */
import type { NodeDefinition } from "#services/node-definition";
import { arrayNodes } from "./array.ts";
import { inputNodes } from "./input.ts";
import { logicNodes } from "./logic.ts";
import { mathNodes } from "./math.ts";
import { outputNodes } from "./output.ts";
import { regexNodes } from "./regex.ts";
import { templateNodes } from "./template.ts";
import { textNodes } from "./text.ts";
import { waitingNodes } from "./waiting.ts";

export const builtInNodes: readonly NodeDefinition[] = [
  ...inputNodes,
  ...outputNodes,
  ...mathNodes,
  ...logicNodes,
  ...arrayNodes,
  ...textNodes,
  ...templateNodes,
  ...regexNodes,
  ...waitingNodes,
];
