// Which dead letters.
import { useNavigate } from "@tanstack/react-router";
import type { LetterFilter } from "@/api/queries";
import { SelectField, TextField } from "@/ui/Field";
import { FilterBar } from "@/ui/FilterBar";

export function LetterFilterBar({ filter }: { filter: LetterFilter }) {
  const navigate = useNavigate({ from: "/dead-letters" });
  const apply = ({ status, code, type, userId }: Record<string, string>) =>
    void navigate({ search: { status: status === "open" ? undefined : status, code, type, userId } });
  return (
    <FilterBar apply={apply} clear={() => void navigate({ search: {} })}>
      <SelectField
        label="State"
        name="status"
        defaultValue={filter.status ?? "open"}
        className="w-full sm:w-36"
      >
        <option value="open">open</option>
        <option value="replayed">replayed</option>
        <option value="discarded">discarded</option>
        <option value="all">all</option>
      </SelectField>
      <TextField
        label="Code"
        name="code"
        defaultValue={filter.code}
        placeholder="any"
        className="w-full sm:w-40"
      />
      <TextField
        label="Type"
        name="type"
        defaultValue={filter.type}
        placeholder="any"
        className="w-full sm:w-40"
      />
      <TextField
        label="User"
        name="userId"
        defaultValue={filter.userId}
        placeholder="any"
        className="w-full sm:w-48"
      />
    </FilterBar>
  );
}
