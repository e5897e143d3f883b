/** `pawl credits`: what an organization may spend and has spent, as sums. What each run did cost is in its own record. */
import type { CreditPlan } from "#core/credits";
import { planLimit, roundedCredits } from "#core/credits";
import type { CreditAccount } from "#services/credit-service";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import { amountOf } from "./credit-amount.ts";
import type { OrganizationOption } from "./local-runs.ts";
import { checkOrganization, hasRuns, visitRuns } from "./local-runs.ts";
import { nearest } from "./nearest.ts";
import { commandText } from "./shell-command.ts";
import type { Paint } from "./terminal.ts";
import { paintFor, print, printJson, printSentence } from "./terminal.ts";
import { count, padEnd, printable, shorten } from "./text.ts";

export interface CreditsOptions extends OrganizationOption {
  readonly json?: boolean;
}

export interface PlanOptions extends CreditsOptions {
  readonly allowance?: string;
  readonly overage?: string;
}

/** What is left; infinite without a limit. */
const leftOf = ({ plan, spent, reserved }: CreditAccount): number => {
  const limit = plan === undefined ? Number.POSITIVE_INFINITY : planLimit(plan);
  return Number.isFinite(limit) ? roundedCredits(limit - spent - reserved) : limit;
};

const planText = (plan: CreditPlan | undefined): string => {
  if (plan === undefined) return "none";
  switch (plan.type) {
    case "fixed":
      return `fixed, ${count(plan.allowance, "credit")}`;
    case "overage":
      return (
        `overage, ${count(plan.allowance, "credit")} and ` +
        (plan.overage === undefined ? "any number beyond" : `${plan.overage} beyond`)
      );
    case "unlimited":
      return "unlimited";
  }
};

/** What is beyond the allowance; undefined for a plan that has no beyond. */
const overageText = ({ plan, spent }: CreditAccount): string | undefined => {
  if (plan?.type !== "overage") return undefined;
  const used = roundedCredits(spent - plan.allowance);
  return `${used} spent beyond the allowance${plan.overage === undefined ? "" : `, of ${plan.overage}`}`;
};

const linesOf = (account: CreditAccount, paint: Paint): readonly string[] => {
  const left = leftOf(account);
  const overage = overageText(account);
  const rows: readonly (readonly [string, string])[] = [
    ["Plan", planText(account.plan)],
    ["Spent", String(account.spent)],
    ...(overage === undefined ? [] : [["Overage", overage] as const]),
    [
      "Reserved",
      `${account.reserved}${account.reserved === 0 ? "" : ", by runs that have not ended"}`,
    ],
    ["Left", Number.isFinite(left) ? String(left) : "no limit"],
  ];
  return rows.map(([heading, text]) => `${paint("dim", padEnd(heading, 8))}  ${text}`);
};

const hintOf = (
  plan: CreditPlan | null,
  left: number,
  organizationId: string,
): string | undefined => {
  const command = (words: string): string => commandText(organizationId, words);
  if (plan === null) {
    return (
      `There is no limit but one that a run is started with ('${command("run FILE --credits CREDITS")}'). ` +
      `'${command("credits plan fixed --allowance 1000")}' sets one for all runs.`
    );
  }
  if (left > 0) return undefined;
  return `Nothing is left. '${command(`credits plan ${plan.type} --allowance CREDITS`)}' lets more be spent.`;
};

const show = (account: CreditAccount, organizationId: string, isJson: boolean): void => {
  const { plan = null, spent, reserved } = account;
  const left = leftOf(account);
  if (isJson) {
    printJson({
      organization: organizationId,
      plan,
      spent,
      reserved,
      left: Number.isFinite(left) ? left : null,
    });
    return;
  }
  const whose = `Credits of organization '${printable(shorten(organizationId, 60))}'`;
  print([whose, ...linesOf(account, paintFor(process.stdout))].join("\n"));
  const hint = hintOf(plan, left, organizationId);
  if (hint === undefined) return;
  print("");
  printSentence(hint);
};

const noAccount: CreditAccount = { plan: undefined, reserved: 0, spent: 0 };

const planTypes: readonly string[] = ["fixed", "overage", "unlimited"];

const isPlanType = (word: string): word is CreditPlan["type"] => planTypes.includes(word);

/** `pawl credits` alone shows the account, and so a word after it is taken for its argument. */
const refuseWord = (word: string): never => {
  const said = printable(shorten(word, 60));
  const meant = isPlanType(word) ? [`plan ${word}`] : nearest(word, ["show", "plan"]);
  throw new CommandError(
    "USAGE",
    `There is no 'pawl credits ${said}'. ` +
      (meant.length > 0
        ? `Did you mean ${meant.map((name) => `'pawl credits ${name}'`).join(" or ")}?`
        : "'pawl credits' shows what an organization may spend, and 'pawl credits plan' sets it."),
  );
};

export const showCreditsCommand = async (
  words: readonly string[],
  options: CreditsOptions,
): Promise<ExitCode> => {
  const [word] = words;
  if (word !== undefined) refuseWord(word);
  const organizationId = checkOrganization(options);
  const account = hasRuns()
    ? await visitRuns(({ ask }) => ask("readAccount", { organizationId }))
    : noAccount;
  show(account, organizationId, options.json === true);
  return exitCodes.completed;
};

const planOf = (type: string, { allowance, overage, org }: PlanOptions): CreditPlan => {
  if (!isPlanType(type)) {
    const near = nearest(type, planTypes);
    throw new CommandError(
      "USAGE",
      `There is no plan '${printable(shorten(type, 60))}'. ` +
        (near.length > 0
          ? `Did you mean ${near.map((name) => `'${name}'`).join(" or ")}?`
          : "A plan is fixed, overage or unlimited; 'pawl credits plan --help' explains them."),
    );
  }
  if (overage !== undefined && type !== "overage") {
    throw new CommandError("USAGE", `--overage belongs to the plan 'overage', not to '${type}'.`);
  }
  if (type === "unlimited") {
    if (allowance === undefined) return { type };
    throw new CommandError("USAGE", "--allowance belongs to a plan that has a limit.");
  }
  if (allowance === undefined) {
    throw new CommandError(
      "USAGE",
      `The plan '${type}' needs --allowance: ${commandText(org, `credits plan ${type} --allowance 1000`)}`,
    );
  }
  const amount = amountOf("--allowance", allowance);
  if (type === "fixed") return { type, allowance: amount };
  return {
    type,
    allowance: amount,
    ...(overage === undefined ? {} : { overage: amountOf("--overage", overage) }),
  };
};

export const setPlanCommand = async (type: string, options: PlanOptions): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  const plan = planOf(type, options);
  const account = await visitRuns(({ ask }) => ask("setPlan", { organizationId, plan }));
  show(account, organizationId, options.json === true);
  return exitCodes.completed;
};
