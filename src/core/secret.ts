/**
 * What may be kept as a secret, and under which name; ids of integrations are held to the same. A value that is too short cannot be
 * told from ordinary text and so could not be kept out of records (SECRET-1); one that is too long is a file.
 */

const longestName = 256;
const shortestValue = 8;
const largestValue = 64 * 1_024;

/** Of an organization, and the bytes of their values together: a Worker holds all of them, in all their forms, to mask them. */
export const mostSecrets = 1_000;
export const mostSecretBytes = 512 * 1_024;

/** Anything that can be seen. */
const visible = /[^\s\p{Cc}\p{Cf}]/u;
const controlCharacter = /\p{Cc}/u;

/** Characters and bytes of UTF-8 in well-formed text. */
const sizesOf = (text: string): { readonly characters: number; readonly bytes: number } => {
  let characters = 0;
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    characters += 1;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return { characters, bytes };
};

/** Bytes of UTF-8 in well-formed text. */
export const utf8Size = (text: string): number => sizesOf(text).bytes;

/** How people call what has a name. */
interface Named {
  readonly kind: "secret" | "integration";
  readonly name: "name" | "id";
}

const secretName: Named = { kind: "secret", name: "name" };
const integrationId: Named = { kind: "integration", name: "id" };

/** What comes from outside may be no text, whatever its type says. */
const nameProblem = (text: string, { kind, name }: Named): string | undefined => {
  const subject = `The ${name} of the ${kind}`;
  if (typeof text !== "string") {
    return `${subject} is no text. Give it one of 1 to ${longestName} characters.`;
  }
  if (text === "") {
    return `The ${kind} needs ${name === "id" ? "an" : "a"} ${name}. Give it one of 1 to ${longestName} characters.`;
  }
  if (!text.isWellFormed() || controlCharacter.test(text)) {
    return `${subject} has characters that cannot be shown. Leave out line breaks, tabs and other control characters.`;
  }
  // Nobody would see it, and a node that is given the name as it is seen would find nothing.
  if (text !== text.trim()) {
    return visible.test(text)
      ? `${subject} begins or ends with white space. Leave that out.`
      : `${subject} is nothing but white space. Give it one that can be seen.`;
  }
  const { characters } = sizesOf(text);
  return characters > longestName
    ? `${subject} is ${characters} characters long, and ${longestName} are allowed. Give it a shorter one.`
    : undefined;
};

const valueProblem = (value: string): string | undefined => {
  if (typeof value !== "string") {
    return "The value of the secret is no text. Write it as one, for example as JSON or as base64.";
  }
  if (!value.isWellFormed()) {
    return "The value of the secret is no text that UTF-8 can hold. Encode bytes first, for example as base64.";
  }
  const { characters, bytes } = sizesOf(value);
  if (characters < shortestValue) {
    return (
      `The value of the secret is shorter than ${shortestValue} characters: it could not be told from ordinary text, and so not ` +
      "be kept out of records. Use a longer one."
    );
  }
  if (bytes > largestValue) {
    return (
      `The value of the secret is ${bytes} bytes long, and ${largestValue} are allowed. Keep what is larger in the ObjectStore, ` +
      "encrypted with a key that is a secret."
    );
  }
  // It was made by a mistake, and much of what a run shows would be masked.
  return visible.test(value)
    ? undefined
    : "The value of the secret is nothing but white space or control characters. Look at where it comes from.";
};

/** Secrets of one organization. */
export interface SecretSum {
  readonly count: number;
  /** Of their values. */
  readonly bytes: number;
}

/** Whether an organization that has these others may have one of so many bytes. */
export const hasRoom = (others: SecretSum, bytes: number): boolean =>
  others.count < mostSecrets && others.bytes + bytes <= mostSecretBytes;

/** Why it may not, and what to do. */
export const noRoom = (others: SecretSum, bytes: number): string =>
  others.count >= mostSecrets
    ? `The organization has ${others.count} secrets, and ${mostSecrets} are allowed. Remove one that nobody needs.`
    : `The values of the organization's secrets would be ${others.bytes + bytes} bytes long together, and ${mostSecretBytes} are ` +
      "allowed. Remove one that nobody needs, or keep what is large in the ObjectStore, encrypted with a key that is a secret.";

/**
 * Why these cannot be kept, and what to do; undefined when they can. Says nothing of the value but its size. What comes from
 * outside may be no text, whatever its type says.
 */
export const secretProblem = (name: string, value: string): string | undefined =>
  nameProblem(name, secretName) ?? valueProblem(value);

/** Why an integration cannot be connected under this id: the rule for names of secrets, since both are seen and typed alike. */
export const integrationIdProblem = (id: string): string | undefined =>
  nameProblem(id, integrationId);
