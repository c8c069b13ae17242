// Why there are as many workers as there are: each decision with its numbers, in words.
import { useQuery } from "@tanstack/react-query";
import { type ScalingDecision, scaling } from "@/api/queries";
import { count, duration, short } from "@/lib/format";
import { Card, PageHead } from "@/ui/Card";
import { Empty, Loaded, SkeletonRows } from "@/ui/Loaded";
import { Notice } from "@/ui/Status";
import { type Column, Table } from "@/ui/Table";
import { When } from "@/ui/When";
import { Current } from "./Current";
import { isObeyed, isReckoned, LIMITS, reason } from "./reasons";

/** A decision older than this is history: whoever scales decides every `pollPeriodSeconds`, which is 60 at most. */
const STALE_SECONDS = 150;

export function Scaling() {
  const query = useQuery(scaling);
  return (
    <>
      <PageHead
        title="Scaling"
        lead="What the lag asks for, and whether it is obeyed. Each change, and each change of reason, stands here."
      />
      <Loaded
        query={query}
        what="decisions"
        bare
        skeleton={
          <Card>
            <SkeletonRows rows={8} />
          </Card>
        }
        isEmpty={(data) => data.decisions.length === 0}
        empty={<None />}
      >
        {(data) => <Decisions decisions={data.decisions} />}
      </Loaded>
    </>
  );
}

function Decisions({ decisions }: { decisions: ScalingDecision[] }) {
  const [newest] = decisions;
  if (!newest) return null;
  return (
    <div className="flex flex-col gap-4">
      {newest.ageSeconds > STALE_SECONDS && (
        <Notice state="warn">
          Nothing was decided for {duration(newest.ageSeconds)}: whatever scales this pipeline is stopped, or
          does not reach Redis. The number of workers stays as it is.
        </Notice>
      )}
      <Current decision={newest} />
      <Card title="Decisions" aside="newest first; the same decision again is one row">
        <Table label="Decisions" rows={decisions} id={(row) => row.since} columns={COLUMNS} />
      </Card>
    </div>
  );
}

const COLUMNS: Column<ScalingDecision>[] = [
  { head: "Since", cell: (row) => <When at={row.since} /> },
  {
    head: "Workers",
    cell: (row) =>
      !isObeyed(row) || row.current === row.desired ? (
        count(row.current)
      ) : (
        <span className="font-semibold">
          {row.current} → {row.desired}
        </span>
      ),
    numeric: true,
  },
  {
    head: "Reason",
    cell: (row) => <span className="whitespace-nowrap">{reason(row)}</span>,
  },
  {
    head: "In words",
    cell: (row) => (
      <div className="sm:min-w-72">
        <p className="first-letter:uppercase">{row.sentence}</p>
        {isReckoned(row) && row.clamps.length > 0 && (
          <p className="text-xs text-soft">
            Limited by{" "}
            {row.clamps
              .map((clamp) => `${LIMITS[clamp.by] ?? clamp.by} (${clamp.from} → ${clamp.to})`)
              .join(", ")}
          </p>
        )}
      </div>
    ),
    className: "w-full",
  },
  { head: "Arrive", cell: (row) => `${short(row.rates.arrival)} /s`, numeric: true },
  { head: "Waited", cell: (row) => short(row.backlogEvents), numeric: true },
];

function None() {
  return (
    <Card>
      <Empty title="No decision was made yet">
        On Kubernetes the first one comes once there are workers; the last one also stands in{" "}
        <code className="font-mono">kubectl describe epl NAME</code>, under status.scaling. Under{" "}
        <code className="font-mono">make run</code> it comes within seconds, and never while the number of
        workers is fixed there by <code className="font-mono">--workers</code> or{" "}
        <code className="font-mono">scaling: Manual</code>.
      </Empty>
    </Card>
  );
}
