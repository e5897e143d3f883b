/**
 * What a node may use of its organization: secrets and integrations. Values are read inside the step that uses them and
 * never carried over from `initialize` (SECRET-2).
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { ownValue } from "#core/value";
import type { ServiceFailure } from "./errors.ts";
import type { Integration, NodeContext } from "./node-definition.ts";

/** All of a node's context but its resources. */
export type NodeContextFacts = Omit<NodeContext, "getSecret" | "getIntegration">;

type ResourceAccess = Pick<NodeContext, "getSecret" | "getIntegration">;

export interface Resources {
  /** Secret name -> value. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Integration id -> integration. */
  readonly integrations?: Readonly<Record<string, Integration>>;
}

export class ResourceProvider extends Context.Service<
  ResourceProvider,
  {
    /** Checks that the organization's resources can be reached, before the first node runs. */
    readonly initialize: (organizationId: string) => Effect.Effect<void, ServiceFailure>;
    readonly createNodeContext: (facts: NodeContextFacts) => NodeContext;
  }
>()("pawl/ResourceProvider") {
  /** Organization id -> what it has. */
  static readonly layerMemory = (
    byOrganization: Readonly<Record<string, Resources>> = {},
  ): Layer.Layer<ResourceProvider> =>
    Layer.sync(ResourceProvider, () => {
      /** One pair for each organization: thousands of nodes may hold it at once. */
      const accessById = new Map<string, ResourceAccess>();
      const accessOf = (organizationId: string): ResourceAccess => {
        const known = accessById.get(organizationId);
        if (known !== undefined) return known;
        const resources = ownValue(byOrganization, organizationId);
        const access: ResourceAccess = {
          getSecret: (name) => Promise.resolve(ownValue(resources?.secrets, name)),
          getIntegration: (id) => Promise.resolve(ownValue(resources?.integrations, id)),
        };
        accessById.set(organizationId, access);
        return access;
      };
      return {
        initialize: () => Effect.void,
        createNodeContext: (facts) => ({ ...facts, ...accessOf(facts.organizationId) }),
      };
    });
}
