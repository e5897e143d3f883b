/** The memory layers in Node. */
import { memoryContracts } from "./memory-layers.ts";

memoryContracts();
