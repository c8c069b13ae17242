// A moment: relative to now, the exact one on hover and for assistive technology.

import { exact, relative, useNow } from "@/lib/time";
import { usePreferences } from "@/shell/Preferences";

/** `exactly`: the other way round, where rows are compared with each other. */
export function When({ at, exactly = false }: { at: string | number | null | undefined; exactly?: boolean }) {
  const { zone } = usePreferences();
  const now = useNow();
  if (at === null || at === undefined) return <span>–</span>;
  const moment = new Date(at).getTime();
  const [precise, roughly] = [exact(moment, zone), relative(moment, now)];
  return (
    <time
      dateTime={new Date(moment).toISOString()}
      title={exactly ? roughly : precise}
      className="sm:whitespace-nowrap"
    >
      {exactly ? precise : roughly}
    </time>
  );
}
