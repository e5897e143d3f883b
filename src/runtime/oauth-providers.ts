/**
 * Providers of OAuth 2.0 that Pawl knows, as data. What is written here is what their documentation says and what they were
 * seen to do; nothing is asked of them to make it. Where a deployment needs something else, `OAUTH_CLIENTS` says so
 * (`oauth-clients.ts`). Not certain: whether Discord, Slack and WordPress.com mind a PKCE challenge (so they get none), and
 * whether Reddit and WordPress.com will always give the lifetimes below.
 */
export interface OAuthProvider {
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** As it names itself in its answers (RFC 9207); absent where it does not, or where that is not known. */
  readonly issuer?: string;
  /** Asked for unless the client names others. */
  readonly scopes: readonly string[];
  readonly scopeSeparator: " " | ",";
  /** How a client that has a secret shows it: in a header, or in the body. */
  readonly authentication: "basic" | "post";
  /** Whether a code is bound to whoever asked for it (RFC 7636). */
  readonly pkce: boolean;
  /** Of an access token, in seconds, where an answer tells none; null when it then never expires. */
  readonly lifetime: number | null;
  /** Whether a refresh token is good for one refresh, which brings the next; absent where that depends or is not known. */
  readonly rotates?: boolean;
  /** Beside `invalid_grant`: its words for a code or a refresh token that is no good any more. */
  readonly refusals: readonly string[];
  /** For its page of consent, beside the standard ones. */
  readonly authorizationParameters: Readonly<Record<string, string>>;
}

const hour = 60 * 60;
const day = 24 * hour;

/** Of whatever a deployment describes itself: what RFC 6749 and RFC 9700 make of it. */
export const genericProvider: Omit<OAuthProvider, "authorizationEndpoint" | "tokenEndpoint"> = {
  scopes: [],
  scopeSeparator: " ",
  authentication: "basic",
  pkce: true,
  lifetime: null,
  refusals: [],
  authorizationParameters: {},
};

const google = (scopes: readonly string[]): OAuthProvider => ({
  ...genericProvider,
  authorizationEndpoint: "https://accounts.google.com/o/oauth2/v2/auth",
  tokenEndpoint: "https://oauth2.googleapis.com/token",
  issuer: "https://accounts.google.com",
  scopes,
  authentication: "post",
  lifetime: hour,
  rotates: false,
  // Without both, a second consent brings no refresh token.
  authorizationParameters: { access_type: "offline", prompt: "consent" },
});

export const oauthProviders: ReadonlyMap<string, OAuthProvider> = new Map<string, OAuthProvider>([
  [
    "google-mail",
    google([
      "https://www.googleapis.com/auth/gmail.readonly",
      "https://www.googleapis.com/auth/gmail.send",
    ]),
  ],
  ["google-calendar", google(["https://www.googleapis.com/auth/calendar"])],
  [
    "github",
    {
      ...genericProvider,
      authorizationEndpoint: "https://github.com/login/oauth/authorize",
      tokenEndpoint: "https://github.com/login/oauth/access_token",
      scopes: ["repo", "read:user"],
      authentication: "post",
      // Those of OAuth apps never expire. Those of GitHub Apps may: then the answer tells it, and refresh tokens rotate.
      refusals: ["bad_refresh_token", "bad_verification_code"],
    },
  ],
  [
    "discord",
    {
      ...genericProvider,
      authorizationEndpoint: "https://discord.com/oauth2/authorize",
      tokenEndpoint: "https://discord.com/api/oauth2/token",
      scopes: ["identify", "guilds"],
      pkce: false,
      lifetime: 7 * day,
      rotates: true,
    },
  ],
  [
    "reddit",
    {
      ...genericProvider,
      authorizationEndpoint: "https://www.reddit.com/api/v1/authorize",
      tokenEndpoint: "https://www.reddit.com/api/v1/access_token",
      scopes: ["identity", "read", "submit"],
      pkce: false,
      lifetime: hour,
      rotates: false,
      // Otherwise there is no refresh token.
      authorizationParameters: { duration: "permanent" },
    },
  ],
  [
    "linkedin",
    {
      ...genericProvider,
      authorizationEndpoint: "https://www.linkedin.com/oauth/v2/authorization",
      tokenEndpoint: "https://www.linkedin.com/oauth/v2/accessToken",
      scopes: ["openid", "profile", "w_member_social"],
      authentication: "post",
      pkce: false,
      // Only partners get refresh tokens: all others connect again every two months.
      lifetime: 60 * day,
      rotates: false,
    },
  ],
  [
    "x",
    {
      ...genericProvider,
      authorizationEndpoint: "https://x.com/i/oauth2/authorize",
      tokenEndpoint: "https://api.x.com/2/oauth2/token",
      // Without the last there is no refresh token.
      scopes: ["tweet.read", "tweet.write", "users.read", "offline.access"],
      lifetime: 2 * hour,
      rotates: true,
      // What it says of a refresh token that was used before.
      refusals: ["invalid_request"],
    },
  ],
  [
    "wordpress",
    {
      ...genericProvider,
      authorizationEndpoint: "https://public-api.wordpress.com/oauth2/authorize",
      tokenEndpoint: "https://public-api.wordpress.com/oauth2/token",
      scopes: ["global"],
      authentication: "post",
      pkce: false,
    },
  ],
  [
    "slack",
    {
      ...genericProvider,
      authorizationEndpoint: "https://slack.com/oauth/v2/authorize",
      tokenEndpoint: "https://slack.com/api/oauth.v2.access",
      scopes: ["chat:write", "channels:read"],
      scopeSeparator: ",",
      pkce: false,
      // Expire, and then rotate, only where the app has switched token rotation on: the answer tells it.
      refusals: [
        "invalid_refresh_token",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "invalid_code",
        "code_already_used",
      ],
    },
  ],
]);
