/** `pawl credits`: what an organization may spend and has spent, as sums. What each run did cost is in its own record. */
import type { CreditPlan } from "#core/credits";
import { mostCredits, planLimit, roundedCredits } from "#core/credits";
import type { CreditAccount } from "#services/credit-service";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import type { OrganizationOption } from "./local-runs.ts";
import { checkOrganization, hasRuns, visitRuns } from "./local-runs.ts";
import type { Paint } from "./terminal.ts";
import { columnsOf, paintFor, print, printJson } from "./terminal.ts";
import { count, padEnd, printable, shorten, wrap } from "./text.ts";

export interface CreditsOptions extends OrganizationOption {
  readonly json?: boolean;
}

export interface PlanOptions extends CreditsOptions {
  readonly type: CreditPlan["type"];
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
  const columns = columnsOf(process.stdout);
  const whose = `Credits of organization '${printable(shorten(organizationId, 60))}'`;
  print([whose, ...linesOf(account, paintFor(process.stdout))].join("\n"));
  const hint =
    plan === null
      ? "Only 'pawl run --credits' limits a run. 'pawl credits plan fixed --allowance 1000' limits them all."
      : left === 0
        ? "Nothing is left. 'pawl credits plan --help' tells how more may be spent."
        : undefined;
  if (hint !== undefined) print(`\n${wrap(hint, columns).join("\n")}`);
};

const noAccount: CreditAccount = { plan: undefined, reserved: 0, spent: 0 };

export const showCreditsCommand = async (options: CreditsOptions): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  const account = hasRuns()
    ? await visitRuns(({ ask }) => ask("readAccount", { organizationId }))
    : noAccount;
  show(account, organizationId, options.json === true);
  return exitCodes.completed;
};

/** Counted in millionths: what would be rounded is refused. */
const amountOf = (option: string, text: string): number => {
  const amount = text.trim() === "" ? Number.NaN : Number(text);
  if (amount >= 0 && amount <= mostCredits && roundedCredits(amount) === amount) return amount;
  throw new CommandError(
    "USAGE",
    `${option} takes a number from 0 to ${mostCredits} with at most six decimals, not '${printable(shorten(text, 40))}'.`,
  );
};

const planOf = ({ type, allowance, overage }: PlanOptions): CreditPlan => {
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
      `The plan '${type}' needs --allowance: pawl credits plan ${type} --allowance 1000`,
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

export const setPlanCommand = async (options: PlanOptions): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  const plan = planOf(options);
  const account = await visitRuns(({ ask }) => ask("setPlan", { organizationId, plan }));
  show(account, organizationId, options.json === true);
  return exitCodes.completed;
};
