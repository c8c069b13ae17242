import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { Confirm } from "./Confirm";

afterEach(cleanup);

/** The question, its button and its field. */
function ask(name: string) {
  const confirm = vi.fn();
  render(
    <Confirm
      title="Revoke?"
      name={name}
      action="Revoke"
      busy={false}
      error={null}
      confirm={confirm}
      close={vi.fn()}
    >
      It never works again.
    </Confirm>,
  );
  return {
    confirm,
    button: screen.getByRole("button", { name: "Revoke" }),
    field: screen.getByRole("textbox"),
  };
}

it("what cannot be undone waits until the name is typed", () => {
  const { confirm, button, field } = ask("shop");
  fireEvent.change(field, { target: { value: "sho" } });
  expect(button).toHaveProperty("disabled", true);
  fireEvent.submit(field);
  expect(confirm).not.toHaveBeenCalled();
  fireEvent.change(field, { target: { value: "shop" } });
  fireEvent.click(button);
  expect(confirm).toHaveBeenCalledOnce();
});

it("a name can be typed as it is seen, whatever blanks it has", () => {
  const { confirm, button, field } = ask(" my  shop ");
  fireEvent.change(field, { target: { value: "my shop" } });
  fireEvent.click(button);
  expect(confirm).toHaveBeenCalledOnce();
  cleanup();
  const blank = ask("  ");
  expect(blank.button).toHaveProperty("disabled", true);
  fireEvent.change(blank.field, { target: { value: "yes" } });
  expect(blank.button).toHaveProperty("disabled", false);
});
