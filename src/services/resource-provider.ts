/**
 * What a node may use of its organization: secrets and integrations. Values are read inside the step that uses them and
 * never carried over from `initialize` (SECRET-2).
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { Mask } from "#core/mask";
import { maskOf } from "#core/mask";
import { describeValue, ownValue } from "#core/value";
import type { ServiceFailure } from "./errors.ts";
import type { Integration, NodeContext, NodeFacts, ResourceAccess } from "./node-definition.ts";
import { NodeFailure } from "./node-definition.ts";

export interface Resources {
  /** Secret name -> value. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Integration id -> integration. */
  readonly integrations?: Readonly<Record<string, Integration>>;
}

const checkName = (name: unknown, expected: string): void => {
  if (typeof name === "string") return;
  throw new NodeFailure({
    message: `${expected}, got ${describeValue(name)}. Set or connect the input that it comes from.`,
  });
};

/** Names come from inputs, which nothing may have set, whatever the types of a node say. */
export const checkedAccess = (access: ResourceAccess): ResourceAccess => ({
  getSecret: async (name) => {
    checkName(name, "getSecret expects the name of a secret");
    return access.getSecret(name);
  },
  getIntegration: async (id) => {
    checkName(id, "getIntegration expects the id of an integration");
    return access.getIntegration(id);
  },
});

/** What is made of an organization's resources once: thousands of nodes may hold it. */
interface Known {
  readonly access: ResourceAccess;
  readonly mask: Mask;
}

const knownOf = ({ secrets = {}, integrations = {} }: Resources): Known => ({
  access: checkedAccess({
    getSecret: (name) => Promise.resolve(ownValue(secrets, name)),
    getIntegration: (id) => Promise.resolve(ownValue(integrations, id)),
  }),
  mask: maskOf([
    ...Object.entries(secrets).map(([name, value]) => ({ name, value })),
    ...Object.entries(integrations).map(([name, { token }]) => ({ name, value: token })),
  ]),
});

export class ResourceProvider extends Context.Service<
  ResourceProvider,
  {
    /** Checks that the organization's resources can be reached, before the first node runs. */
    readonly initialize: (organizationId: string) => Effect.Effect<void, ServiceFailure>;
    readonly createNodeContext: (facts: NodeFacts) => NodeContext;
    /**
     * What must not leave a step: all secrets and tokens of the organization, and those that nodes have read since (SECRET-1).
     * Asked inside a step, before its node runs and again after it. At hand once it is loaded, and the same object until it
     * grows; a promise until then, which may reject with a ServiceFailure.
     */
    readonly maskFor: (organizationId: string) => Mask | Promise<Mask>;
    /** Of what is known by now, for where nothing may be read: between steps, and on behalf of other requests. */
    readonly maskAtHand: (organizationId: string) => Mask;
  }
>()("pawl/ResourceProvider") {
  /** Organization id -> what it has. */
  static readonly layerMemory = (
    byOrganization: Readonly<Record<string, Resources>> = {},
  ): Layer.Layer<ResourceProvider> =>
    Layer.sync(ResourceProvider, () => {
      const knownById = new Map<string, Known>();
      const knownFor = (organizationId: string): Known => {
        const known =
          knownById.get(organizationId) ?? knownOf(ownValue(byOrganization, organizationId) ?? {});
        knownById.set(organizationId, known);
        return known;
      };
      return {
        initialize: () => Effect.void,
        createNodeContext: (facts) => ({ ...facts, ...knownFor(facts.organizationId).access }),
        maskFor: (organizationId) => knownFor(organizationId).mask,
        maskAtHand: (organizationId) => knownFor(organizationId).mask,
      };
    });
}
