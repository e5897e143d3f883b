/** `npm run bench`: measures, prints a table of figure, target and verdict, and fails on a miss. */
import { durableFigures } from "./durable.ts";
import { isMiss, renderFigures } from "./figure.ts";
import { inProcessFigures } from "./in-process.ts";
import { workerSizeFigures } from "./worker-size.ts";

const tell = (line: string): void => void process.stderr.write(`  measuring ${line}\n`);

const figures = [
  ...(await inProcessFigures(tell)),
  ...(await durableFigures(tell)),
  ...(await workerSizeFigures()),
];
process.stdout.write(`${renderFigures(figures)}\n`);
const misses = figures.filter(isMiss).length;
process.stdout.write(`\n${misses === 0 ? "Every target is met." : `${misses} missed.`}\n`);
process.exitCode = misses === 0 ? 0 : 1;
