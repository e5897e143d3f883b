/** The words of the commands about secrets. */
import type { Command } from "commander";
import { Option } from "commander";
import type { Finish } from "./command-words.ts";
import { examples, organization } from "./command-words.ts";
import type { RotateOptions } from "./rotate-command.ts";
import type { SecretOptions } from "./secrets-command.ts";

const addSet = (secrets: Command, finish: Finish): void => {
  secrets
    .command("set")
    .summary("set a secret, or replace its value")
    .description(
      "Sets a secret, or replaces its value. The value is asked for without being shown, or read from stdin when that is no terminal: " +
        "then one line break at its end, LF or CRLF, is dropped, and it may have several lines. It is never an argument.\n\n" +
        "A value has at least 8 characters, not all of them white space, and at most 64 KiB. Exits with 0 when it is set, 2 when it cannot be, 130 when it was interrupted.",
    )
    .argument("<name>", "name by which nodes read the secret")
    .option("--json", "print the outcome as one JSON document")
    .option(...organization)
    // What does not belong here may be a value, which commander would repeat.
    .allowExcessArguments()
    .allowUnknownOption()
    .addHelpText(
      "after",
      examples("pawl secrets set api-key", "pawl secrets set signing-key < key.pem"),
    )
    .action((_name: string, options: SecretOptions, command: Command) =>
      finish(
        import("./secrets-command.ts").then(({ setSecretCommand }) =>
          setSecretCommand(command.args, options, process.argv.includes("--")),
        ),
      ),
    );
};

const addList = (secrets: Command, finish: Finish): void => {
  secrets
    .command("list")
    .summary("list the secrets by name")
    .description("Lists the secrets by name, and when each was set. Values are shown to nobody.")
    .option("--json", "print the names and times as one JSON document")
    .option(...organization)
    .addHelpText("after", examples("pawl secrets list"))
    .action((options: SecretOptions) =>
      finish(
        import("./secrets-command.ts").then(({ listSecretsCommand }) =>
          listSecretsCommand(options),
        ),
      ),
    );
};

const addRemove = (secrets: Command, finish: Finish): void => {
  secrets
    .command("remove")
    .summary("remove a secret")
    .description(
      "Removes a secret. Nodes that read it from then on find none.\n\n" +
        "Exits with 0 when it is removed, 2 when there is none of that name.",
    )
    .argument("<name>", "name of the secret")
    .option("--json", "print the outcome as one JSON document")
    .option(...organization)
    .addHelpText("after", examples("pawl secrets remove api-key"))
    .action((name: string, options: SecretOptions) =>
      finish(
        import("./secrets-command.ts").then(({ removeSecretCommand }) =>
          removeSecretCommand(name, options),
        ),
      ),
    );
};

const addRotate = (secrets: Command, finish: Finish): void => {
  secrets
    .command("rotate")
    .summary("seal everything anew, under another master key")
    .description(
      "Makes a new version of the master key in .pawl/master-key, seals every secret and every token of an integration anew under it, of all organizations, and then removes the older versions. " +
        "Interrupted, it loses nothing: the next call finishes.\n\n" +
        "Exits with 0 when everything is sealed anew, 1 when something cannot be: then every key stays.",
    )
    .option("--json", "print the outcome as one JSON document")
    // Whoever gives it is told why there is none.
    .addOption(new Option("--org <id>").hideHelp())
    .addHelpText("after", examples("pawl secrets rotate"))
    .action((options: RotateOptions) =>
      finish(import("./rotate-command.ts").then(({ rotateCommand }) => rotateCommand(options))),
    );
};

export const addSecrets = (program: Command, finish: Finish): void => {
  const secrets = program
    .command("secrets")
    .summary("set, list, remove and reseal secrets")
    .description(
      "Secrets are values that nodes read by name: kept encrypted in .pawl/, under the master key in .pawl/master-key, and told to nobody. " +
        "What a run shows and keeps has [secret:NAME] in their place.",
    )
    .addHelpText("after", examples("pawl secrets set api-key", "pawl secrets list"));
  addSet(secrets, finish);
  addList(secrets, finish);
  addRemove(secrets, finish);
  addRotate(secrets, finish);
};
