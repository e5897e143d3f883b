/** The token endpoint of a provider: gives the same new tokens to whoever shows the refresh token. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface TokenServer {
  /** For the binding OAUTH_CLIENTS. */
  readonly clients: string;
  readonly close: () => void;
}

export const startTokenServer = async (
  shown: string,
  given: { readonly access_token: string; readonly refresh_token: string },
): Promise<TokenServer> => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const asked = new URLSearchParams(Buffer.concat(chunks).toString());
      const isKnown = asked.get("refresh_token") === shown;
      response.writeHead(isKnown ? 200 : 400, { "content-type": "application/json" });
      const answer = { ...given, token_type: "bearer", expires_in: 3_600 };
      response.end(JSON.stringify(isKnown ? answer : { error: "invalid_grant" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const provider = { authorizationEndpoint: url, tokenEndpoint: url, authentication: "post" };
  return {
    clients: JSON.stringify({ acme: { clientId: "pawl", provider } }),
    close: () => void server.close(),
  };
};
