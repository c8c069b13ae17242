import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { FilterBar } from "./FilterBar";

afterEach(cleanup);

const bar = (values: Record<string, string>, apply = vi.fn()) => (
  <FilterBar values={values} apply={apply} clear={vi.fn()}>
    <input name="type" aria-label="Type" />
    <select name="status" aria-label="State">
      <option value="open">open</option>
      <option value="all">all</option>
    </select>
  </FilterBar>
);
const field = (name: string) => screen.getByLabelText<HTMLInputElement>(name);

it("the fields follow the filter, and the one in use keeps the focus and what is typed in it", () => {
  const { rerender } = render(bar({ type: "a", status: "all" }));
  expect([field("Type").value, field("State").value]).toEqual(["a", "all"]);
  const used = field("Type");
  used.focus();
  fireEvent.change(used, { target: { value: "half a word" } });
  rerender(bar({ type: "a", status: "open" }));
  expect([field("Type").value, field("State").value]).toEqual(["half a word", "open"]);
  rerender(bar({ status: "open" }));
  expect(field("Type").value).toBe("");
  expect(document.activeElement).toBe(used);
});

it("what is found is what the fields say, and clearing empties them", () => {
  const apply = vi.fn();
  render(bar({ status: "open" }, apply));
  fireEvent.change(field("Type"), { target: { value: " paid " } });
  fireEvent.submit(field("Type"));
  expect(apply).toHaveBeenCalledWith({ type: "paid", status: "open" });
  fireEvent.click(screen.getByRole("button", { name: "Clear" }));
  expect(field("Type").value).toBe("");
});
