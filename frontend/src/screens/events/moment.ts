// Between a browser's date field, which is in local time without a zone, and RFC 3339, which the API takes.

/** "2026-01-31T12:00" → "2026-01-31T11:00:00.000Z"; nothing for what is no moment. */
export function fromField(text: string | undefined): string | undefined {
  const at = new Date(text || Number.NaN);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** The other way round, to the second. */
export function toField(text: string | undefined): string | undefined {
  const at = new Date(text || Number.NaN);
  if (Number.isNaN(at.getTime())) return undefined;
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
