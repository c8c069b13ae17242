import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ProblemError } from "@/api/problem";
import { Loaded } from "./Loaded";

afterEach(cleanup);

const query = (part: object) => ({
  data: undefined as string[] | undefined,
  error: null as unknown,
  dataUpdatedAt: 0,
  isFetching: false,
  refetch: vi.fn(),
  ...part,
});
const show = (asked: ReturnType<typeof query>) =>
  render(
    <Loaded
      query={asked}
      what="keys"
      skeleton={<i>skeleton</i>}
      isEmpty={(data) => data.length === 0}
      empty={<p>make the first one</p>}
    >
      {(data) => <ul>{data.join()}</ul>}
    </Loaded>,
  );

describe("what is asked for", () => {
  it("while it loads has a shape and a name", () => {
    show(query({}));
    expect(screen.getByRole("status", { name: "Loading keys" }).textContent).toBe("skeleton");
  });

  it("when it is empty says the next step", () => {
    show(query({ data: [] }));
    expect(screen.getByText("make the first one")).toBeTruthy();
  });

  it("when it fails says why and is tried again", () => {
    const asked = query({ error: new ProblemError(503, undefined) });
    show(asked);
    expect(screen.getByRole("alert").textContent).toContain("Could not load keys. The API answered 503");
    fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(asked.refetch).toHaveBeenCalledOnce();
  });

  it("when it fails later keeps the last data and says how old they are", () => {
    show(query({ data: ["a"], error: new ProblemError(0, undefined), dataUpdatedAt: Date.now() - 65_000 }));
    expect(screen.getByText(/These keys are from 1.min ago/)).toBeTruthy();
    // A region that is read out does not change each second.
    expect(screen.getByRole("status").textContent).toMatch(/^The API does not answer/);
    expect(screen.getByRole("list").textContent).toBe("a");
  });

  it("when it is forbidden offers no second try", () => {
    show(
      query({ error: new ProblemError(403, { code: "forbidden", detail: "this needs the role `admin`" }) }),
    );
    expect(screen.queryByRole("button")).toBeNull();
    expect(screen.getByRole("status").textContent).toContain("role `admin`");
  });
});
