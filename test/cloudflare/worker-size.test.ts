import { expect, test } from "vitest";
import { isMiss } from "../../bench/figure.ts";
import { workerSizeFigures } from "../../bench/worker-size.ts";

test("the Worker stays as small as was promised", async () => {
  const figures = await workerSizeFigures();
  expect(figures.map(({ target }) => target)).toEqual([150, undefined]);
  expect(figures.filter(isMiss)).toEqual([]);
});
