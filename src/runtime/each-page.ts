/** Lists that may be long are read page by page, each from where the one before ended. */
import * as Effect from "effect/Effect";

const pageSize = 200;

interface Page<Row> {
  readonly limit: number;
  readonly after?: Row;
}

export const eachPage: <Row, E, R, E2, R2>(
  read: (page: Page<Row>) => Effect.Effect<readonly Row[], E, R>,
  use: (rows: readonly Row[]) => Effect.Effect<void, E2, R2>,
) => Effect.Effect<void, E | E2, R | R2> = Effect.fnUntraced(function* (read, use) {
  let page = yield* read({ limit: pageSize });
  for (;;) {
    yield* use(page);
    const after = page.at(-1);
    if (page.length < pageSize || after === undefined) return;
    page = yield* read({ limit: pageSize, after });
  }
});
