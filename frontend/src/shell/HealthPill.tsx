// The health of the pipeline in a few words, in sight on every screen.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { health } from "@/api/queries";
import { Status } from "@/ui/Status";

export function HealthPill() {
  const { data, error } = useQuery(health);
  const away =
    data && (["redis", "postgres", "mongodb"] as const).filter((name) => data[name].status !== "ok");
  const names = { redis: "Redis", postgres: "PostgreSQL", mongodb: "MongoDB" };
  return (
    <Link to="/health" className="min-w-0 overflow-hidden rounded-full" aria-live="polite">
      {error ? (
        <Status state="bad">API does not answer</Status>
      ) : !away ? (
        <Status state="unknown">Looking</Status>
      ) : away.length > 0 ? (
        <Status state="bad">{away.map((name) => names[name]).join(", ")} away</Status>
      ) : (
        <Status state="ok">All well</Status>
      )}
    </Link>
  );
}
