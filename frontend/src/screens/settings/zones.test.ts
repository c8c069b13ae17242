import { expect, it } from "vitest";
import { withChosen, zones } from "./zones";

it("what was chosen elsewhere is among the choices, in its place", () => {
  expect(withChosen([10, 50, 100], 50)).toEqual([10, 50, 100]);
  expect(withChosen([10, 50, 100], 70)).toEqual([10, 50, 70, 100]);
  expect(withChosen(["Africa/Cairo", "Europe/Vienna"], "Asia/Kolkata")[1]).toBe("Asia/Kolkata");
  expect(withChosen(["Africa/Cairo"], undefined)).toEqual(["Africa/Cairo"]);
});

it("every zone that is offered can be used", () => {
  expect(zones()).toContain("Europe/Vienna");
  expect(zones()).not.toContain("UTC");
  for (const timeZone of zones()) new Intl.DateTimeFormat("en", { timeZone });
});
