import { expect, it } from "vitest";
import { exchangeAnswer } from "#cli/exchange-answer";

it("says that a provider led back without a code, and asks it for nothing", async () => {
  const client = {
    name: "shop",
    clientId: "id",
    scopes: [],
    provider: {
      authorizationEndpoint: "https://shop.invalid/authorize",
      tokenEndpoint: "https://shop.invalid/token",
    },
  } as unknown as Parameters<typeof exchangeAnswer>[0];
  const redirectUri = "http://127.0.0.1:1/callback";
  const pending = { state: "s", codeVerifier: "v", redirectUri };
  const answer = new URL(`${redirectUri}?state=s`);
  await expect(exchangeAnswer(client, pending, answer, "clients.json")).rejects.toMatchObject({
    code: "CONNECT_FAILED",
    exitCode: 1,
    message:
      "The provider 'shop' led back without a code, and nothing was connected. Connect again to ask anew.",
  });
});
