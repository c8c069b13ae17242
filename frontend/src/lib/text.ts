// Looking for text in text.

/** Whether a text has another in it, in any case; every text has nothing in it. */
export function contains(text: string, part: string | undefined): boolean {
  return text.toLowerCase().includes((part ?? "").toLowerCase());
}
