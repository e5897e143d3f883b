/** One call of a service on behalf of an organization, with everything settled but whose it is. */
import * as fc from "fast-check";
import * as Effect from "effect/Effect";
import type { Stores } from "../test/contracts/crossing.ts";
import type { Outside } from "./access-outside.ts";

/** Every service that holds something of organizations, and what is done to runs from outside. */
export interface Services extends Stores {
  readonly Outside: Outside;
}

export type Ask<S> = (service: S, organizationId: string) => Effect.Effect<unknown, unknown>;

export interface Call<S> {
  readonly facts: unknown;
  readonly ask: Ask<S>;
}

/** A call for every method there is: one that is added to a service does not compile without. */
export type Calls<S> = {
  readonly [
    Method in keyof S as S[Method] extends (...args: never[]) => unknown ? Method : never
  ]: fc.Arbitrary<Call<S>>;
};

export const asked = <S, Facts>(
  facts: fc.Arbitrary<Facts>,
  ask: (service: S, organizationId: string, facts: Facts) => Effect.Effect<unknown, unknown>,
): fc.Arbitrary<Call<S>> =>
  facts.map((settled) => ({
    facts: settled,
    ask: (service, organizationId) => ask(service, organizationId, settled),
  }));

/** For calls that take nothing but the organization. */
export const nothing = fc.constant({});

/** Few, so that what one does meets what the other does; many enough to tell whose it is. */
export const mark = fc.constantFrom("one", "two", "three", "four");
export const time = fc.constantFrom(1_000, 2_000, 3_000);

/** Of a list over all organizations, what concerns this one. */
export const own = <A extends { readonly organizationId: string }, E>(
  list: Effect.Effect<readonly A[], E>,
  organizationId: string,
): Effect.Effect<readonly A[], E> =>
  Effect.map(list, (rows) => rows.filter((row) => row.organizationId === organizationId));

/** Longer than any program. */
export const all = { limit: 10_000 };
