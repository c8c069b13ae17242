// How a person sees the console: the same settings as in the top bar, kept with the account as soon as they are chosen.
import { useQuery } from "@tanstack/react-query";
import { settings } from "@/api/queries";
import { counted } from "@/lib/format";
import { exact, useNow } from "@/lib/time";
import { type Theme, usePreferences } from "@/shell/Preferences";
import { Card } from "@/ui/Card";
import { SelectField } from "@/ui/Field";
import { Loaded, SkeletonRows } from "@/ui/Loaded";
import { Notice, Status } from "@/ui/Status";
import { withChosen, zones } from "./zones";

const ROWS = [10, 25, 50, 100, 250, 1_000];

export function Look() {
  const query = useQuery(settings);
  const { outcome } = usePreferences();
  return (
    <Card
      title="How you see the console"
      aside={outcome.saved ? <Status state="ok">Saved</Status> : "Each choice is kept at once"}
    >
      <Loaded query={query} what="settings" skeleton={<SkeletonRows rows={5} />}>
        {() => <Fields />}
      </Loaded>
    </Card>
  );
}

function Fields() {
  const { theme, zone, kept, change } = usePreferences();
  const now = useNow();
  const timeZone = kept?.timeZone ?? "local";
  const pageRows = kept?.pageRows ?? 100;
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <div className="grid gap-5 p-4 sm:grid-cols-2">
      <SelectField
        label="Theme"
        value={theme}
        onChange={(event) => change({ theme: event.target.value as Theme })}
        hint="Also in the top bar"
      >
        <option value="system">As the system</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </SelectField>
      <SelectField
        label="Rows of a page in lists"
        value={pageRows}
        onChange={(event) => change({ pageRows: Number(event.target.value) })}
      >
        {withChosen(ROWS, pageRows).map((rows) => (
          <option key={rows} value={rows}>
            {counted(rows, "row")}
          </option>
        ))}
      </SelectField>
      <div className="min-w-0 sm:col-span-2">
        <SelectField
          label="Time zone"
          value={timeZone}
          onChange={(event) => change({ timeZone: event.target.value })}
          hint={
            <>
              Now it is <span className="font-mono">{exact(now, zone).replace(/\.\d+/, "")}</span>
            </>
          }
        >
          <option value="local">Local, of this browser ({local})</option>
          <option value="UTC">UTC</option>
          {withChosen(zones(), timeZone === "local" || timeZone === "UTC" ? undefined : timeZone).map(
            (name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ),
          )}
        </SelectField>
      </div>
      {zone !== timeZone && (
        <div className="sm:col-span-2">
          <Notice state="warn">
            This browser does not know the time zone {timeZone}; times are shown in its own.
          </Notice>
        </div>
      )}
    </div>
  );
}
