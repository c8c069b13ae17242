// Which people.
import { useNavigate } from "@tanstack/react-router";
import { SelectField, TextField } from "@/ui/Field";
import { FilterBar } from "@/ui/FilterBar";
import type { PersonFilter } from "./filter";
import { ROLES } from "./roles";

export function PersonFilterBar({ filter }: { filter: PersonFilter }) {
  const navigate = useNavigate({ from: "/people" });
  return (
    <FilterBar
      values={{ address: filter.address, role: filter.role }}
      apply={({ address, role }) => void navigate({ search: { address, role } })}
      clear={() => void navigate({ search: {} })}
    >
      <TextField label="Address" name="address" placeholder="any" className="w-full sm:w-56" />
      <SelectField label="Role" name="role" className="w-full sm:w-36">
        <option value="">any</option>
        {Object.entries(ROLES).map(([value, { name }]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </SelectField>
    </FilterBar>
  );
}
