// Classes of causes, as the worker writes them, in words.
export const CLASSES: Record<string, string> = {
  refused:
    "MongoDB refused this event itself; the same event will be refused again until the reason is mended.",
  undecodable: "What was in Redis does not decode: it was damaged, or written by another version.",
  worker_died: "A worker died more than once with this event alone in hand.",
};
