/** What the canary test asks of its Worker. */
import type { ExecuteParams } from "#core/execution-context";
import type { JsonValue } from "#core/value";
import type { NewConnection } from "#services/integration-store";
import type { NewSecret } from "#services/secret-store";

export type CanaryRequest =
  | {
      readonly type: "seed";
      readonly secrets: readonly NewSecret[];
      readonly connections: readonly NewConnection[];
    }
  | { readonly type: "start"; readonly id: string; readonly params: ExecuteParams }
  | {
      readonly type: "answer";
      readonly id: string;
      readonly nodeId: string;
      readonly data: JsonValue;
    }
  | { readonly type: "cancel"; readonly id: string };

export const organizationId = "organization";
/** The one whose secrets nothing masks. */
export const controlOrganizationId = "control";
