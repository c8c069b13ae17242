// The limits as rows for people: what, how much, and the field that it comes from.
import type { Limits } from "@/api/queries";
import { bytes, count, counted } from "@/lib/format";

export interface Limit {
  name: string;
  value: string;
  /** Of the EventPipeline; none: it is the same in every pipeline. */
  field?: string;
  note?: string;
}

const FIXED = "fixed";

export function rows(limits: Limits): Limit[] {
  const rate = limits.defaultEventsPerSecond;
  return [
    {
      name: "Body, as it is sent",
      value: bytes(limits.bodyBytesMax),
      field: "spec.api.maxBodyBytes",
    },
    {
      name: "Body, once inflated",
      value: bytes(limits.inflatedBytesMax),
      field: "spec.api.maxBodyBytes",
      note: "follows it, within 20 and 256 MiB",
    },
    {
      name: "Batch",
      value: counted(limits.batchEventsMax, "event"),
      field: "spec.api.maxBatchEvents",
    },
    {
      name: "Rate of a key",
      value: typeof rate === "number" ? `${count(rate)} events/s` : "no limit",
      field: "spec.api.rateLimit.eventsPerSecond",
      note: "unless the key was made with one of its own",
    },
    { name: "Event", value: bytes(limits.eventBytesMax), note: FIXED },
    { name: "Id of an event", value: bytes(limits.idBytesMax), note: FIXED },
    { name: "Type of an event", value: bytes(limits.typeBytesMax), note: FIXED },
    { name: "Id of a user", value: bytes(limits.userIdBytesMax), note: FIXED },
    { name: "Nesting", value: counted(limits.depthMax, "level"), note: FIXED },
    {
      name: "Encodings",
      value: limits.contentEncodings.filter((name) => name !== "identity").join(", "),
      note: FIXED,
    },
  ];
}
