// Whose events, of which type, from when to when.
import { useNavigate } from "@tanstack/react-router";
import { TextField } from "@/ui/Field";
import { FilterBar } from "@/ui/FilterBar";
import { fromField, toField } from "./moment";

type Filter = { userId?: string; type?: string; from?: string; to?: string };

export function EventFilterBar({ filter }: { filter: Filter }) {
  const navigate = useNavigate({ from: "/events" });
  const apply = (values: Record<string, string>) => {
    const { userId, type } = values;
    void navigate({ search: { userId, type, from: fromField(values.from), to: fromField(values.to) } });
  };
  return (
    <FilterBar apply={apply} clear={() => void navigate({ search: {} })}>
      <TextField
        label="User"
        name="userId"
        defaultValue={filter.userId}
        placeholder="userId"
        className="w-full sm:w-56"
      />
      <TextField
        label="Type"
        name="type"
        defaultValue={filter.type}
        placeholder="any"
        className="w-full sm:w-44"
      />
      <TextField
        label="From (this computer's time)"
        name="from"
        type="datetime-local"
        step={1}
        defaultValue={toField(filter.from)}
        className="w-full sm:w-52"
      />
      <TextField
        label="Before (this computer's time)"
        name="to"
        type="datetime-local"
        step={1}
        defaultValue={toField(filter.to)}
        className="w-full sm:w-52"
      />
    </FilterBar>
  );
}
