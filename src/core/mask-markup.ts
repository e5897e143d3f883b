/** How a value is written in HTML and XML: engines of templates differ in what they escape beside the usual three, and how. */

const hex = { "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;" };

/** One for each kind of engine. */
const engines: readonly Readonly<Record<string, string>>[] = [
  // Text of XML, and its attributes.
  {},
  { '"': "&quot;" },
  { '"': "&quot;", "'": "&apos;" },
  // lodash, React, Rails, Django; PHP; Python.
  { '"': "&quot;", "'": "&#39;" },
  { '"': "&quot;", "'": "&#039;" },
  { '"': "&quot;", "'": "&#x27;" },
  // Jinja, Go; Go's templates.
  { '"': "&#34;", "'": "&#39;" },
  { '"': "&#34;", "'": "&#39;", "+": "&#43;" },
  // Mustache; Handlebars; Underscore; what OWASP recommends.
  { '"': "&quot;", "'": "&#39;", ...hex },
  { '"': "&quot;", "'": "&#x27;", ...hex, "/": "/" },
  { '"': "&quot;", "'": "&#x27;", "`": "&#x60;" },
  { '"': "&quot;", "'": "&#x27;", "/": "&#x2F;" },
];

/** Writers of ASCII give every other character its number: those of XML, and Python. */
const numbering: readonly number[] = [0, 1, 5];

const numbered = (text: string): string =>
  text.replace(/[^\0-\x7f]/gu, (character) => `&#${character.codePointAt(0)!};`);

export const markupForms = (value: string): readonly string[] => {
  if (!/[&<>"'/`=+]|[^\0-\x7f]/.test(value)) return [];
  const text = value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const forms = engines.map((escapes) =>
    text.replace(/["'/`=+]/g, (character) => escapes[character] ?? character),
  );
  return [...forms, ...numbering.map((at) => numbered(forms[at]!))];
};
