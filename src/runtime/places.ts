/** How many nodes of a run may run at a time. */
import type { Workflow } from "#core/workflow";

const defaultConcurrency = 16;

export const placesOf = ({ settings }: Workflow): number =>
  settings?.maxConcurrency ?? defaultConcurrency;
