/** JSON texts in R2. */
export const jsonObject: R2PutOptions = { httpMetadata: { contentType: "application/json" } };

/** The first to write a key wins: R2 decides. */
export const onlyIfAbsent = {
  ...jsonObject,
  onlyIf: { etagDoesNotMatch: "*" },
} satisfies R2PutOptions;

export const readText = async (bucket: R2Bucket, key: string): Promise<string | undefined> =>
  (await bucket.get(key))?.text();
