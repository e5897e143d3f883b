/** An amount of compute credits as a person gives it. */
import { mostCredits, roundedCredits } from "#core/credits";
import { CommandError } from "./command-error.ts";
import { printable, shorten } from "./text.ts";

/** Counted in millionths: what would be rounded is refused. */
export const amountOf = (option: string, text: string): number => {
  const amount = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (amount >= 0 && amount <= mostCredits && roundedCredits(amount) === amount) return amount;
  throw new CommandError(
    "USAGE",
    `${option} takes a number from 0 to ${mostCredits} with at most six decimals, not '${printable(shorten(text, 40))}'.`,
  );
};
