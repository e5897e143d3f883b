/**
 * A real authorization server on loopback (oidc-provider), which rotates refresh tokens: each is good once, and one that is shown
 * again ends the whole grant. Everybody who comes is logged in and agrees to everything.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";

const clientId = "pawl";
export const clientSecret = "a-client-secret_with+odd/characters=";
export const redirectUri = "https://pawl.test/callback";

export interface AuthorizationServer {
  readonly url: string;
  /** Requests to the token endpoint since it began. */
  readonly tokenRequests: () => number;
  /** What happens to such a request before it is answered, and before the answer is sent; nothing unless told. */
  readonly onToken: (hooks: {
    readonly before?: () => Promise<void>;
    readonly after?: () => Promise<void>;
  }) => void;
  /** The same server goes on later: what it has given out stays good. */
  readonly close: () => Promise<void>;
  readonly open: () => Promise<void>;
}

/** For OAUTH_CLIENTS. */
export const clientsOf = (url: string): string =>
  JSON.stringify({
    acme: {
      clientId,
      clientSecret,
      scopes: ["openid", "offline_access"],
      provider: {
        authorizationEndpoint: `${url}/auth`,
        tokenEndpoint: `${url}/token`,
        issuer: url,
        // Without it the server gives no refresh token.
        authorizationParameters: { prompt: "consent" },
      },
    },
  });

const hour = 60 * 60;

const providerAt = (url: string): Provider =>
  new Provider(url, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: [redirectUri],
      },
    ],
    cookies: { keys: ["for tests alone"] },
    findAccount: (_: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    pkce: { required: () => true },
    rotateRefreshToken: true,
    features: { devInteractions: { enabled: false } },
    ttl: {
      AccessToken: hour,
      RefreshToken: 24 * hour,
      Grant: 24 * hour,
      Session: hour,
      Interaction: hour,
      IdToken: hour,
    },
  });

/** The pages on which a person would log in and agree. */
const interact = async (
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    await provider.interactionFinished(request, response, { login: { accountId: "person" } });
    return;
  }
  const grant = new provider.Grant({ accountId: session!.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  await provider.interactionFinished(request, response, {
    consent: { grantId: await grant.save() },
  });
};

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });

export const startAuthorizationServer = async (): Promise<AuthorizationServer> => {
  let requests = 0;
  let hooks: Parameters<AuthorizationServer["onToken"]>[0] = {};
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url?.startsWith("/interaction/") === true) {
      await interact(provider, request, response);
      return;
    }
    if (request.url === "/token") {
      requests++;
      await hooks.before?.();
      const end = response.end.bind(response);
      const { after } = hooks;
      if (after !== undefined) {
        response.end = ((...args: Parameters<typeof end>) => {
          void after().then(() => end(...args));
          return response;
        }) as typeof end;
      }
    }
    await provider.callback()(request, response);
  };
  const make = (): Server => createServer((request, response) => void serve(request, response));
  let server = make();
  // The provider wants to know its address, which is known once it listens.
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const provider = providerAt(url);
  return {
    url,
    tokenRequests: () => requests,
    onToken: (given) => {
      hooks = given;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    open: async () => {
      server = make();
      await listen(server, port);
    },
  };
};

/** What a browser does: follows the server's redirections with its cookies, until one leads back to Pawl. */
export const consent = async (authorizationUrl: string): Promise<URL> => {
  const cookies = new Map<string, string>();
  let url = new URL(authorizationUrl);
  for (let hops = 0; hops < 10; hops++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { redirect: "manual", headers: { cookie } });
    await response.body?.cancel();
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const at = pair.indexOf("=");
      cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    const location = response.headers.get("location");
    if (location === null)
      throw new Error(`No redirection: status ${response.status} of ${url.href}`);
    url = new URL(location, url);
    if (url.href.startsWith(redirectUri)) return url;
  }
  throw new Error("The server redirects for ever");
};
