/** The words of the commands about compute credits. */
import type { Command } from "commander";
import type { Finish } from "./command-words.ts";
import { examples, organization } from "./command-words.ts";
import type { CreditsOptions, PlanOptions } from "./credits-command.ts";

const addShow = (credits: Command, finish: Finish): void => {
  credits
    .command("show", { isDefault: true })
    .summary("show the plan, and what is spent, reserved and left")
    .description(
      "Shows what an organization may spend, has spent, has reserved for runs that have not ended, and has left. 'pawl credits' alone does the same.",
    )
    .option("--json", "print the account as one JSON document")
    .option(...organization)
    // A word after 'pawl credits' that is no command comes here, too.
    .allowExcessArguments()
    .addHelpText("after", examples("pawl credits", "pawl credits --org acme --json | jq .left"))
    .action((options: CreditsOptions, command: Command) =>
      finish(
        import("./credits-command.ts").then(({ showCreditsCommand }) =>
          showCreditsCommand(command.args, options),
        ),
      ),
    );
};

const addPlan = (credits: Command, finish: Finish): void => {
  credits
    .command("plan")
    .summary("set what may be spent")
    .description(
      "Sets what an organization may spend: an allowance and no more (fixed), an allowance and more beyond it (overage), or anything (unlimited). " +
        "What is spent and reserved stays, also when it is more.",
    )
    .argument("<plan>", "kind of plan: fixed, overage or unlimited")
    .option("--allowance <credits>", "what may be spent; needed for fixed and overage")
    .option("--overage <credits>", "what may be spent beyond it; no limit unless told")
    .option("--json", "print the account as one JSON document")
    .option(...organization)
    .addHelpText(
      "after",
      examples(
        "pawl credits plan fixed --allowance 1000",
        "pawl credits plan overage --allowance 1000 --overage 200",
        "pawl credits plan unlimited --org acme",
      ),
    )
    .action((plan: string, options: PlanOptions) =>
      finish(
        import("./credits-command.ts").then(({ setPlanCommand }) => setPlanCommand(plan, options)),
      ),
    );
};

export const addCredits = (program: Command, finish: Finish): void => {
  const credits = program
    .command("credits")
    .summary("show what may be spent, or set it")
    .description(
      "Compute credits are what runs cost: each node its type's, once it has completed. An organization's plan limits them all; " +
        "'pawl run --credits' is what whoever starts a run lets the organization spend in all, with what it has spent before; settings.budget in a workflow limits each of its runs.",
    )
    .addHelpText("after", examples("pawl credits", "pawl credits plan fixed --allowance 1000"));
  addShow(credits, finish);
  addPlan(credits, finish);
};
