/** A secret or an integration that somebody named and that is not there. */
import { CommandError } from "./command-error.ts";
import { nearest } from "./nearest.ts";
import { commandText, forOrganization } from "./shell-command.ts";
import { stateDirectory } from "./local-runs.ts";
import { named } from "./text.ts";

export const unknownResource = (
  kind: "secret" | "integration",
  organizationId: string,
  name: string,
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
