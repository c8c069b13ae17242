import { describe, expect, it } from "vitest";
import { bytes, count, counted, duration, milliseconds, short } from "./format";

const plain = (text: string) => text.replaceAll("\u00a0", " ");

describe("numbers", () => {
  it("have a unit, and what is not known has no number", () => {
    expect(plain(milliseconds(1.26))).toBe("1.3 ms");
    expect(plain(milliseconds(1_449))).toBe("1.4 s");
    expect(plain(bytes(1_536))).toBe("1.5 KiB");
    expect(plain(counted(1, "event"))).toBe("1 event");
    expect(plain(counted(12_345, "event"))).toBe("12,345 events");
    for (const format of [count, short, milliseconds, duration, bytes]) {
      expect(format(null)).toBe("–");
      expect(format(Number.NaN)).toBe("–");
    }
  });

  it("get shorter as they grow", () => {
    const cases: [number, string][] = [
      [0, "0"],
      [0.25, "0.3"],
      [9.99, "10"],
      [950.4, "950"],
      [9_999, "9,999"],
      [12_345, "12.3 k"],
      [999_499, "999 k"],
      [999_500, "1 M"],
      [2_340_000, "2.3 M"],
    ];
    for (const [value, text] of cases) expect(plain(short(value))).toBe(text);
  });

  it("of time name the two largest units at most", () => {
    const cases: [number, string][] = [
      [-3, "0 s"],
      [59.4, "59 s"],
      [60, "1 min"],
      [7_500, "2 h 5 min"],
      [7_200, "2 h"],
      [49 * 3_600, "2 d"],
    ];
    for (const [seconds, text] of cases) expect(plain(duration(seconds))).toBe(text);
  });
});
