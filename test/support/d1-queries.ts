/**
 * What a store asks of D1: how often, and how SQLite answers it. And bindings that do not do as they should. Knows of D1 no
 * more than it needs, so that it compiles without the platform's types, as all support does.
 */
import * as Effect from "effect/Effect";
import { vi } from "vitest";

/** The same object but for some methods. */
export const withMethods = <A extends object>(target: A, methods: Partial<A>): A =>
  new Proxy(target, {
    get: (of, key) => {
      const value: unknown = Reflect.get(Object.hasOwn(methods, key) ? methods : of, key);
      return typeof value === "function" ? (value.bind(of) as unknown) : value;
    },
  });

/** Instead of a method of a platform that is away. */
export const failing = (): never => {
  throw new Error("The platform is away");
};

interface Statement {
  readonly bind: (...values: readonly unknown[]) => Statement;
  readonly run: () => Promise<unknown>;
  readonly all: () => Promise<{ readonly results: readonly unknown[] }>;
  readonly first: () => Promise<unknown>;
}

interface Database {
  readonly prepare: (sql: string) => Statement;
  readonly batch: (statements: never[]) => Promise<unknown>;
}

type Use<D> = (database: D) => Effect.Effect<unknown, unknown>;

const prototypeOf = <A extends object>(value: A): A => Object.getPrototypeOf(value) as A;

export const queriesOf = <D extends Database>(database: D) => ({
  /** How SQLite answers each statement that the effect sends: from which index, and whether it sorts. */
  plansOf: async (use: Use<D>): Promise<readonly string[]> => {
    const sent: (readonly [sql: string, values: readonly unknown[]])[] = [];
    const prepare = (sql: string): Statement => {
      const statement = database.prepare(sql);
      const bind = (...values: readonly unknown[]): Statement => {
        sent.push([sql, values]);
        return statement.bind(...values);
      };
      return withMethods(statement, { bind });
    };
    const methods: Partial<Database> = { prepare };
    await Effect.runPromise(Effect.exit(use(withMethods(database, methods as Partial<D>))));
    const plans: string[] = [];
    for (const [sql, values] of sent) {
      const { results } = await database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...values)
        .all();
      plans.push(...(results as readonly { detail: string }[]).map(({ detail }) => detail));
    }
    return plans;
  },

  /** How often the effect asks D1. */
  tripsOf: async (use: Effect.Effect<unknown, unknown>): Promise<number> => {
    const statement = prototypeOf(database.prepare("SELECT 1"));
    const spies = [
      vi.spyOn(statement, "run"),
      vi.spyOn(statement, "all"),
      vi.spyOn(statement, "first"),
      vi.spyOn(prototypeOf<Database>(database), "batch"),
    ];
    await Effect.runPromise(use);
    const trips = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
    for (const spy of spies) spy.mockRestore();
    return trips;
  },
});
