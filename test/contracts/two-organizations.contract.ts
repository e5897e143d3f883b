/**
 * Two organizations never meet (ACCESS-1): one has something of everything, another tries to get at it with the other's ids, in
 * every method of every store. It is told what it is told of ids that nobody has, and the first finds all as it was.
 */
import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import type { Resources } from "#services/resource-provider";
import type { Crossing, Crossings, Ids, Stores, Try } from "./crossing.ts";
import { idsOf, noting, play } from "./crossing.ts";
import { asText, likeOrganizations, unpairedIds } from "./nasty-ids.ts";
import { recordCrossings } from "./record-crossings.ts";
import { resourceCrossings, resourcesOf } from "./resource-crossings.ts";

/** Providers are asked before there is anything of one's own in the stores that they read. */
export const crossings: Crossings = { ...resourceCrossings, ...recordCrossings };

const services = Object.keys(crossings) as (keyof Stores)[];

/** Empty, but for what a provider is given that keeps nothing itself. */
export type OpenStores = (byOrganization: Readonly<Record<string, Resources>>) => Promise<Stores>;

/** Who owns something, and who tries to get at it: names that one store or another might take for one, or for a way in. */
const pairs: readonly (readonly [owner: string, other: string])[] = [
  ["acme", "globex"],
  ["globex", "acme"],
  ...likeOrganizations.slice(1).flatMap(
    (like) =>
      [
        ["acme", like],
        [like, "acme"],
      ] as const,
  ),
  ["acme/executions", "acme%2Fexecutions"],
  ["a%2Fb", "a/b"],
  ["a%252Fb", "a%2Fb"],
  ["acme", ""],
  ["acme", " acme"],
  ["acme", "acme\0"],
  ["a\0b", "a\0c"],
  ["caf\u00e9", "cafe\u0301"],
  ["stra\u00dfe", "strasse"],
  ["\u212b", "\u00e5"],
  ["__proto__", "constructor"],
  ["~acme", "acme"],
  ["acme:compute-usage", "acme"],
  ["1:acme", "acme"],
  ["a_b", "a%b"],
  ...unpairedIds.map((id, index) => [id, unpairedIds[index - 1] ?? "json:"] as const),
  [`${"x".repeat(10_000)}1`, `${"x".repeat(10_000)}2`],
  ["x".repeat(301), "x".repeat(300)],
];

const run = Effect.runPromise;

export const twoOrganizationsContract = (name: string, open: OpenStores): void => {
  /** Everything is filled: nodes read secrets that a store has, and whoever crosses one store may find something in another. */
  const fill = async (stores: Stores, ids: Ids): Promise<void> => {
    const fillOf = <S>(crossing: Crossing<S>, store: S) => crossing.fill(store, ids);
    for (const each of [
      fillOf(crossings.ExecutionStore, stores.ExecutionStore),
      fillOf(crossings.WaitStore, stores.WaitStore),
      fillOf(crossings.ObjectStore, stores.ObjectStore),
      fillOf(crossings.CreditService, stores.CreditService),
      fillOf(crossings.SecretStore, stores.SecretStore),
      fillOf(crossings.IntegrationStore, stores.IntegrationStore),
    ].flat()) {
      await run(each);
    }
  };

  const openFilled = async (all: readonly Ids[]): Promise<Stores> => {
    const stores = await open(
      Object.fromEntries(all.map((ids) => [ids.organization, resourcesOf(ids)])),
    );
    for (const ids of all) await fill(stores, ids);
    return stores;
  };

  const look = async (stores: Stores, ids: Ids): Promise<unknown> => {
    const lookAt = <S>(crossing: Crossing<S>, store: S) =>
      play(crossing.look(store, ids), ids.organization, idsOf("", "nothing"));
    return [
      await lookAt(crossings.ExecutionStore, stores.ExecutionStore),
      await lookAt(crossings.WaitStore, stores.WaitStore),
      await lookAt(crossings.ObjectStore, stores.ObjectStore),
      await lookAt(crossings.CreditService, stores.CreditService),
      await lookAt(crossings.SecretStore, stores.SecretStore),
      await lookAt(crossings.IntegrationStore, stores.IntegrationStore),
      await lookAt(crossings.ResourceProvider, stores.ResourceProvider),
    ];
  };

  const nowhere = idsOf("no organization at all", "a0");

  const triesOf = <Name extends keyof Stores>(
    stores: Stores,
    service: Name,
    organizationId: string,
    ids: Ids,
  ): readonly Try[] => {
    const crossing: Crossing<Stores[Name]> = crossings[service];
    return crossing.tries(stores[service], organizationId, ids);
  };

  /** What the organization is told of these ids, by service. */
  const ask = async (stores: Stores, organizationId: string, ids: Ids) => {
    const told: Record<string, Readonly<Record<string, string>>> = {};
    for (const service of services) {
      told[service] = await play(
        triesOf(stores, service, organizationId, ids),
        organizationId,
        ids,
      );
    }
    return told;
  };

  describe(`Two organizations: ${name}`, () => {
    it.each(
      pairs.map(([owner, other]) => [
        asText(owner).slice(0, 40),
        asText(other).slice(0, 40),
        owner,
        other,
      ]),
    )("what %s has, %s does not see, touch or notice", async (_owner, _other, owner, other) => {
      const [theirs, own] = [idsOf(owner, "a1"), idsOf(other, "own")];
      const stores = await openFilled([theirs, own]);
      const before = await look(stores, theirs);
      const told = await ask(stores, other, theirs);
      expect(await look(stores, theirs)).toEqual(before);
      // The same questions with ids that nobody has, where there is nobody else.
      expect(told).toEqual(await ask(await openFilled([own]), other, nowhere));
    });

    it("the owner is told more, or nothing would be tried", async () => {
      const theirs = idsOf("acme", "a1");
      const told = await ask(await openFilled([theirs]), "acme", theirs);
      const nothing = await ask(await openFilled([]), "acme", nowhere);
      for (const service of services) {
        const titles = Object.keys(told[service]!);
        expect([service, titles]).toEqual([service, Object.keys(nothing[service]!)]);
        const silent = titles.filter((title) => told[service]![title] === nothing[service]![title]);
        expect([service, silent]).toEqual([service, crossings[service].silent]);
      }
    });

    it.each(services)(
      "%s is tried in every method but those of the whole deployment",
      async (service) => {
        const [theirs, own] = [idsOf("acme", "a1"), idsOf("globex", "own")];
        const stores = await openFilled([theirs, own]);
        const asked = new Set<string>();
        const noted = { ...stores, [service]: noting(stores[service], "globex", asked) };
        await play(triesOf(noted, service, "globex", theirs), "globex", theirs);
        expect([...asked, ...crossings[service].ofAll].sort()).toEqual(
          Object.entries(stores[service])
            .filter(([, method]) => typeof method === "function" || Effect.isEffect(method))
            .map(([name]) => name)
            .sort(),
        );
      },
    );
  });
};
