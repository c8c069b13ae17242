// The health of the pipeline in a few words, in sight on every screen: the worst of what the health screen says.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { health, stats } from "@/api/queries";
import { gist } from "@/screens/health/words";
import { Status } from "@/ui/Status";

export function HealthPill() {
  const { data, error } = useQuery(health);
  const figures = useQuery(stats);
  // Old figures say nothing of now.
  const told = data && gist(data, figures.error ? undefined : figures.data);
  const looking = !told || (told.state === "unknown" && figures.isPending);
  return (
    <Link to="/health" className="min-w-0 overflow-hidden rounded-full" aria-live="polite">
      {error ? (
        <Status state="bad">API does not answer</Status>
      ) : looking ? (
        <Status state="unknown">Looking</Status>
      ) : (
        <Status state={told.state}>{told.text}</Status>
      )}
    </Link>
  );
}
