/** How many documents each law is tried on: 100 unless PROPERTY_RUNS says otherwise, which the slow suite does. */
import type { IAsyncProperty, IProperty, RunDetails } from "fast-check";
import * as fc from "fast-check";

const runs = Number(process.env["PROPERTY_RUNS"] ?? 100);

/** A counterexample is to be read: ids of 10,000 characters are cut. */
const report = <Values>(details: RunDetails<Values>): void => {
  const message = fc.defaultReportMessage(details);
  if (message === undefined) return;
  const cause = "errorInstance" in details ? details.errorInstance : undefined;
  throw new Error(message.replaceAll(/("[^"]{80})[^"]+"/g, '$1..."'), { cause });
};

export const holds = <Values>(property: IProperty<Values>): void => {
  fc.assert(property, { numRuns: runs, reporter: report });
};

/** The smallest counterexample that is found in time: a test that is cut off tells none. */
const time = { interruptAfterTimeLimit: 240_000, markInterruptAsFailure: true };

export const holdsAsync = <Values>(property: IAsyncProperty<Values>): Promise<void> =>
  fc.assert(property, { numRuns: runs, reporter: report, ...time });

/** For a property that finds out by waiting: to shrink its counterexample would be to wait again and again. */
export const holdsPatiently = <Values>(property: IAsyncProperty<Values>): Promise<void> =>
  fc.assert(property, { numRuns: runs, reporter: report, endOnFailure: true });
