import { describe, expect, it } from "vitest";
import type { Health, Sample, Stats } from "@/api/queries";
import { dependencies, flow, gist, summary } from "./words";

const plain = (text: string | undefined) => text?.replaceAll("\u00a0", " ");
const fine = { status: "ok", ageMs: 1_000, latencyMs: 0.4 };
const health = (part: Partial<Health>): Health => ({
  status: "ok",
  version: "1",
  uptimeSeconds: 1,
  queuedBytes: 0,
  redis: fine,
  postgres: fine,
  mongodb: fine,
  ...part,
});
const stats = (part: Partial<Sample>): Stats => ({
  pipeline: "default/test",
  intervalSeconds: 5,
  samples: [
    {
      at: "2026-01-31T12:00:00Z",
      lagCertainty: "Known",
      lagEvents: 0,
      workers: 1,
      deadLettersOpen: 0,
      deadLettersMore: false,
      replica: { acceptedPerSecond: 0, duplicatesPerSecond: 0, rejectedPerSecond: 0, retriesPerSecond: 0 },
      ...part,
    },
  ],
});

describe("health in words", () => {
  it("names what is away, and says that nothing acknowledged is lost", () => {
    expect(summary(health({})).state).toBe("ok");
    const detail = "MongoDB is away: events queue up, reads get 503";
    const away = { status: "away", ageMs: 90_000, detail };
    const two = health({ mongodb: away, postgres: away });
    expect(summary(two).text).toBe(
      "PostgreSQL and MongoDB do not answer. Nothing that was acknowledged is lost.",
    );
    expect(plain(dependencies(two)[2]?.text)).toBe(
      `It last answered 1 min ago. ${detail}. Look at its log, and whether it runs.`,
    );
    expect(plain(dependencies(two)[0]?.text)).toBe("Answered in 0.4 ms, just now.");
  });

  it("a store that answers and takes no events is not called away", () => {
    const detail = "Redis is full; workers are draining it";
    const full = health({ redis: { status: "refusing", ageMs: 100, latencyMs: 0.4, detail } });
    const [redis] = dependencies(full);
    expect([redis?.state, redis?.word]).toEqual(["bad", "refuses events"]);
    expect(redis?.text).toBe(`It answers and takes no events. ${detail}.`);
    expect(summary(full).text).toBe("Redis refuses events. Nothing that was acknowledged is lost.");
    expect(gist(full, stats({}))).toEqual({ state: "bad", text: "Redis refuses events" });
    const both = { ...full, mongodb: { status: "away" } };
    expect(summary(both).text).toMatch(/^Redis refuses events\. MongoDB does not answer\./);
    expect(gist(both, stats({})).text).toBe("Redis refuses events, MongoDB away");
  });

  it("all is well only while events are stored, too", () => {
    const told = (part: Partial<Sample>) => gist(health({}), stats(part));
    expect(told({})).toEqual({ state: "ok", text: "All well" });
    expect(told({ workers: 0 }).text).toBe("All well");
    expect(told({ workers: 0, lagEvents: 5 })).toEqual({ state: "bad", text: "Workers: none alive" });
    expect(told({ lagEvents: 6_000, eventsOutPerSecond: 0 })).toEqual({
      state: "warn",
      text: "Queue: behind",
    });
    expect(told({ lagCertainty: "Unknown", lagEvents: null })).toEqual({
      state: "unknown",
      text: "Queue: lag unknown",
    });
    expect(gist(health({}), undefined).state).toBe("unknown");
  });

  it("a lag that is not known is not called empty", () => {
    const [queue] = flow(stats({ lagCertainty: "Unknown", lagEvents: null }));
    expect([queue?.state, queue?.word]).toEqual(["unknown", "lag unknown"]);
    expect(flow(stats({}))[0]?.word).toBe("empty");
  });

  it("a queue that moves is well, one that stands is not", () => {
    const lines = (part: Partial<Sample>) => flow(stats({ lagEvents: 6_000, ...part }))[0];
    expect(plain(lines({ eventsOutPerSecond: 600 })?.text)).toBe(
      "6,000 events wait, done in about 10 s at 600 events/s.",
    );
    expect(lines({ eventsOutPerSecond: 600 })?.state).toBe("ok");
    expect(lines({ eventsOutPerSecond: 0 })?.state).toBe("warn");
  });

  it("no worker is bad only while events wait", () => {
    expect(flow(stats({ workers: 0, lagEvents: 5 }))[1]?.state).toBe("bad");
    expect(flow(stats({ workers: 0, lagEvents: 0 }))[1]?.state).toBe("info");
    const unknown = flow(stats({ workers: 0, lagCertainty: "Unknown", lagEvents: null }))[1];
    expect([unknown?.state, unknown?.text]).toEqual(["warn", expect.stringMatching(/events may wait/)]);
    expect(plain(flow(stats({ deadLettersOpen: 1 }))[2]?.text)).toMatch(/^1 event was refused/);
  });

  it("before the first sample it says so", () => {
    expect(flow({ ...stats({}), samples: [] })[0]?.word).toBe("none yet");
  });
});
