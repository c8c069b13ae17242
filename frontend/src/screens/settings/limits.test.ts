import { expect, it } from "vitest";
import { rows } from "./limits";

const limits = {
  bodyBytesMax: 5_242_880,
  inflatedBytesMax: 20_971_520,
  batchEventsMax: 1_000,
  eventBytesMax: 262_144,
  idBytesMax: 128,
  typeBytesMax: 200,
  userIdBytesMax: 200,
  depthMax: 32,
  eventsPerSecond: null,
  defaultEventsPerSecond: null as number | null,
  contentEncodings: ["identity", "gzip", "zstd"],
  acks: ["queued"],
};
const row = (part: Partial<typeof limits>, name: RegExp) =>
  rows({ ...limits, ...part }).find((row) => name.test(row.name));

it("each limit has a value with its unit, and the field that changes it or that none does", () => {
  for (const { name, value, field, note } of rows(limits)) {
    expect(value, name).not.toContain("–");
    expect(field ?? note, name).toBeTruthy();
  }
  expect(row({}, /as it is sent/)).toMatchObject({ value: "5\u00a0MiB", field: "spec.api.maxBodyBytes" });
});

it("no rate is said as no limit, and a rate as events a second", () => {
  expect(row({}, /^Rate/)?.value).toBe("no limit");
  expect(row({ defaultEventsPerSecond: 5_000 }, /^Rate/)?.value).toBe("5,000 events/s");
});
