/** The words of the commands about connections to other services. */
import type { Command } from "commander";
import type { Finish } from "./command-words.ts";
import { collect, examples, organization } from "./command-words.ts";
import type { ConnectOptions } from "./connect-command.ts";
import { paintFor } from "./terminal.ts";
import type { IntegrationOptions, ProviderOptions } from "./integrations-command.ts";

const clientsOption = [
  "--clients <file>",
  "file with the OAuth clients",
  ".pawl/oauth-clients.json",
] as const;

/** In lines of its own, since it is there to be copied. */
const clientsExample = (): string =>
  `\n${paintFor(process.stdout)("bold", "A file of clients:")}\n` +
  `  { "github": { "clientId": "...", "clientSecret": "..." } }\n` +
  `  { "shop": { "clientId": "...", "provider": {\n` +
  `    "authorizationEndpoint": "https://...", "tokenEndpoint": "https://..." } } }`;

const addConnect = (integrations: Command, finish: Finish): void => {
  integrations
    .command("connect")
    .summary("connect another service by OAuth 2.0")
    .description(
      "Connects another service, for the first time or again: prints the provider's page to open in a browser, waits until it leads back to this machine, and keeps the tokens encrypted. " +
        "The client must be registered with the provider, with http://127.0.0.1:PORT/callback as its redirect URI. Tokens are renewed with the client in .pawl/oauth-clients.json.\n\n" +
        "Exits with 0 when it is connected, 1 when the provider refuses or nobody came back in time, 2 when there is no such client, 130 when it was interrupted.",
    )
    .argument("<provider>", "name of the client: a provider's, or your own for another one")
    .option("--id <id>", "id by which nodes use the integration; the provider's name unless told")
    .option("--scope <scope>", "what to ask for in place of the usual; may be repeated", collect)
    .option("--port <number>", "port of this machine that is led back to; a free one unless told")
    .option("--timeout <seconds>", "how long to wait for the browser", "300")
    .option(...clientsOption)
    .option("--json", "print the outcome as one JSON document")
    .option(...organization)
    .addHelpText(
      "after",
      `${examples(
        "pawl integrations connect github",
        "pawl integrations connect google-mail --id support-mail --port 8765",
      )}\n${clientsExample()}`,
    )
    .action((provider: string, options: ConnectOptions) =>
      finish(
        import("./connect-command.ts").then(({ connectCommand }) =>
          connectCommand(provider, options),
        ),
      ),
    );
};

const addList = (integrations: Command, finish: Finish): void => {
  integrations
    .command("list")
    .summary("list what is connected")
    .description("Lists the integrations: provider, scopes, and whether each still works.")
    .option("--json", "print the integrations as one JSON document")
    .option(...organization)
    .addHelpText("after", examples("pawl integrations list"))
    .action((options: IntegrationOptions) =>
      finish(
        import("./integrations-command.ts").then(({ listIntegrationsCommand }) =>
          listIntegrationsCommand(options),
        ),
      ),
    );
};

const addRemove = (integrations: Command, finish: Finish): void => {
  integrations
    .command("remove")
    .summary("remove an integration and its tokens")
    .description(
      "Removes an integration and its tokens from .pawl/. The provider is not told: revoke the access there, too.\n\n" +
        "Exits with 0 when it is removed, 2 when there is none of that id.",
    )
    .argument("<id>", "id of the integration")
    .option("--json", "print the outcome as one JSON document")
    .option(...organization)
    .addHelpText("after", examples("pawl integrations remove support-mail"))
    .action((id: string, options: IntegrationOptions) =>
      finish(
        import("./integrations-command.ts").then(({ removeIntegrationCommand }) =>
          removeIntegrationCommand(id, options),
        ),
      ),
    );
};

const addProviders = (integrations: Command, finish: Finish): void => {
  integrations
    .command("providers")
    .summary("list the providers that are known")
    .description(
      "Lists the providers that Pawl knows and those that the clients' file describes, with what is asked for unless told, how long a token lasts unless the provider says so, and whether there is a client.",
    )
    .option(...clientsOption)
    .option("--json", "print the providers as one JSON document")
    .addHelpText("after", examples("pawl integrations providers"))
    .action((options: ProviderOptions) =>
      finish(
        import("./integrations-command.ts").then(({ providersCommand }) =>
          providersCommand(options),
        ),
      ),
    );
};

export const addIntegrations = (program: Command, finish: Finish): void => {
  const integrations = program
    .command("integrations")
    .summary("connect other services, list and remove them")
    .description(
      "Integrations are connections to other services by OAuth 2.0. Nodes use them by id; their tokens are kept encrypted in .pawl/, and renewed before they expire.",
    )
    .addHelpText(
      "after",
      examples("pawl integrations providers", "pawl integrations connect github"),
    );
  addConnect(integrations, finish);
  addList(integrations, finish);
  addRemove(integrations, finish);
  addProviders(integrations, finish);
};
