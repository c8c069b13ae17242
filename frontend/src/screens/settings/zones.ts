// What there is to choose from.

/** Time zones that this browser knows, but for UTC, which has a place of its own. */
export function zones(): string[] {
  // Browsers before 2022 cannot say; local and UTC are there all the same.
  const known = "supportedValuesOf" in Intl ? Intl.supportedValuesOf("timeZone") : [];
  return known.filter((name) => name !== "UTC");
}

/** The choices with the one that holds, were it chosen elsewhere, in its place. */
export function withChosen<T extends string | number>(choices: T[], chosen: T | undefined): T[] {
  if (chosen === undefined || choices.includes(chosen)) return choices;
  return [...choices, chosen].sort((a, b) => (a < b ? -1 : 1));
}
