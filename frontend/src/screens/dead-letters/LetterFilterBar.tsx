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
    <FilterBar
      values={{
        status: filter.status ?? "open",
        code: filter.code,
        type: filter.type,
        userId: filter.userId,
      }}
      apply={apply}
      clear={() => void navigate({ search: {} })}
    >
      <SelectField label="State" name="status" className="w-full sm:w-36">
        <option value="open">open</option>
        <option value="replayed">replayed</option>
        <option value="discarded">discarded</option>
        <option value="all">all</option>
      </SelectField>
      <TextField label="Code" name="code" placeholder="any" className="w-full sm:w-40" />
      <TextField label="Type" name="type" placeholder="any" className="w-full sm:w-40" />
      <TextField label="User" name="userId" placeholder="any" className="w-full sm:w-48" />
    </FilterBar>
  );
}
