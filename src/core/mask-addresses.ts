/**
 * How a value is written in an address: by functions that escape it for one, and by the platform when it is put there as it is.
 * The platform escapes what the part of the address does not allow (the URL standard's sets), and no more.
 */

/** In bytes. */
const shortest = 8;

const percent = (byte: string): string =>
  `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;

const inLowerCase = (encoded: string): string =>
  encoded.replace(/%[\dA-F]{2}/g, (escape) => escape.toLowerCase());

/** As a browser's form is sent. */
export const formText = (value: string): string =>
  encodeURIComponent(value.toWellFormed())
    .replace(/[!'()~]/g, percent)
    .replaceAll("%20", "+");

/** As clients of OAuth write what they send in a Basic header: a form with no character left that could be escaped. */
export const credentialText = (value: string): string =>
  formText(value).replace(/[-_.*]/g, percent);

/** Of bytes, each as one character. */
const fragmentSet = /[\0- "<>`\x7f-\xff]/g;
const querySet = /[\0- "#<>\x7f-\xff]/g;
const webQuerySet = /[\0- "#'<>\x7f-\xff]/g;
const pathSet = /[\0- "#<>?^`{}\x7f-\xff]/g;
const userSet = /[\0- "#/:;<=>?@[\\\]^`{|}\x7f-\xff]/g;

const fragment = (bytes: string): string => bytes.replace(fragmentSet, percent);

/** A path of bytes, and a query; addresses of the web have rules of their own. */
const partsOf = (
  bytes: string,
  isWeb: boolean,
): readonly [path: string, query: string, pathAndMore: string, queryAndMore: string] => {
  const path = (part: string): string =>
    (isWeb ? part.replaceAll("\\", "/") : part).replace(pathSet, percent);
  const query = (part: string): string => part.replace(isWeb ? webQuerySet : querySet, percent);
  // Where the next part begins in the value itself, unless that one is set apart.
  const queryAndMore = (part: string): string => {
    const end = part.indexOf("#");
    return end < 0 ? query(part) : query(part.slice(0, end)) + fragment(part.slice(end));
  };
  const end = bytes.search(/[?#]/);
  const pathAndMore =
    end < 0 ? path(bytes) : path(bytes.slice(0, end)) + queryAndMore(bytes.slice(end));
  return [path(bytes), query(bytes), pathAndMore, queryAndMore(bytes)];
};

/** `bytes` are the value's in UTF-8, each as one character. */
export const addressForms = (value: string, bytes: string): readonly string[] => {
  const component = encodeURIComponent(value.toWellFormed());
  if (component === value && !/[!'()*~]/.test(value)) return [];
  const strict = component.replace(/[!'()*]/g, percent);
  // Of a component, a form, RFC 3986 to the letter, a path's segments, and a whole address.
  const forms = [
    component,
    formText(value),
    strict,
    strict.replaceAll("%2F", "/"),
    encodeURI(value.toWellFormed()),
  ];
  // An address that is read loses its line breaks and tabs. What is short without them is no secret.
  const inLine = bytes.replace(/[\t\n\r]/g, "");
  const read = inLine.length < shortest ? bytes : inLine;
  return [
    ...forms,
    ...forms.map(inLowerCase),
    ...partsOf(read, true),
    ...partsOf(read, false),
    fragment(read),
    bytes.replace(userSet, percent),
    read.replace(userSet, percent),
  ];
};
