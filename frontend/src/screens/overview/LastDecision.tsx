// What the autoscaler decided last, in one line.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { scaling } from "@/api/queries";
import { Card } from "@/ui/Card";
import { Loaded } from "@/ui/Loaded";
import { When } from "@/ui/When";

export function LastDecision() {
  const query = useQuery(scaling);
  const newest = query.data?.decisions[0];
  return (
    <Card
      title="Last scaling decision"
      aside={
        <Link to="/scaling" className="text-accent underline">
          All decisions
        </Link>
      }
    >
      <Loaded
        query={query}
        what="decisions"
        skeleton={<div className="skeleton m-4 h-5" />}
        isEmpty={() => !newest}
        empty={
          <p className="px-4 py-3 text-soft">
            None yet. Under <code className="font-mono">make run</code> with a fixed number of workers there
            is none.
          </p>
        }
      >
        {() =>
          newest && (
            <p className="px-4 py-3 first-letter:uppercase">
              {newest.sentence} <span className="text-soft">· since {<When at={newest.since} />}</span>
            </p>
          )
        }
      </Loaded>
    </Card>
  );
}
