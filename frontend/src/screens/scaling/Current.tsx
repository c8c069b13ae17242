// The decision that holds now, and the numbers that it was made of.
import type { ScalingDecision } from "@/api/queries";
import { counted, duration, short } from "@/lib/format";
import { certainty } from "@/screens/overview/certainty";
import { Card } from "@/ui/Card";
import { Status } from "@/ui/Status";
import { When } from "@/ui/When";
import { isObeyed, isReckoned } from "./reasons";

export function Current({ decision }: { decision: ScalingDecision }) {
  const sure = certainty(decision.certainty);
  const wanted: [string, string, string][] = [
    [
      "Workers wanted",
      counted(decision.desired, "worker"),
      isObeyed(decision) ? `of ${decision.current} there were` : `only told; there were ${decision.current}`,
    ],
    [
      "Needed",
      typeof decision.need === "number" ? `${short(decision.need)} workers` : "–",
      "before limits and whole numbers",
    ],
  ];
  const figures: [string, string, string][] = [
    ...(isReckoned(decision) ? wanted : []),
    ["Events that wait", short(decision.backlogEvents), sure.sentence],
    ["The oldest waits", duration(decision.oldestSeconds), "since it was taken"],
    [
      "Events arrive",
      `${short(decision.rates.arrival)} /s`,
      `${short(decision.rates.processed)} /s are done`,
    ],
    [
      "A worker does",
      decision.mu ? `${short(decision.mu)} /s` : "–",
      decision.mu ? "when it is busy" : "not measured yet",
    ],
  ];
  return (
    <Card
      title="Now"
      aside={
        <>
          decided <When at={decision.at} />, the same since <When at={decision.since} />
        </>
      }
    >
      <div className="flex flex-wrap items-center gap-3 px-4 pt-4">
        <p className="text-base font-medium first-letter:uppercase">{decision.sentence}</p>
        {!isObeyed(decision) && (
          <Status state="info">{isReckoned(decision) ? "only told" : "no workers"}</Status>
        )}
        <Status state={sure.state}>lag {sure.word}</Status>
      </div>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-4 p-4 md:grid-cols-3 xl:grid-cols-6">
        {figures.map(([name, value, note]) => (
          <div key={name}>
            <dt className="text-xs font-medium text-soft">{name}</dt>
            <dd>
              <span className="text-lg font-semibold">{value}</span>
              <span className="block text-xs text-soft">{note}</span>
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
