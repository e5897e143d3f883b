/** What nodes are given of their organization, over stores in memory: read anew, refreshed in time, and known to the mask before. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { d1ResourceProviderLayer } from "#cloudflare/d1-resource-provider";
import { ServiceFailure } from "#services/errors";
import type { Tokens } from "#services/integration-store";
import { IntegrationStore } from "#services/integration-store";
import { NodeFailure } from "#services/node-definition";
import { ResourceProvider } from "#services/resource-provider";
import { SecretStore } from "#services/secret-store";
import type { RefreshRequest, RefreshResult } from "#services/token-refresher";
import { TokenRefresher } from "#services/token-refresher";
import { factsFor } from "../contracts/resource-provider.contract.ts";

const run = Effect.runPromise;
const minute = 60_000;

const memoryOf = <I, S>(key: Effect.Effect<S, never, I>, layer: Layer.Layer<I>): S =>
  Effect.runSync(Effect.provide(key, layer));

/** A provider over stores in memory, with other methods in the place of some. */
const open = (
  overrides: {
    readonly secrets?: Partial<SecretStore["Service"]>;
    readonly integrations?: Partial<IntegrationStore["Service"]>;
    readonly refresh?: (request: RefreshRequest) => Effect.Effect<RefreshResult, ServiceFailure>;
  } = {},
) => {
  const secrets = memoryOf(SecretStore, SecretStore.layerMemory);
  const integrations = memoryOf(IntegrationStore, IntegrationStore.layerMemory);
  const asked: RefreshRequest[] = [];
  const refresh = (request: RefreshRequest): Effect.Effect<RefreshResult, ServiceFailure> => {
    asked.push(request);
    return overrides.refresh?.(request) ?? Effect.die("Nobody asks this");
  };
  const layer = d1ResourceProviderLayer.pipe(
    Layer.provide([
      Layer.succeed(SecretStore, { ...secrets, ...overrides.secrets }),
      Layer.succeed(IntegrationStore, { ...integrations, ...overrides.integrations }),
      Layer.succeed(TokenRefresher, { refresh }),
    ]),
  );
  const provider = Effect.runSync(Effect.provide(ResourceProvider, layer));
  const { getSecret, getIntegration } = provider.createNodeContext(factsFor("acme"));
  return {
    provider,
    secrets,
    integrations,
    asked,
    getSecret,
    getIntegration,
    set: (value: string) =>
      run(secrets.set({ organizationId: "acme", name: "KEY", value, now: 1 })),
    /** `lasts` in milliseconds from now. */
    connect: (lasts: number | null, tokens: Partial<Tokens> = {}) =>
      run(
        integrations.connect({
          organizationId: "acme",
          id: "mail",
          provider: "gmail",
          tokens: {
            accessToken: "first token",
            refreshToken: "first refresh token",
            expiresAt: lasts === null ? null : Date.now() + lasts,
            scopes: [],
            ...tokens,
          },
          now: 1,
        }),
      ),
  };
};

/** What a node meets. */
const nodeFailureOf = async (promise: Promise<unknown>): Promise<unknown> => {
  const thrown = await promise.catch((reason: unknown) => reason);
  if (!(thrown instanceof NodeFailure)) return thrown;
  const { message, retryable } = thrown;
  return { message, retryable };
};

const away = new ServiceFailure({ operation: "Test", message: "The store is away." });
const broken = new ServiceFailure({ operation: "Test", message: "Do this.", isFinal: true });

describe("Secrets of a node", () => {
  it("are read anew at every call", async () => {
    const { provider, getSecret, set, secrets } = open();
    await run(provider.initialize("acme"));
    expect(await getSecret("KEY")).toBeUndefined();
    for (const value of ["first value", "second value"]) {
      await set(value);
      expect(await getSecret("KEY")).toBe(value);
    }
    await run(secrets.remove("acme", "KEY"));
    expect(await getSecret("KEY")).toBeUndefined();
  });

  it("are masked from when they are read, and go on being so when they are replaced", async () => {
    const { provider, getSecret, set } = open();
    await set("first value");
    await run(provider.initialize("acme"));
    const before = provider.maskFor("acme");
    await set("second value");
    await getSecret("KEY");
    const mask = await provider.maskFor("acme");
    expect(mask).not.toBe(before);
    expect(mask.text("first value, second value")).toBe("[secret:KEY], [secret:KEY]");
    await getSecret("KEY");
    expect(provider.maskFor("acme")).toBe(mask);
  });

  it("are masked also when the first is read before the mask is loaded", async () => {
    const { provider, getSecret, set, secrets } = open();
    await set("first value");
    expect(await getSecret("KEY")).toBe("first value");
    await run(secrets.remove("acme", "KEY"));
    expect((await provider.maskFor("acme")).text("first value")).toBe("[secret:KEY]");
  });

  it("are masked at hand as far as they are known, without loading any: another request may ask", async () => {
    let loads = 0;
    const { provider, set, getSecret, secrets } = open({
      secrets: {
        readAll: (organizationId) =>
          Effect.suspend(() => {
            loads++;
            return secrets.readAll(organizationId);
          }),
      },
    });
    await set("first value");
    expect(provider.maskAtHand("acme").text("first value")).toBe("first value");
    await getSecret("KEY");
    expect(provider.maskAtHand("acme").text("first value")).toBe("[secret:KEY]");
    expect(loads).toBe(0);
    expect(provider.maskAtHand("acme")).toBe(await provider.maskFor("acme"));
  });

  it("are loaded once for all who ask for the mask at the same time, and again after a failure", async () => {
    let loads = 0;
    const { provider, set, secrets } = open({
      secrets: {
        readAll: (organizationId) =>
          Effect.suspend(() =>
            ++loads === 1 ? Effect.fail(away) : Effect.delay(secrets.readAll(organizationId), 5),
          ),
      },
    });
    await set("first value");
    const failed = [provider.maskFor("acme"), provider.maskFor("acme")];
    for (const mask of failed) await expect(mask).rejects.toBe(away);
    expect(loads).toBe(1);
    const [mask, initialized, other] = await Promise.all([
      provider.maskFor("acme"),
      run(provider.initialize("acme")),
      provider.maskFor("acme"),
    ]);
    expect(loads).toBe(2);
    expect([initialized, other]).toEqual([undefined, mask]);
    expect(mask.text("first value")).toBe("[secret:KEY]");
    expect(provider.maskFor("acme")).toBe(mask);
    await provider.maskFor("other");
    expect(loads).toBe(3);
  });

  it.each([
    ["integrations", away],
    ["integrations", broken],
    ["secrets", away],
    ["secrets", broken],
  ] as const)(
    "fail a run before its first node when its %s cannot be loaded (%#)",
    async (which, failure) => {
      const { provider } = open({ [which]: { readAll: () => Effect.fail(failure) } });
      expect(await run(Effect.flip(provider.initialize("acme")))).toBe(failure);
    },
  );

  it.each([
    [away, "The secret 'KEY' could not be read: The store is away.", true],
    [broken, "The secret 'KEY' could not be read: Do this.", false],
  ])(
    "tell a node why they cannot be read, and whether to try again (%#)",
    async (failure, message, retryable) => {
      const { getSecret } = open({ secrets: { read: () => Effect.fail(failure) } });
      expect(await nodeFailureOf(getSecret("KEY"))).toEqual({ message, retryable });
    },
  );
});

describe("Integrations of a node", () => {
  const mail = (token: string) => ({ id: "mail", provider: "gmail", token });

  /** Puts newer tokens into the store, as the refresher does. */
  const refreshing = () => {
    const opened: ReturnType<typeof open> = open({
      refresh: ({ version }) =>
        Effect.as(
          opened.integrations.replaceTokens({
            organizationId: "acme",
            id: "mail",
            version,
            now: 2,
            tokens: {
              accessToken: "second token",
              refreshToken: "second refresh token",
              expiresAt: Date.now() + 60 * minute,
              scopes: [],
            },
          }),
          { status: "refreshed" },
        ),
    });
    return opened;
  };

  it.each([
    ["does not expire", null],
    ["expires in more than five minutes", 5 * minute + 5_000],
  ])("are given as they are when the token %s", async (_, lasts) => {
    const { getIntegration, connect, asked } = open();
    await connect(lasts);
    expect(await getIntegration("mail")).toEqual(mail("first token"));
    expect(await getIntegration("other")).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it.each([
    ["expires within five minutes", 5 * minute - 5_000],
    ["has expired", -minute],
  ])("get a newer token when theirs %s, once", async (_, lasts) => {
    const { getIntegration, connect, asked } = refreshing();
    await connect(null);
    await connect(lasts);
    expect(await getIntegration("mail")).toEqual(mail("second token"));
    expect(await getIntegration("mail")).toEqual(mail("second token"));
    expect(asked).toEqual([{ organizationId: "acme", id: "mail", version: 2 }]);
  });

  it("get a newer token at half its life when it lives for minutes alone, and not at every call", async () => {
    const second = 1_000;
    const tokens = (): Tokens => ({
      accessToken: "a short token",
      refreshToken: "its refresh token",
      expiresAt: Date.now() + 300 * second,
      scopes: [],
    });
    const mailOf = () => ({ organizationId: "acme", id: "mail", now: Date.now() });
    const opened: ReturnType<typeof open> = open({
      refresh: ({ version }) =>
        Effect.as(opened.integrations.replaceTokens({ ...mailOf(), version, tokens: tokens() }), {
          status: "refreshed",
        }),
    });
    vi.useFakeTimers({ toFake: ["Date"], now: 1_000_000 });
    try {
      const connection = { ...mailOf(), provider: "gmail", tokens: tokens() };
      await run(opened.integrations.connect(connection));
      const askTenTimes = async (): Promise<void> => {
        for (let time = 0; time < 10; time++) {
          await opened.getIntegration("mail");
          vi.setSystemTime(Date.now() + 14 * second);
        }
      };
      await askTenTimes();
      vi.setSystemTime(1_000_000 + 149 * second);
      await opened.getIntegration("mail");
      expect(opened.asked).toEqual([]);
      vi.setSystemTime(1_000_000 + 150 * second);
      await askTenTimes();
      expect(opened.asked).toEqual([{ organizationId: "acme", id: "mail", version: 1 }]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("are not given a token that had ended when it came", async () => {
    const { integrations, getIntegration, asked } = refreshing();
    const tokens = { accessToken: "an old token", refreshToken: "r", scopes: [] };
    const now = Date.now() + 10 * minute;
    const connection = { organizationId: "acme", id: "mail", provider: "gmail", now };
    await run(
      integrations.connect({ ...connection, tokens: { ...tokens, expiresAt: Date.now() - 1 } }),
    );
    expect(await getIntegration("mail")).toEqual(mail("second token"));
    expect(asked).toHaveLength(1);
  });

  it("are masked, all their tokens, old ones and new ones", async () => {
    const { provider, getIntegration, connect } = refreshing();
    await connect(minute);
    await run(provider.initialize("acme"));
    await getIntegration("mail");
    const mask = await provider.maskFor("acme");
    expect(mask.text("first token; first refresh token; second token; second refresh token")).toBe(
      "[secret:mail]; [secret:mail]; [secret:mail]; [secret:mail]",
    );
  });

  it("keep a token that is still good when no newer one can be had now", async () => {
    for (const failure of [away, broken]) {
      const { getIntegration, connect, asked } = open({ refresh: () => Effect.fail(failure) });
      await connect(minute);
      expect(await getIntegration("mail")).toEqual(mail("first token"));
      expect(asked).toHaveLength(1);
    }
  });

  describe("whose token is still good", () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], now: 1_000_000 });
    });
    afterEach(() => void vi.useRealTimers());

    /** A refresher that answers when it is told to, and goes on whoever waits for it. */
    const slow = () => {
      const gate = Promise.withResolvers<void>();
      const opened: ReturnType<typeof open> = open({
        refresh: ({ version }) =>
          Effect.promise(async () => {
            await gate.promise;
            const tokens = {
              accessToken: "second token",
              expiresAt: Date.now() + 60 * minute,
              scopes: [],
            };
            const change = { organizationId: "acme", id: "mail", version, now: Date.now(), tokens };
            await run(opened.integrations.replaceTokens(change));
            return { status: "refreshed" };
          }),
      });
      return { ...opened, answer: gate.resolve };
    };

    /** What is there after so many milliseconds: undefined when nothing is. */
    const after = async <A>(millis: number, promise: Promise<A>): Promise<A | undefined> => {
      let given: A | undefined;
      void promise.then((value) => (given = value));
      await vi.advanceTimersByTimeAsync(millis);
      return given;
    };

    it("keep it when a newer one is not there after three seconds, and get that later", async () => {
      const { getIntegration, connect, asked, answer } = slow();
      await connect(4 * minute);
      const waiting = getIntegration("mail");
      expect(await after(2_900, waiting)).toBeUndefined();
      expect(await after(200, waiting)).toEqual(mail("first token"));
      expect(vi.getTimerCount()).toBe(0);
      expect(await getIntegration("mail")).toEqual(mail("first token"));
      answer();
      await vi.advanceTimersByTimeAsync(0);
      expect(await getIntegration("mail")).toEqual(mail("second token"));
      expect(asked).toHaveLength(1);
    });

    it("wait three seconds each when many ask at once, and those who come later not at all", async () => {
      const { getIntegration, connect } = slow();
      await connect(4 * minute);
      const ask = () => Promise.all(Array.from({ length: 50 }, () => getIntegration("mail")));
      expect(await after(3_000, ask())).toHaveLength(50);
      expect(await after(0, ask())).toHaveLength(50);
    });

    it("leave no timer behind when a newer one is there in time", async () => {
      const { getIntegration, connect, answer } = slow();
      await connect(4 * minute);
      const waiting = getIntegration("mail");
      await vi.advanceTimersByTimeAsync(1_000);
      answer();
      expect(await waiting).toEqual(mail("second token"));
      expect(vi.getTimerCount()).toBe(0);
    });

    it("wait to the end when theirs would be over by then", async () => {
      const { getIntegration, connect, answer } = slow();
      await connect(3_000);
      const waiting = getIntegration("mail");
      expect(await after(10_000, waiting)).toBeUndefined();
      answer();
      expect(await waiting).toEqual(mail("second token"));
    });

    it("ask again half a minute after a failure, or once theirs is over, and not before", async () => {
      for (const failure of [away, broken]) {
        const { getIntegration, connect, asked } = open({ refresh: () => Effect.fail(failure) });
        await connect(45_000);
        const ask = async (millis: number): Promise<number> => {
          await vi.advanceTimersByTimeAsync(millis);
          await getIntegration("mail").catch(() => {});
          return asked.length;
        };
        expect([await ask(0), await ask(1), await ask(29_998)]).toEqual([1, 1, 1]);
        expect([await ask(1), await ask(11_000)]).toEqual([2, 2]);
        expect([await ask(5_000), await ask(0)]).toEqual([3, 4]);
      }
    });

    it("ask at once for tokens of a later connection, and for those of other integrations", async () => {
      const { integrations, getIntegration, connect, asked } = open({
        refresh: () => Effect.fail(away),
      });
      await connect(minute);
      const { tokens } = (await run(integrations.read("acme", "mail")))!;
      const other = { organizationId: "acme", id: "other", provider: "gmail", tokens, now: 1 };
      await run(integrations.connect(other));
      await getIntegration("mail");
      await getIntegration("other");
      await connect(minute);
      await getIntegration("mail");
      expect(asked.map(({ id, version }) => [id, version])).toEqual([
        ["mail", 1],
        ["other", 1],
        ["mail", 2],
      ]);
    });
  });

  it.each([
    [away, "The token of the integration 'mail' could not be renewed: The store is away.", true],
    [broken, "The token of the integration 'mail' could not be renewed: Do this.", false],
  ])(
    "fail when theirs has expired and no newer one can be had now (%#)",
    async (failure, message, retryable) => {
      const { getIntegration, connect } = open({ refresh: () => Effect.fail(failure) });
      await connect(-1);
      expect(await nodeFailureOf(getIntegration("mail"))).toEqual({ message, retryable });
    },
  );

  it("keep a token that cannot be renewed to its end, and ask only then", async () => {
    const { integrations, getIntegration, connect, asked } = open({
      refresh: () => Effect.succeed({ status: "expired", message: "gmail gave no refresh token." }),
    });
    await connect(null);
    const { tokens } = (await run(integrations.read("acme", "mail")))!;
    const { refreshToken: _, ...withoutRefresh } = tokens;
    const change = { organizationId: "acme", id: "mail", now: 2 };
    const lasting = { ...withoutRefresh, expiresAt: Date.now() + minute };
    await run(integrations.replaceTokens({ ...change, version: 1, tokens: lasting }));
    expect(await getIntegration("mail")).toEqual(mail("first token"));
    expect(asked).toEqual([]);
    const over = { ...withoutRefresh, expiresAt: Date.now() - 1 };
    await run(integrations.replaceTokens({ ...change, version: 2, tokens: over }));
    expect(await nodeFailureOf(getIntegration("mail"))).toEqual({
      message:
        "The integration 'mail' with gmail has expired: gmail gave no refresh token. Connect it again.",
      retryable: undefined,
    });
    expect(asked).toHaveLength(1);
  });

  it("fail for good when they have expired, and nobody is asked", async () => {
    const { integrations, getIntegration, connect, asked } = open();
    await connect(60 * minute);
    await run(integrations.expire({ organizationId: "acme", id: "mail", version: 1, now: 2 }));
    expect(await nodeFailureOf(getIntegration("mail"))).toEqual({
      message:
        "The integration 'mail' with gmail has expired: its access could not be renewed. Connect it again.",
      retryable: undefined,
    });
    expect(asked).toEqual([]);
  });

  it("are gone when they are removed while they are refreshed", async () => {
    const { integrations, getIntegration, connect } = open({
      refresh: ({ version }) =>
        Effect.as(integrations.remove("acme", "mail"), {
          status: version === 1 ? "unknown" : "refreshed",
        }),
    });
    for (const _ of ["unknown", "refreshed"]) {
      await connect(-1);
      expect(await getIntegration("mail")).toBeUndefined();
    }
  });

  it.each([
    [away, "The integration 'mail' could not be read: The store is away.", true],
    [broken, "The integration 'mail' could not be read: Do this.", false],
  ])(
    "tell a node why they cannot be read, and whether to try again (%#)",
    async (failure, message, retryable) => {
      const { getIntegration } = open({ integrations: { read: () => Effect.fail(failure) } });
      expect(await nodeFailureOf(getIntegration("mail"))).toEqual({ message, retryable });
    },
  );
});
