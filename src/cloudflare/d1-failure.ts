/** What D1 could not do, for `Effect.tryPromise`: like every other ServiceFailure, but for a database that was not migrated. */
import { failureOf, ServiceFailure } from "#services/errors";

/** A database that lacks tables or columns is the one failure that no second try mends. D1 tells it in words alone. */
export const storeFailureOf =
  (operation: string) =>
  (cause: unknown): ServiceFailure =>
    cause instanceof ServiceFailure
      ? cause
      : cause instanceof Error && /no such (table|column)|has no column/.test(cause.message)
        ? new ServiceFailure({
            operation,
            message:
              "The database is not up to date. Apply Pawl's migrations: wrangler d1 migrations apply DATABASE --local (or --remote)",
            cause,
            isFinal: true,
          })
        : failureOf(operation)(cause);
