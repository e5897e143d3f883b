/** Takes away a secret or an integration that somebody named. */
import type { LocalRuntime } from "./local-runtime.ts";
import { CommandError } from "./command-error.ts";
import { hasRuns, stateDirectory, visitRuns } from "./local-runs.ts";
import { nearest } from "./nearest.ts";
import { commandText, forOrganization } from "./shell-command.ts";
import { named } from "./text.ts";

interface Resource {
  readonly kind: "secret" | "integration";
  readonly organizationId: string;
  readonly name: string;
  /** False when there is none of the name. */
  readonly remove: (runtime: LocalRuntime) => Promise<boolean>;
  /** Of those that are there. */
  readonly names: (runtime: LocalRuntime) => Promise<readonly string[]>;
}

const unknown = (
  { kind, organizationId, name }: Resource,
  names: readonly string[],
): CommandError => {
  const near = nearest(name, names);
  return new CommandError(
    `UNKNOWN_${kind === "secret" ? "SECRET" : "INTEGRATION"}`,
    `There is no ${kind} ${named(name)} in ${stateDirectory}/${forOrganization(organizationId)}. ` +
      (near.length > 0
        ? `Did you mean ${near.map(named).join(", ")}?`
        : `'${commandText(organizationId, `${kind}s list`)}' lists them.`),
  );
};

export const removeResource = async (resource: Resource): Promise<void> => {
  if (!hasRuns()) throw unknown(resource, []);
  await visitRuns(async (runtime) => {
    if (await resource.remove(runtime)) return;
    throw unknown(resource, await resource.names(runtime));
  });
};
