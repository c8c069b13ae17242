// Whether anything is wrong, what that means for events, and what to do: in sentences.
import { useQuery } from "@tanstack/react-query";
import { health, stats } from "@/api/queries";
import { bytes, duration } from "@/lib/format";
import { Card, PageHead } from "@/ui/Card";
import { Loaded, SkeletonRows } from "@/ui/Loaded";
import { Notice, Status } from "@/ui/Status";
import { dependencies, flow, summary } from "./words";

export function HealthScreen() {
  const query = useQuery(health);
  const figures = useQuery(stats);
  return (
    <>
      <PageHead title="Health" lead="What answers, what does not, and what that means." />
      <div className="flex flex-col gap-4">
        <Card
          title="The stores"
          aside={query.data && `API ${query.data.version}, up for ${duration(query.data.uptimeSeconds)}`}
        >
          <Loaded query={query} what="answers" skeleton={<SkeletonRows />}>
            {(data) => (
              <>
                <div className="p-4 pb-2">
                  <Notice state={summary(data).state}>
                    <strong className="font-semibold">{summary(data).text}</strong>
                  </Notice>
                </div>
                <ul className="divide-y divide-line">
                  {dependencies(data).map(({ name, role, state, word, text }) => (
                    <Row key={name} name={name} role={role} state={state} word={word} text={text} />
                  ))}
                </ul>
                <p className="border-t border-line px-4 py-2 text-xs text-soft">
                  Frames in Redis that no worker has finished: {bytes(data.queuedBytes)}.
                </p>
              </>
            )}
          </Loaded>
        </Card>
        <Card title="The flow of events">
          <Loaded query={figures} what="figures" skeleton={<SkeletonRows rows={3} />}>
            {(data) => (
              <ul className="divide-y divide-line">
                {flow(data).map(({ name, state, word, text }) => (
                  <Row key={name} name={name} state={state} word={word} text={text} />
                ))}
              </ul>
            )}
          </Loaded>
        </Card>
      </div>
    </>
  );
}

function Row({ name, role, state, word, text }: ReturnType<typeof flow>[number]) {
  return (
    <li className="grid gap-x-4 gap-y-1 px-4 py-3 md:grid-cols-[11rem_8rem_1fr]">
      <div>
        <p className="font-medium">{name}</p>
        {role && <p className="text-xs text-soft">{role}</p>}
      </div>
      <div>
        <Status state={state}>{word}</Status>
      </div>
      <p>{text}</p>
    </li>
  );
}
