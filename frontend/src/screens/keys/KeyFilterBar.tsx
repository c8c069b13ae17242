// Which keys.
import { useNavigate } from "@tanstack/react-router";
import { SelectField, TextField } from "@/ui/Field";
import { FilterBar } from "@/ui/FilterBar";
import type { KeyFilter } from "./filter";

export function KeyFilterBar({ filter }: { filter: KeyFilter }) {
  const navigate = useNavigate({ from: "/keys" });
  return (
    <FilterBar
      values={{ name: filter.name, state: filter.state }}
      apply={({ name, state }) => void navigate({ search: { name, state } })}
      clear={() => void navigate({ search: {} })}
    >
      <TextField label="Name or key" name="name" placeholder="any" className="w-full sm:w-56" />
      <SelectField label="State" name="state" className="w-full sm:w-36">
        <option value="">any</option>
        <option value="active">active</option>
        <option value="revoked">revoked</option>
      </SelectField>
    </FilterBar>
  );
}
