import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { Confirm } from "./Confirm";

afterEach(cleanup);

it("what cannot be undone waits until the name is typed", () => {
  const confirm = vi.fn();
  render(
    <Confirm
      title="Revoke?"
      name="shop"
      action="Revoke"
      busy={false}
      error={null}
      confirm={confirm}
      close={vi.fn()}
    >
      It never works again.
    </Confirm>,
  );
  const [button, field] = [screen.getByRole("button", { name: "Revoke" }), screen.getByRole("textbox")];
  fireEvent.change(field, { target: { value: "sho" } });
  expect(button).toHaveProperty("disabled", true);
  fireEvent.submit(field);
  expect(confirm).not.toHaveBeenCalled();
  fireEvent.change(field, { target: { value: "shop" } });
  fireEvent.click(button);
  expect(confirm).toHaveBeenCalledOnce();
});
