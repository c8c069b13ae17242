// Whose events, of which type, from when to when; and one of them by its id, which opens it wherever it is.
import { useNavigate } from "@tanstack/react-router";
import { usePreferences } from "@/shell/Preferences";
import { TextField } from "@/ui/Field";
import { FilterBar } from "@/ui/FilterBar";
import { fromField, toField } from "./moment";

type Filter = { userId?: string; type?: string; from?: string; to?: string };

export function EventFilterBar({ filter, open }: { filter: Filter; open: string | undefined }) {
  const navigate = useNavigate({ from: "/events" });
  const { zone } = usePreferences();
  const apply = ({ userId, type, from, to, event }: Record<string, string>) =>
    void navigate({
      search: { userId, type, from: fromField(from, zone), to: fromField(to, zone), event },
    });
  const where = zone === "local" ? "local time" : zone;
  return (
    <FilterBar
      values={{
        userId: filter.userId,
        type: filter.type,
        from: toField(filter.from, zone),
        to: toField(filter.to, zone),
        event: open,
      }}
      apply={apply}
      clear={() => void navigate({ search: {} })}
    >
      <TextField label="User" name="userId" placeholder="userId" className="w-full sm:w-56" />
      <TextField label="Type" name="type" placeholder="any" className="w-full sm:w-44" />
      <TextField
        label={`From (${where})`}
        name="from"
        type="datetime-local"
        step={1}
        className="w-full sm:w-52"
      />
      <TextField
        label={`Before (${where})`}
        name="to"
        type="datetime-local"
        step={1}
        className="w-full sm:w-52"
      />
      <TextField label="Id of one event" name="event" placeholder="any" className="w-full sm:w-56" />
    </FilterBar>
  );
}
