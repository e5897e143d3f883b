/**
 * Ports that come in any number, such as case_1, case_2: a document may have as many as it likes, with gaps, in any order.
 * They are read in the order of their numbers, so that case_10 comes after case_2.
 */
import type { RuntimeValue } from "#core/value";

type Numbered = readonly [port: string, value: RuntimeValue];

/** The ports of a family that carry a value. */
export const numberedPorts = (
  inputs: Readonly<Record<string, RuntimeValue | undefined>>,
  prefix: string,
): readonly Numbered[] => {
  const found: { readonly number: number; readonly entry: Numbered }[] = [];
  for (const [port, value] of Object.entries(inputs)) {
    const digits = port.startsWith(`${prefix}_`) ? port.slice(prefix.length + 1) : "";
    if (value === undefined || value === null || !/^\d+$/.test(digits)) continue;
    found.push({ number: Number(digits), entry: [port, value] });
  }
  return found.toSorted((a, b) => a.number - b.number).map(({ entry }) => entry);
};
