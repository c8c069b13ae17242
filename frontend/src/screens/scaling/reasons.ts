// The law's reasons and limits in words; a reason that is new here is shown by its own name.
import type { ScalingDecision } from "@/api/queries";

type Told = Pick<ScalingDecision, "mode" | "reason">;

/** Whether the number of workers became what was decided; older releases did not say. */
export function isObeyed({ mode }: Pick<Told, "mode">): boolean {
  return !mode || mode === "Lag";
}

/** Whether what was reckoned is of any use: a pipeline that shall not run has no workers, whatever is reckoned. */
export function isReckoned({ mode }: Pick<Told, "mode">): boolean {
  return mode !== "Paused" && mode !== "Stopped";
}

export function reason(decision: Told): string {
  if (!isReckoned(decision)) return decision.mode === "Paused" ? "paused" : "stopped";
  return REASONS[decision.reason] ?? decision.reason;
}

const REASONS: Record<string, string> = {
  Bounds: "outside the bounds",
  HeldUnknownLag: "held: the lag is unknown",
  Idle: "idle",
  WentIdle: "went idle",
  LearningCapacity: "learning what a worker does",
  WokeUp: "woken",
  HeldStalled: "held: nothing is processed",
  HeldPodsNotStarting: "held: workers do not start",
  HeldStabilizing: "held for now",
  ArrivalRate: "arrivals",
  BacklogAboveTarget: "backlog above target",
  Steady: "steady",
  SinkCeiling: "the sink is at its limit",
  AtMaxReplicas: "at the maximum",
  LoadFell: "the load fell",
};

export const LIMITS: Record<string, string> = {
  queuedEvents: "the number of events",
  sinkCeiling: "what the sink takes",
  maxReplicas: "maxReplicas",
  minReplicas: "minReplicas",
  maxAge: "maxAgeSeconds",
  scaleUpStabilization: "scaleUp.stabilizationSeconds",
  scaleUpStep: "the step upwards",
  scaleDownStabilization: "scaleDown.stabilizationSeconds",
  scaleDownPercent: "the step downwards",
};
